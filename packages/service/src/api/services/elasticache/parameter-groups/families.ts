import { invalidValue } from '../../../../errors.ts'
import { families } from '../../../../model/engine-versions.ts'
import { requiredText } from '../../../required.ts'

/** The family of a request. Throws `InvalidParameterValueException` with the list of those that there are. */
export const familyNamed = (text: string | undefined): string => {
  const wanted = requiredText('CacheParameterGroupFamily', text)
  const found = families.find(({ family }) => family === wanted.toLowerCase())
  if (found !== undefined) return found.family
  const known = families.map(({ family }) => family).join(', ')
  throw invalidValue(`CacheParameterGroupFamily ${wanted} is not a valid parameter group family. Valid families: ${known}.`)
}
