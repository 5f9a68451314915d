import { invalidValue } from '../errors.ts'

/** The members that every Describe operation has. */
export interface PageRequest {
  readonly MaxRecords?: number | undefined
  readonly Marker?: string | undefined
}

export interface Page<T> {
  readonly items: readonly T[]
  /** Where the next page starts. Undefined on the last one. */
  readonly marker: string | undefined
}

const mostRecords = 100
const fewestRecords = 20

const encode = (key: string): string => Buffer.from(key, 'utf8').toString('base64')

const decode = (marker: string): string => {
  const key = Buffer.from(marker, 'base64').toString('utf8')
  if (key === '' || encode(key) !== marker)
    throw invalidValue(`The marker ${marker.slice(0, 100)} is not one that a request before gave.`)
  return key
}

/** Code unit order, which is what markers are compared by; not the order of a language. */
export const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0

/** How many records, and after which key (null: from the start). Throws `InvalidParameterValueException`. */
export const pageRequest = (request: PageRequest): { readonly limit: number; readonly after: string | null } => {
  const limit = request.MaxRecords ?? mostRecords
  if (!Number.isInteger(limit) || limit < fewestRecords || limit > mostRecords) {
    throw invalidValue(`Invalid value ${limit} for MaxRecords. Must be between ${fewestRecords} and ${mostRecords}.`)
  }
  // AWS's samples show an empty marker where there is none; clients send it back.
  const marker = request.Marker ?? ''
  return { limit, after: marker === '' ? null : decode(marker) }
}

/**
 * One page of `items`, which are sorted by `keyOf`, each key once. As on AWS the marker is the base64 form of the last key of the
 * page, so that what is added or removed between two requests neither hides nor repeats another item.
 */
export const pageOf = <T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  request: PageRequest,
  order: 'ascending' | 'descending' = 'ascending',
): Page<T> => {
  const { limit, after } = pageRequest(request)
  const beyond = (key: string): boolean => after === null || (order === 'ascending' ? key > after : key < after)
  const rest = items.filter((item) => beyond(keyOf(item)))
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  return { items: page, marker: rest.length > page.length && last !== undefined ? encode(keyOf(last)) : undefined }
}
