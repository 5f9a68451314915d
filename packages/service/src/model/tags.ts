import { Fault, invalidValue } from '../errors.ts'
import type { Tag } from './group.ts'
import { tagsOnResource } from './quotas.ts'

const allowed = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u

const checkTag = ({ key, value }: Tag): void => {
  if (key.length < 1 || key.length > 128) throw invalidValue(`A tag key must have 1 to 128 characters, found ${key.length}.`)
  if (value.length > 256) throw invalidValue(`A tag value must have at most 256 characters, found ${value.length}.`)
  if (/^aws:/i.test(key)) throw invalidValue('Tag keys that begin with aws: are reserved for AWS.')
  if (!allowed.test(key) || !allowed.test(value)) {
    throw invalidValue('Tags may hold only Unicode letters, digits, white space and the characters _ . : / = + - @')
  }
}

/** A tag as requests carry it. */
export interface RequestTag {
  readonly Key?: string | undefined
  readonly Value?: string | undefined
}

/**
 * The tags of a resource after adding; a key that is there gets the new value.
 * Throws `InvalidParameterValueException`, `TagQuotaPerResourceExceeded`.
 */
export const checkTags = (existing: readonly Tag[], requested: readonly RequestTag[] | undefined): readonly Tag[] => {
  const added = (requested ?? []).map((tag): Tag => ({ key: tag.Key ?? '', value: tag.Value ?? '' }))
  const keys = new Set<string>()
  for (const tag of added) {
    checkTag(tag)
    if (keys.has(tag.key)) throw invalidValue(`The tag key ${tag.key} is given more than once.`)
    keys.add(tag.key)
  }
  const merged = [...existing.filter((tag) => !keys.has(tag.key)), ...added]
  if (merged.length > tagsOnResource) {
    throw new Fault('TagQuotaPerResourceExceeded', `A resource can have at most ${tagsOnResource} tags, found ${merged.length}.`)
  }
  return merged
}
