/** Names of keys on the server. What belongs to one entry is in one slot. */
import { shown, usage } from '../check.ts'

const special = /[{}%]/
const bare = (text: string): string => (special.test(text) ? text.replace(/[{}%]/g, (one) => encodeURIComponent(one)) : text)

export interface Keys {
  entry(key: string): string
  /** Who is loading or writing the entry. */
  lock(key: string): string
  tag(tag: string): string
  /** Processes that have a near cache: a sorted set of their ids, by the number of the last invalidation that each has seen to. */
  readonly nearMembers: string
  /** The number of the last invalidation. */
  readonly nearClock: string
}

export const keysOf = (namespace: string): Keys => {
  if (typeof namespace !== 'string' || namespace === '' || special.test(namespace) || !namespace.isWellFormed())
    throw usage('a namespace that is a text without {, } and %', shown(namespace))
  return {
    entry: (key) => `${namespace}:e:{${bare(key)}}`,
    lock: (key) => `${namespace}:l:{${bare(key)}}`,
    tag: (tag) => `${namespace}:t:${bare(tag)}`,
    nearMembers: `${namespace}:{near}:members`,
    nearClock: `${namespace}:{near}:clock`,
  }
}
