/**
 * Write-behind: the cache has the value at once, the source gets it a little later. What is waiting lies in this process alone: what a process that dies
 * had not written yet is lost, though others may have read it. What it has shown is gone when its lock ends, some two seconds later.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Core } from './core.ts'
import { CacheError } from './errors.ts'
import type { Place, Write } from './fence.ts'
import type { Rules } from './options.ts'

/** Times are milliseconds. */
export interface WriteBehindOptions<T = unknown> {
  /** Writes one value to the source. Writes of one key follow one another; a later value of a key that is still waiting takes the place of the earlier. */
  readonly write: (key: string, value: T) => Promise<unknown>
  /** Most keys that wait. Who puts another one waits until there is room. Default: 1,000. */
  readonly most?: number
  /** Most writes at once. Default: 8. */
  readonly atOnce?: number
  /** For so long a value waits for a later one to take its place. Default: 0. */
  readonly linger?: number
  /** How often a write that fails is tried again, with growing pauses from 50 to 5,000. Default: 10. */
  readonly retries?: number
  /** Of a value that could not be written, after the last try. It is given up. */
  readonly onLost: (key: string, value: T, error: unknown) => void
}

export interface WriteBehind<T = unknown> {
  /** Resolves when every process reads the value; the source has it later. Rejects with `unavailable` where the cache cannot be told: nothing was queued then. */
  put(key: string, value: T, options?: { readonly ttl?: number; readonly tags?: readonly string[] }): Promise<void>
  /** Resolves when everything that was put before is written, or given up. */
  flush(): Promise<void>
  /** Keys that wait or are being written. */
  size(): number
  /** Flushes; nothing can be put from now on. */
  close(): Promise<void>
}

export interface BehindDependencies {
  readonly core: Core
  readonly rulesFor: (options: { readonly ttl?: number; readonly tags?: readonly string[] } | undefined) => Rules
  readonly settleNear: (remove: () => Promise<unknown>) => Promise<void>
  /** What waits in this process, by its key, of all queues: this process reads it, whatever the server still has. */
  readonly queued: Map<string, { readonly value: unknown }>
  /** Everything of before is void, tried for as long as it takes. */
  readonly remove: (keys: readonly string[], tags: readonly string[]) => Promise<void>
}

interface Item<T> {
  readonly place: Place
  readonly rules: Rules
  hold: Write
  value: T
  /** Put again while it was being written. */
  isChanged: boolean
}

const firstPause = 50
const longestPause = 5_000

export const createWriteBehind = <T>(dependencies: BehindDependencies, options: WriteBehindOptions<T>): WriteBehind<T> => {
  const { core, rulesFor, settleNear, queued, remove } = dependencies
  const { write, most = 1_000, atOnce = 8, linger = 0, retries = 10, onLost } = options
  const { fence, settings, failed } = core
  /** In the order in which they were put. */
  const items = new Map<string, Item<T>>()
  const writing = new Set<string>()
  const waiters: (() => void)[] = []
  let isClosed = false

  const changed = (): void => {
    for (const tell of waiters.splice(0)) tell()
  }
  const nextChange = (): Promise<void> => new Promise((resolve) => void waiters.push(resolve))

  // Readers go on seeing the value as long as this process lives.
  const prolonging = setInterval(() => {
    for (const { hold } of items.values()) hold.prolong(settings.lockTime).catch(failed)
  }, settings.lockTime / 3)
  prolonging.unref()

  const entryMaker =
    ({ place, rules }: Pick<Item<T>, 'place' | 'rules'>, value: T) =>
    (stamp: string) => {
      const bytes = core.encode(place.key, value)
      const entry = bytes === null ? null : core.entryOf(bytes, value, stamp, rules, 0)
      return entry === null ? null : { entry, life: rules.life }
    }

  const writeOne = async (item: Item<T>): Promise<void> => {
    const { key, tags } = item.place
    if (linger > 0) await delay(linger)
    for (let turn = 0, pause = firstPause; ; turn += 1, pause = Math.min(longestPause, pause * 2)) {
      item.isChanged = false
      const { value } = item
      try {
        await write(key, value)
      } catch (error) {
        if (turn < retries) {
          await delay(pause)
          continue
        }
        onLost(key, value, error)
        await remove([key], tags).catch(failed)
        return
      }
      if (item.isChanged) {
        turn = -1
        continue
      }
      try {
        await settleNear(() => item.hold.finish(entryMaker(item, value)))
      } catch {
        await remove([key], tags).catch(failed)
      }
      if (!item.isChanged) return
      // Put once more while it was being told: the source gets that too.
      turn = -1
    }
  }

  const start = (): void => {
    for (const [key, item] of items) {
      if (writing.size >= atOnce) return
      if (writing.has(key)) continue
      writing.add(key)
      writeOne(item)
        .catch(failed)
        .finally(() => {
          writing.delete(key)
          if (items.get(key) === item) items.delete(key)
          if (queued.get(key) === item) queued.delete(key)
          changed()
          start()
        })
    }
  }

  const putNow = async (key: string, value: T, rules: Rules): Promise<void> => {
    const place: Place = { key, tags: rules.tags }
    const known = items.get(key)
    if (known !== undefined && known.place.tags.join('\n') !== place.tags.join('\n'))
      throw new CacheError('usage', `expected the tags with which ${key} is already waiting, found others`)
    const hold = known?.hold ?? (await fence.beginWrite(place, rules.life, settings.lockTime))
    const item: Item<T> = known ?? { place, rules, hold, value, isChanged: false }
    item.value = value
    item.isChanged = true
    // Everybody reads it from here on, and nobody stores over it while the lock is held.
    const show = async (): Promise<void> => {
      if (await item.hold.show(entryMaker(item, value), settings.lockTime)) return
      item.hold = await fence.beginWrite(place, rules.life, settings.lockTime)
      await item.hold.show(entryMaker(item, value), settings.lockTime)
    }
    await settleNear(show)
    items.set(key, item)
    queued.set(key, item)
    start()
  }
  /** Of each key one after the other. */
  const putting = new Map<string, Promise<void>>()

  return {
    put: async (key, value, given) => {
      const rules = rulesFor(given)
      for (;;) {
        const before = putting.get(key)
        if (before !== undefined)
          await before.catch(() => undefined) // told to whom it concerns
        else if (!isClosed && !items.has(key) && items.size + putting.size >= most) await nextChange()
        else break
      }
      if (isClosed) throw new CacheError('closed', 'the queue was closed')
      const work = putNow(key, value, rules)
      putting.set(key, work)
      try {
        await work
      } finally {
        putting.delete(key)
        changed()
      }
    },
    flush: async () => {
      const before = new Set(items.values())
      while ([...items.values()].some((item) => before.has(item))) await nextChange()
    },
    size: () => items.size,
    close: async () => {
      isClosed = true
      changed()
      while (items.size + putting.size > 0) await nextChange()
      clearInterval(prolonging)
    },
  }
}
