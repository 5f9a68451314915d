/**
 * What an entry rests on, as one text: the epoch of its shard, and each tag with the version that it had before the load. An entry counts only while
 * the stamp that is made of what the server has now is the same text.
 */
import { shown, usage } from '../check.ts'

/** A version as its shard has it, with the shard's epoch. Null: there is none. */
export interface Version {
  readonly epoch: string
  readonly version: string | null
}

const between = '\n'
const beforeVersion = '\t'
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const control = /[\u0000-\u001f]/

/** Each once, in one order, whatever the order in which they were named. Throws `usage`. */
export const tagsOf = (tags: readonly string[] | undefined): readonly string[] => {
  if (tags === undefined) return []
  if (!Array.isArray(tags)) throw usage('tags to be a list of texts', shown(tags))
  if (tags.length === 0) return []
  for (const tag of tags)
    if (typeof tag !== 'string' || tag === '' || control.test(tag) || !tag.isWellFormed())
      throw usage('tags to be texts of whole characters without control characters', shown(tag))
  return tags.length === 1 ? tags : [...new Set(tags)].sort()
}

/** Null where a version is missing: nothing that was stored before can rest on it. */
export const stampOf = (epoch: string, tags: readonly string[], versions: readonly Version[]): string | null => {
  let stamp = epoch
  for (const [index, tag] of tags.entries()) {
    const one = versions[index]
    if (one === undefined || one.version === null) return null
    stamp += between + tag + beforeVersion + (one.epoch === epoch ? one.version : `${one.epoch}.${one.version}`)
  }
  return stamp
}

/** With which an entry was stored. */
export const storedTags = (stamp: string): readonly string[] =>
  stamp
    .split(between)
    .slice(1)
    .map((part) => part.split(beforeVersion)[0] ?? '')

export type Difference =
  | { readonly kind: 'epoch' }
  | { readonly kind: 'tags'; readonly stored: readonly string[] }
  | { readonly kind: 'invalidated'; readonly tags: readonly string[] }

/** Why one stamp is not the other. Null: it is. */
export const difference = (
  stored: string,
  epoch: string,
  tags: readonly string[],
  versions: readonly Version[],
): Difference | null => {
  if (stored === stampOf(epoch, tags, versions)) return null
  const [storedEpoch, ...parts] = stored.split(between)
  if (storedEpoch !== epoch) return { kind: 'epoch' }
  const named = storedTags(stored)
  if (named.join(between) !== tags.join(between)) return { kind: 'tags', stored: named }
  const changed = tags.filter((tag, index) => {
    const now = stampOf(epoch, [tag], versions.slice(index, index + 1))
    return now !== [epoch, parts[index]].join(between)
  })
  return { kind: 'invalidated', tags: changed }
}
