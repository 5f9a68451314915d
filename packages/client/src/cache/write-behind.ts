/**
 * Write-behind: the cache has the value at once, the source gets it a little later. What is waiting lies in this process alone: what a process that dies
 * had not written yet is lost, though others may have read it. What it has shown is gone when its lock ends, some two seconds later.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { aFunction, checkKey, checkOptions, type Kind, longestTimer, type Table } from '../check.ts'
import { CacheError } from '../errors.ts'
import type { Core } from './core.ts'
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
  /** How many values were put, and which of them the source has, or was given up. */
  count: number
  written: number
  /** By the clock that only goes forward: a later value may take its place until then. */
  due: number
}

const firstPause = 50
const longestPause = 5_000
/** Others who write the same key at the same time may take the lock each time. */
const mostShows = 5

const from = (least: number): Kind => ({
  is: `a number from ${least} to ${longestTimer}`,
  holds: (value) => typeof value === 'number' && value >= least && value <= longestTimer,
})
const queueOptions: Table = {
  write: aFunction,
  onLost: aFunction,
  most: from(1),
  atOnce: from(1),
  linger: from(0),
  retries: from(0),
}

export const createWriteBehind = <T>(dependencies: BehindDependencies, options: WriteBehindOptions<T>): WriteBehind<T> => {
  const { core, rulesFor, settleNear, queued, remove } = dependencies
  checkOptions('writeBehind', options, queueOptions, ['write', 'onLost'])
  const { write, onLost, most = 1_000, atOnce = 8, linger = 0, retries = 10 } = options
  const { fence, settings, failed } = core
  /** In the order in which they are due. */
  const items = new Map<string, Item<T>>()
  const writing = new Set<Item<T>>()
  /** Keys that are on their way into it. */
  const joining = new Set<string>()
  const waiters: (() => void)[] = []
  let isClosed = false
  let timer: NodeJS.Timeout | undefined

  const add = (key: string, item: Item<T>): void => {
    items.set(key, item)
    queued.set(key, item)
  }
  const drop = (key: string): void => {
    if (queued.get(key) === items.get(key)) queued.delete(key)
    items.delete(key)
  }

  const changed = (): void => {
    for (const tell of waiters.splice(0)) tell()
  }
  const nextChange = (): Promise<void> => new Promise((resolve) => void waiters.push(resolve))

  /** What the server is told of one key, it is told in the order in which it was asked for: nothing that was put is shown before what was put earlier is over. */
  const lines = new Map<string, Promise<unknown>>()
  const inLine = <R>(key: string, work: () => Promise<R>): Promise<R> => {
    const before = lines.get(key)
    const result = before === undefined ? work() : before.then(work, work)
    lines.set(key, result)
    const end = (): void => {
      if (lines.get(key) === result) lines.delete(key)
      changed()
    }
    result.then(end, end)
    return result
  }

  // Readers go on seeing the value as long as this process lives.
  const prolonging = setInterval(() => {
    for (const { hold } of items.values()) hold.prolong(settings.lockTime).catch(failed)
  }, settings.lockTime / 3)
  prolonging.unref()

  const entryMaker =
    ({ place, rules }: Pick<Item<T>, 'place' | 'rules'>, value: T) =>
    (stamp: string) => {
      const bytes = core.encode(place.key, value)
      const entry = bytes === null ? null : core.entryOf(place.key, bytes, value, stamp, rules, 0)
      return entry === null ? null : { entry, life: rules.life }
    }

  /** The last one that was put, or the next one that takes its place. False: it was not written, and nothing came in its place. */
  const writeToSource = async (item: Item<T>): Promise<boolean> => {
    let { count } = item
    for (let turn = 0, pause = firstPause; ; turn += 1, pause = Math.min(longestPause, pause * 2)) {
      // A later one has as many tries as any.
      if (item.count !== count) turn = 0
      count = item.count
      const { value } = item
      try {
        await write(item.place.key, value)
        item.written = count
        return true
      } catch (error) {
        if (turn < retries || item.count !== count) {
          await delay(pause)
          continue
        }
        item.written = count
        // What it was is not shown any longer, whatever the application does when it is told.
        await inLine(item.place.key, async () => {
          if (item.count !== count) return
          drop(item.place.key)
          await remove([item.place.key], item.place.tags).catch(failed)
        })
        try {
          onLost(item.place.key, value, error)
        } catch (cause) {
          failed(cause)
        }
        return false
      }
    }
  }

  const writeOne = async (item: Item<T>): Promise<void> => {
    const { key, tags } = item.place
    if (await writeToSource(item))
      await inLine(key, async () => {
        if (item.count !== item.written) return
        drop(key)
        try {
          await settleNear(() => item.hold.finish(entryMaker(item, item.value)))
        } catch {
          await remove([key], tags).catch(failed)
        }
      })
    if (items.get(key) !== item) return
    // Put once more meanwhile: behind the others.
    drop(key)
    item.due = performance.now() + linger
    add(key, item)
  }

  const start = (): void => {
    clearTimeout(timer)
    for (const item of items.values()) {
      if (writing.size >= atOnce) return
      if (writing.has(item)) continue
      const left = item.due - performance.now()
      if (left > 0 && !isClosed) {
        timer = setTimeout(start, left)
        return
      }
      writing.add(item)
      writeOne(item)
        .catch(failed)
        .finally(() => {
          writing.delete(item)
          changed()
          start()
        })
    }
  }

  /** False: somebody else has the lock by now, or has made one of the tags void, so that nobody would read it. */
  const show = async (hold: Write, what: Pick<Item<T>, 'place' | 'rules'>, value: T): Promise<boolean> => {
    let isShown = false
    await settleNear(async () => {
      isShown = await hold.show(entryMaker(what, value), settings.lockTime)
    })
    return isShown
  }

  const putNow = async (key: string, value: T, rules: Rules): Promise<void> => {
    const place: Place = { key, tags: rules.tags }
    const known = items.get(key)
    if (known !== undefined && known.place.tags.join('\n') !== place.tags.join('\n'))
      throw new CacheError('usage', `expected the tags with which ${key} is already waiting, found others`)
    let hold = known?.hold
    try {
      // Everybody reads it from here on, and nobody stores over it while the lock is held.
      for (let turn = 0; turn < mostShows; turn += 1) {
        hold ??= await fence.beginWrite(place, rules.life, settings.lockTime)
        if (await show(hold, { place, rules }, value)) break
        if (turn < mostShows - 1) hold = undefined
      }
    } catch (error) {
      // It may be shown, and it is not queued.
      remove([key], place.tags).catch(failed)
      throw error
    }
    if (hold === undefined) return
    // With a lock that was taken anew the source has to be written anew too: what others have written meanwhile may be later than what was written before.
    if (known !== undefined && items.get(key) === known) {
      known.hold = hold
      known.value = value
      known.count += 1
    } else add(key, { place, rules, hold, value, count: 1, written: 0, due: performance.now() + linger })
    start()
  }

  const put = async (key: string, value: T, rules: Rules): Promise<void> => {
    while (!isClosed && !items.has(key) && items.size + joining.size >= most) await nextChange()
    if (isClosed) throw new CacheError('closed', 'the queue was closed')
    if (!items.has(key)) joining.add(key)
    try {
      await putNow(key, value, rules)
    } finally {
      joining.delete(key)
    }
  }

  return {
    put: async (key, value, given) => {
      if (isClosed) throw new CacheError('closed', 'the queue was closed')
      checkKey(key)
      const rules = rulesFor(given)
      await inLine(key, () => put(key, value, rules))
    },
    flush: async () => {
      await Promise.allSettled(lines.values())
      const wanted = [...items.values()].map((item) => ({ item, count: item.count }))
      const isOpen = ({ item, count }: (typeof wanted)[number]): boolean =>
        (items.get(item.place.key) === item || writing.has(item)) && (item.written < count || item.count === count)
      while (wanted.some(isOpen)) await nextChange()
    },
    size: () => items.size,
    close: async () => {
      isClosed = true
      changed()
      start()
      while (items.size + lines.size + writing.size > 0) await nextChange()
      clearInterval(prolonging)
    },
  }
}
