/** What reading and writing share: the fence, the time, and whether the server is asked at all. */

import { isCacheError, messageOf } from '../errors.ts'
import { newId } from '../ids.ts'
import { afterAsking, type BreakerState, beforeAsking, closed } from './breaker.ts'
import { type Codec, pack, unpack } from './codec.ts'
import type { Entry, ReadEntry } from './entry.ts'
import type { Observation } from './events.ts'
import type { Fence, Place } from './fence.ts'
import { freeze } from './freeze.ts'
import type { Near } from './near.ts'
import type { Rules } from './options.ts'

/** Times are milliseconds, sizes are bytes. */
export interface Settings {
  /** For so long a lock outlives a process that dies. */
  readonly lockTime: number
  /** For so long a load of another process is waited for. */
  readonly waitTime: number
  readonly compressAbove: number
  readonly maxEntryBytes: number
  readonly breaker: { readonly failures: number; readonly wait: number; readonly longest: number }
}

export interface CoreDependencies {
  readonly fence: Fence
  /** Milliseconds since 1970: for what is stored alone, since it jumps where somebody sets the clock of the machine. */
  readonly now: () => number
  /** Milliseconds by a clock that never jumps: for every duration. */
  readonly steady: () => number
  /** From 0 up to 1. */
  readonly random: () => number
  readonly codec: Codec
  readonly near: Near | null
  readonly observation: Observation
  readonly settings: Settings
  /** Whether an invalidation that the server could not be told still has to be told. */
  readonly isPending: (place: Place) => boolean
}

const jitter = 0.1
const mostRefusals = 1_000
export const unreadable = Symbol('unreadable')

export interface Outcome {
  /** As the codec wrote them. Null: it could not write the value. */
  readonly bytes: Buffer | null
  readonly value: unknown
  /** The value was made from the bytes, and nobody has it yet. */
  isFresh: boolean
}

export const createCore = (dependencies: CoreDependencies) => {
  const { fence, now, steady, random, codec, near, observation, settings, isPending } = dependencies
  let breaker: BreakerState = closed

  /** Where it is time to try whether the server is back, the one who asks this has to ask it. */
  const isOpen = (): boolean => {
    if (breaker === closed) return false
    const { state, ask } = beforeAsking(breaker, steady())
    breaker = state
    return !ask
  }
  const answered = (): void => {
    if (breaker === closed) return
    const wasAway = breaker.kind !== 'closed'
    breaker = afterAsking(breaker, steady(), true, settings.breaker)
    if (wasAway) observation.count({ type: 'back' })
  }
  const notAnswered = (error: unknown): null => {
    if (!isCacheError(error, 'unavailable', 'refused', 'closed')) throw error
    const wasAway = breaker.kind !== 'closed'
    breaker = afterAsking(breaker, steady(), false, settings.breaker)
    failed(error)
    if (!wasAway && breaker.kind !== 'closed') observation.count({ type: 'away' })
    return null
  }
  /** Values that were given and could not be kept, by key: why. */
  const refusals = new Map<string, string>()
  let hasWarned = false
  const refuse = (key: string, why: string): void => {
    if (refusals.size >= mostRefusals) refusals.clear()
    refusals.set(key, why)
  }
  const failed = (error: unknown): void => observation.count({ type: 'error', error })

  /** Where there is a near cache everybody gets what cannot be changed, whether it comes from there or not. */
  const own = (value: unknown): unknown => {
    if (near !== null) freeze(value)
    return value
  }
  const decode = (bytes: Buffer): unknown => own(codec.decode(bytes))
  const bytesOf = ({ value, compressed }: Entry): Buffer => unpack({ bytes: value, compressed }, settings.maxEntryBytes)

  return {
    fence,
    now,
    steady,
    random,
    observation,
    settings,
    near,
    failed,
    /** Why the last value of that key was not kept. */
    whyNotKept: (key: string): string | undefined => refusals.get(key),
    /** Why the source is asked without the cache. Null: the server is to be asked. */
    whyAwayFor: (place: Place): 'open' | 'pending' | null => (isOpen() ? 'open' : isPending(place) ? 'pending' : null),
    /** For all of them together: one that may try is enough. */
    whyAway: (places: readonly Place[]): 'open' | 'pending' | null =>
      isOpen() ? 'open' : places.some(isPending) ? 'pending' : null,
    /** The server has answered, or has not, which counts. */
    answered,
    notAnswered,
    /** Null: the server does not answer. */
    ask: <T>(work: Promise<T>): Promise<T | null> =>
      work.then((answer) => {
        answered()
        return answer
      }, notAnswered),
    /** Null: the codec cannot write it. */
    encode: (key: string, value: unknown): Buffer | null => {
      try {
        return codec.encode(value)
      } catch (error) {
        failed(new TypeError(`expected a value for ${key} that the codec can write`, { cause: error }))
        const why = `the codec cannot write it: ${messageOf(error)}`
        refuse(key, why)
        if (!hasWarned)
          process.emitWarning(`A value of ${key} cannot be kept, so each read asks the source: ${why}`, 'CacheWarning')
        hasWarned = true
        return null
      }
    },
    /** Of what was loaded: who gets it gets what the codec makes of it, as everybody later does. */
    outcomeOf: (bytes: Buffer | null, value: unknown): Outcome => ({ bytes, value, isFresh: false }),
    /** Each who takes it gets a value of his own. */
    take: (outcome: Outcome): unknown => {
      if (outcome.bytes === null) return outcome.value
      if (outcome.isFresh) {
        outcome.isFresh = false
        return outcome.value
      }
      try {
        return decode(outcome.bytes)
      } catch (error) {
        failed(error)
        return outcome.value
      }
    },
    /** Null: it is not what the codec writes. */
    read: (entry: Entry): Outcome | null => {
      try {
        const bytes = bytesOf(entry)
        return { bytes, value: decode(bytes), isFresh: true }
      } catch (error) {
        failed(error)
        return null
      }
    },
    bytesOf,
    /** `unreadable`: it is not what the codec writes. */
    tryRead: (entry: ReadEntry): unknown => {
      try {
        return codec.decodeText === undefined || entry.compressed ? decode(bytesOf(entry)) : own(codec.decodeText(entry.text()))
      } catch (error) {
        failed(error)
        return unreadable
      }
    },
    /** Null: it is not to be kept. */
    entryOf: (key: string, bytes: Buffer, value: unknown, stamp: string, rules: Rules, loadTime: number): Entry | null => {
      const ttl = value === null || value === undefined ? rules.negativeTtl : rules.ttl
      if (ttl === 0) return null
      if (bytes.length > settings.maxEntryBytes) {
        refuse(key, `it has ${bytes.length} bytes, and maxEntryBytes is ${settings.maxEntryBytes}`)
        return null
      }
      if (refusals.size > 0) refusals.delete(key)
      const packed = pack(bytes, settings.compressAbove)
      const storedAt = now()
      return {
        id: newId(),
        stamp,
        storedAt,
        freshUntil: storedAt + ttl * (1 - random() * jitter),
        loadTime,
        compressed: packed.compressed,
        value: packed.bytes,
      }
    },
  }
}

export type Core = ReturnType<typeof createCore>
