/** Parameters of IAM, by the patterns of its API reference. */
import { Fault } from '../../../errors.ts'
import type { Tag } from '../../../model/group.ts'

export type Parameters = ReadonlyMap<string, string>

const invalid = (message: string): Fault => new Fault('ValidationError', message)

const allowedInNames = 'alphanumeric characters and/or the following: +=,.@_-'

/** Longest: 64 for users, 128 for policies. */
export const isName = (text: string, longest: number): boolean => text.length <= longest && /^[A-Za-z0-9_+=,.@-]+$/.test(text)

const nameOf = (parameters: Parameters, member: string, longest: number): string => {
  const field = `${member.slice(0, 1).toLowerCase()}${member.slice(1)}`
  const value = parameters.get(member)
  if (value === undefined)
    throw invalid(`1 validation error detected: Value null at '${field}' failed to satisfy constraint: Member must not be null`)
  if (isName(value, longest)) return value
  throw invalid(
    `The specified value for ${field} is invalid. It must contain only ${allowedInNames}, and have 1 to ${longest} of them.`,
  )
}

export const longestUserName = 64
export const userNameOf = (parameters: Parameters): string => nameOf(parameters, 'UserName', longestUserName)
export const policyNameOf = (parameters: Parameters): string => nameOf(parameters, 'PolicyName', 128)

export const policyDocumentOf = (parameters: Parameters): string => {
  const value = parameters.get('PolicyDocument') ?? ''
  if (value === '')
    throw invalid(
      "1 validation error detected: Value null at 'policyDocument' failed to satisfy constraint: Member must not be null",
    )
  if (value.length <= 131_072 && /^[\t\n\r\u0020-\u00ff]*$/.test(value)) return value
  throw invalid(
    'The specified value for policyDocument is invalid. It must have at most 131072 characters, tab, line ends and \\u0020 to \\u00FF.',
  )
}

export const pathOf = (parameters: Parameters): string => {
  const value = parameters.get('Path') ?? '/'
  if (value.length <= 512 && /^\/([!-~]+\/)?$/.test(value)) return value
  throw invalid(
    'The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.',
  )
}

export const pathPrefixOf = (parameters: Parameters): string => {
  const value = parameters.get('PathPrefix') ?? '/'
  if (value.length <= 512 && /^\/[!-~]*$/.test(value)) return value
  throw invalid(
    'The specified value for pathPrefix is invalid. It must begin with / and contain only alphanumeric characters and/or / characters.',
  )
}

export const statusOf = (parameters: Parameters): 'Active' | 'Inactive' => {
  const value = parameters.get('Status')
  if (value === 'Active' || value === 'Inactive') return value
  throw invalid(`Expected Status to be Active or Inactive, found ${value?.slice(0, 60) ?? 'nothing'}.`)
}

export const accessKeyIdOf = (parameters: Parameters): string => {
  const value = parameters.get('AccessKeyId') ?? ''
  if (/^\w{16,128}$/.test(value)) return value
  throw invalid('The specified value for accessKeyId is invalid. It must have 16 to 128 letters, digits and underscores.')
}

const mostTags = 50

/** `Tags.member.1.Key`, `Tags.member.1.Value`, … Throws `InvalidInput`, `LimitExceeded`. */
export const tagsOf = (parameters: Parameters): readonly Tag[] => {
  const tags: Tag[] = []
  for (let n = 1; parameters.has(`Tags.member.${n}.Key`); n += 1)
    tags.push({ key: parameters.get(`Tags.member.${n}.Key`) ?? '', value: parameters.get(`Tags.member.${n}.Value`) ?? '' })
  if (tags.length > mostTags) throw new Fault('LimitExceeded', `Cannot exceed quota for TagsPerUser: ${mostTags}`)
  if (new Set(tags.map(({ key }) => key.toLowerCase())).size < tags.length)
    throw new Fault('InvalidInput', 'Duplicate tag keys found. Please note that Tag keys are case insensitive.')
  for (const { key, value } of tags) {
    const allowed = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u
    if (
      !allowed.test(key) ||
      !allowed.test(value) ||
      key.length < 1 ||
      key.length > 128 ||
      value.length > 256 ||
      /^aws:/i.test(key)
    )
      throw invalid(
        'Tags have keys of 1 to 128 and values of at most 256 letters, digits, white space and _ . : / = + - @, and no key begins with aws:.',
      )
  }
  return tags
}

export interface Page<T> {
  readonly items: readonly T[]
  /** Null: that is all. */
  readonly marker: string | null
}

/** `all` stand in the order of `name`, and the marker is the last name of the page before. */
export const pageOf = <T>(parameters: Parameters, all: readonly T[], name: (item: T) => string): Page<T> => {
  const given = parameters.get('MaxItems') ?? '100'
  const most = /^\d{1,4}$/.test(given) ? Number(given) : 0
  if (most < 1 || most > 1_000) throw invalid(`Expected MaxItems to be 1 to 1000, found ${given.slice(0, 60)}.`)
  const after = parameters.get('Marker')
  const rest = after === undefined ? all : all.filter((item) => name(item) > after)
  const items = rest.slice(0, most)
  const last = items.at(-1)
  return { items, marker: rest.length > items.length && last !== undefined ? name(last) : null }
}

/** Parameters that Larder does not have would otherwise be without effect. */
export const refuseOthers = (parameters: Parameters, operation: string, known: readonly string[]): void => {
  const other = [...parameters.keys()].find((name) => !known.includes(name.split('.')[0] ?? ''))
  if (other !== undefined)
    throw new Fault(
      'InvalidInput',
      `${operation} of Larder has the parameters ${known.join(', ') || 'none'}, found ${other.slice(0, 100)}.`,
    )
}
