/** Why a read would find something, or not. */

import { isCacheError, messageOf } from '../errors.ts'
import type { Core } from './core.ts'
import type { Place } from './fence.ts'
import type { Near } from './near.ts'
import { type Difference, difference, storedTags, tagsOf } from './stamp.ts'

export interface Explanation {
  /** What `get` would find now. */
  readonly result: 'hit' | 'stale' | 'miss' | 'around'
  readonly why: string
  readonly near: boolean
  /** Milliseconds since 1970. */
  readonly storedAt?: number
  readonly freshUntil?: number
  readonly bytes?: number
  readonly difference?: Difference
}

export interface ExplainDependencies {
  readonly core: Core
  readonly near: Near | null
  /** Whether this process has written it, and the source has it not yet. */
  readonly isQueued: (key: string) => boolean
  /** Whether an invalidation still has to be told. */
  readonly isPending: (place: Place) => boolean
}

const list = (tags: readonly string[]): string => tags.join(', ') || '(none)'

const reasonFor = (what: Difference, tags: readonly string[]): string => {
  switch (what.kind) {
    case 'epoch':
      return 'the server has failed over or started anew since, and may have lost an invalidation'
    case 'tags':
      return `it was stored with the tags ${list(what.stored)}, and is asked for with ${list(tags)}`
    case 'invalidated':
      return `invalidated since it was loaded: ${what.tags.join(', ')}`
  }
}

export const createExplain = ({ core, near, isQueued, isPending }: ExplainDependencies) => {
  const { fence, now } = core

  const tagsStoredWith = async (key: string): Promise<readonly string[]> => {
    const [reading] = await fence.read([{ key, tags: [] }])
    return reading?.entry ? storedTags(reading.entry.stamp) : []
  }

  const lookAt = async (place: Place, isNear: boolean): Promise<Explanation> => {
    const [reading] = await fence.read([place])
    if (reading === undefined || reading.entry === null) {
      const refusal = core.whyNotKept(place.key)
      const why =
        refusal === undefined
          ? 'nothing is stored: it never was, has ended, was evicted or removed'
          : `the value that this process had last could not be kept: ${refusal}`
      return { result: 'miss', why, near: isNear }
    }
    const { entry, epoch, versions } = reading
    const facts = { near: isNear, storedAt: entry.storedAt, freshUntil: entry.freshUntil, bytes: entry.value.length }
    const what = difference(entry.stamp, epoch, place.tags, versions)
    if (what !== null) return { ...facts, result: 'miss', difference: what, why: reasonFor(what, place.tags) }
    const over = now() - entry.freshUntil
    return over >= 0
      ? { ...facts, result: 'stale', why: `its time is over since ${Math.round(over)} ms` }
      : { ...facts, result: 'hit', why: `fresh for another ${Math.round(-over)} ms` }
  }

  return async (key: string, given: readonly string[] | undefined): Promise<Explanation> => {
    const named = given === undefined ? undefined : tagsOf(given)
    if (isQueued(key))
      return { result: 'hit', why: 'it was written by this process, and waits until the source has it', near: true }
    try {
      const place: Place = { key, tags: named ?? (await tagsStoredWith(key)) }
      const isNear = near?.get(key, place.tags) !== undefined
      if (isPending(place))
        return {
          result: 'around',
          why: 'an invalidation could not be told to the server yet: this process reads around the cache',
          near: isNear,
        }
      return await lookAt(place, isNear)
    } catch (error) {
      if (!isCacheError(error, 'unavailable', 'refused')) throw error
      return { result: 'around', why: `the server cannot be asked: ${messageOf(error)}`, near: false }
    }
  }
}
