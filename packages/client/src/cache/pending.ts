/** Invalidations that the server could not be told. They are told as soon as it can be, and until then this process reads around the cache. */
import { setTimeout as delay } from 'node:timers/promises'
import { CacheError, isCacheError } from '../errors.ts'
import type { Place } from './fence.ts'

const firstPause = 10
const longestPause = 500

interface What {
  readonly keys: readonly string[]
  readonly tags: readonly string[]
}

export interface Pending {
  has(place: Place): boolean
  /**
   * Tries until it is done or the time is over. Rejects with `unavailable` or `refused`; it is then tried on in the background, as long as this process
   * lives.
   */
  settle(what: What, tell: () => Promise<void>, time: number): Promise<void>
  /** Resolves when nothing is left to be told. */
  idle(): Promise<void>
  close(): void
}

/** `forget`: what this process has near of it is not to be given from now on. */
export const createPending = (forget: (what: What) => void): Pending => {
  const keys = new Map<string, number>()
  const tags = new Map<string, number>()
  const untold = new Set<Promise<void>>()
  const ended = new AbortController()

  const add = (counts: Map<string, number>, names: readonly string[], by: number): void => {
    for (const name of names) {
      const count = (counts.get(name) ?? 0) + by
      if (count === 0) counts.delete(name)
      else counts.set(name, count)
    }
  }

  const tryUntilDone = async (tell: () => Promise<void>, deadline: number): Promise<void> => {
    for (let pause = firstPause; ; pause = Math.min(longestPause, pause * 2)) {
      try {
        return await tell()
      } catch (error) {
        if (!isCacheError(error, 'unavailable') || performance.now() + pause > deadline) throw error
        await delay(pause, undefined, { signal: ended.signal, ref: deadline !== Number.POSITIVE_INFINITY })
      }
    }
  }

  return {
    has: (place) => (keys.size > 0 && keys.has(place.key)) || (tags.size > 0 && place.tags.some((tag) => tags.has(tag))),
    settle: async (what, tell, time) => {
      const deadline = performance.now() + time
      try {
        await tell()
        return
      } catch (error) {
        if (!isCacheError(error)) throw error
      }
      add(keys, what.keys, 1)
      add(tags, what.tags, 1)
      forget(what)
      const done = (): void => {
        add(keys, what.keys, -1)
        add(tags, what.tags, -1)
      }
      try {
        await tryUntilDone(tell, deadline)
        done()
      } catch (error) {
        const inBackground = async (): Promise<void> => {
          while (!ended.signal.aborted) {
            try {
              await tryUntilDone(tell, Number.POSITIVE_INFINITY)
              return
            } catch {
              // Refused: somebody has to mend it at the server first.
              await delay(longestPause, undefined, { ref: false })
            }
          }
        }
        const telling: Promise<void> = inBackground()
          .then(done, done)
          .then(() => void untold.delete(telling))
        untold.add(telling)
        throw isCacheError(error) ? error : new CacheError('unavailable', 'the cache was closed', { cause: error })
      }
    },
    idle: async () => {
      await Promise.all(untold)
    },
    close: () => ended.abort(),
  }
}
