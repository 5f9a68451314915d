import { invalidValue } from '../errors.ts'

/** A text that must be there. Throws `InvalidParameterValueException` in AWS's words. */
export const requiredText = (name: string, value: string | undefined): string => {
  if (value === undefined || value === '') throw invalidValue(`The parameter ${name} must be provided and must not be blank.`)
  return value
}

/** A list with at least one item. Throws `InvalidParameterValueException` in AWS's words. */
export const requiredList = <T>(name: string, value: readonly T[] | undefined): readonly T[] => {
  if (value === undefined || value.length === 0) throw invalidValue(`The parameter ${name} must be provided.`)
  return value
}
