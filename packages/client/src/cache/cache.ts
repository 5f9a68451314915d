/** A cache in which no value survives an invalidation. How: fence.ts. */
import { setTimeout as delay } from 'node:timers/promises'
import { aFunction, aList, aNumber, check, checkKey, checkNames, checkOptions, type Table } from '../check.ts'
import { CacheError } from '../errors.ts'
import type { Core } from './core.ts'
import type { Counters } from './events.ts'
import { createExplain, type Explanation } from './explain.ts'
import type { Place } from './fence.ts'
import { createReader, type Load, type LoadContext } from './get.ts'
import { deadline } from './job.ts'
import { createBulkReader } from './many.ts'
import type { Near } from './near.ts'
import {
  checkGetOptions,
  type Defaults,
  type EntryOptions,
  entryOptions,
  type GetOptions,
  getOptions,
  type Rules,
  rulesOf,
} from './options.ts'
import type { Pending } from './pending.ts'
import { createWriter } from './put.ts'
import { tagsOf } from './stamp.ts'
import { createWriteBehind, type WriteBehind, type WriteBehindOptions } from './write-behind.ts'

export type ManyTags = (key: string) => readonly string[]

export interface Cache {
  /**
   * The cached value, or what `load` gives; everybody gets a value of his own, as the codec makes it. Rejects with what `load` rejects with, with `timeout`, or with
   * the signal's reason; never because of the cache.
   */
  get<T>(key: string, load: (context: LoadContext) => Promise<T> | T, options?: GetOptions): Promise<T>
  /** As many of them as are cached in one round trip; `load` is given all the others at once, and gives a map, or an object by key. */
  getMany<T>(
    keys: readonly string[],
    load: (keys: readonly string[], context: LoadContext) => Promise<ReadonlyMap<string, T> | Readonly<Record<string, T>>>,
    options?: Omit<GetOptions, 'tags'> & { readonly tags?: ManyTags },
  ): Promise<Map<string, T>>
  /**
   * Writes by `write`, then the cache: everything with these tags is void, and the value is kept unless somebody else changed something meanwhile. Who has
   * called it reads what he wrote. Rejects with what `write` rejects with; with `unavailable` where the source was written and the cache could not be told (see invalidate).
   */
  put<T>(key: string, value: T, write: () => Promise<unknown>, options?: EntryOptions): Promise<void>
  /**
   * When it has resolved no reader anywhere gets a value that was loaded before. Call it after the change can be seen in the source. Rejects with
   * `unavailable` where the cache could not be told: it is tried on in the background, and this process reads around the cache for these tags
   * until it is done; others may read what they have until it ends.
   */
  invalidate(tags: readonly string[]): Promise<void>
  /** The same for entries by their keys. */
  delete(...keys: readonly string[]): Promise<void>
  /** A function that gives from the cache what this one gives. `key` is made of its arguments. */
  wrap<A extends readonly unknown[], T>(
    work: (...args: A) => Promise<T>,
    how: { readonly key: (...args: A) => string; readonly tags?: (...args: A) => readonly string[] } & Omit<GetOptions, 'tags'>,
  ): (...args: A) => Promise<T>
  /** A queue of values that the source gets a little later. */
  writeBehind<T>(options: WriteBehindOptions<T>): WriteBehind<T>
  /** The same cache, with keys and tags of its own. */
  namespace(name: string): Cache
  /** Why `get` would find something, or not; with the tags with which it is stored unless others are given. */
  explain(key: string, options?: Pick<EntryOptions, 'tags'>): Promise<Explanation>
  counters(): Counters
  /**
   * Nothing can be asked from now on. Writes, invalidations and queues that have not ended, and invalidations that the server could not be told yet, have so many milliseconds
   * left; default: those of the cache. What is cut off then rejects with `closed`, and others may read what it should have made void.
   */
  close(options?: { readonly patience?: number }): Promise<void>
}

export interface CacheDependencies {
  readonly core: Core
  readonly pending: Pending
  readonly near: Near | null
  readonly settleNear: (remove: () => Promise<unknown>) => Promise<void>
  readonly defaults: Defaults
  readonly patience: number
  readonly close: () => Promise<void>
}

const never = new AbortController().signal

const { tags: _, ...othersOfGet } = getOptions
const manyOptions: Table = { ...othersOfGet, tags: aFunction }
const wrapOptions: Table = { ...manyOptions, key: aFunction }

/** Whose keys and tags are names as names.ts makes them. */
export interface CacheByName extends Omit<Cache, 'namespace'> {
  /** Gives what is near of the root under a key and tags that are their own names; else asks. */
  nearFirst(ask: Cache['get']): Cache['get']
}

export const createCacheOn = (dependencies: CacheDependencies): CacheByName => {
  const { core, pending, near, settleNear, defaults, patience } = dependencies
  const { observation } = core
  const reader = createReader(core)
  const many = createBulkReader(core, reader)
  const writer = createWriter({ core, pending, settleNear, patience })
  const plain = rulesOf({}, defaults)
  const queued = new Map<string, { readonly value: unknown }>()
  const explain = createExplain({ core, near, isQueued: (key) => queued.has(key), isPending: pending.has })
  /** Writes and queues that have not ended. */
  const running = new Set<() => Promise<unknown>>()
  let isClosed = false

  /** `what` has been given them. */
  const rulesFor = (what: string, options: EntryOptions | undefined): Rules => {
    if (options === undefined) return plain
    checkNames(what, options, entryOptions)
    return rulesOf(options, defaults)
  }
  const checkOpen = (): void => {
    if (isClosed) throw new CacheError('closed', 'the cache was closed')
  }

  /** It is waited for when the cache is closed. */
  const run = async (work: () => Promise<void>): Promise<void> => {
    const result = work()
    const wait = (): Promise<void> => result
    running.add(wait)
    try {
      await result
    } finally {
      running.delete(wait)
    }
  }

  const end = async (longest: number): Promise<void> => {
    isClosed = true
    const ended = Promise.allSettled([...[...running].map((wait) => wait()), pending.idle()])
    await Promise.race([ended, delay(longest, undefined, { ref: false })])
    await dependencies.close()
  }
  let closing: Promise<void> | null = null

  /** What this process has written and the source has not yet. */
  const written = (key: string): { readonly value: unknown } | undefined => {
    const waiting = queued.get(key)
    if (waiting === undefined) return undefined
    observation.nearHit(key)
    return { value: core.take(core.outcomeOf(core.encode(key, waiting.value), waiting.value)) }
  }

  const inTime = async (place: Place, load: Load, rules: Rules, options: GetOptions): Promise<unknown> => {
    const { signal, dispose } = deadline(options.timeout, options.signal)
    try {
      return await reader.obtain(place, rules, load, signal === undefined ? undefined : { signal })
    } finally {
      dispose()
    }
  }

  const get = <T>(key: string, load: Load, options?: GetOptions): Promise<T> => {
    try {
      if (queued.size > 0) {
        const own = written(key)
        if (own !== undefined) return Promise.resolve(own.value as T)
      }
      if (near !== null) {
        const found = near.get(key, options?.tags)
        if (found !== undefined) {
          observation.nearHit(key)
          return Promise.resolve(near.valueOf(found) as T)
        }
      }
      checkOpen()
      checkKey(key)
      check('load', load, aFunction)
      if (options !== undefined) checkGetOptions(options)
      const rules = options === undefined ? plain : rulesOf(options, defaults)
      const place = { key, tags: rules.tags }
      const isPatient = options === undefined || (options.timeout === undefined && options.signal === undefined)
      return (isPatient ? reader.obtain(place, rules, load, undefined) : inTime(place, load, rules, options)) as Promise<T>
    } catch (error) {
      return Promise.reject(error)
    }
  }

  const nearFirst = (ask: Cache['get']): Cache['get'] =>
    near === null
      ? ask
      : <T>(key: string, load: (context: LoadContext) => Promise<T> | T, options?: GetOptions): Promise<T> => {
          if (queued.size > 0) return ask(key, load, options)
          try {
            const found = near.get(key, options?.tags)
            if (found === undefined || !found.isPlain) return ask(key, load, options)
            observation.nearHit(key)
            return Promise.resolve(near.valueOf(found) as T)
          } catch (error) {
            return Promise.reject(error)
          }
        }

  return {
    get,
    nearFirst,
    getMany: async <T>(
      keys: readonly string[],
      load: (keys: readonly string[], context: LoadContext) => Promise<ReadonlyMap<string, T> | Readonly<Record<string, T>>>,
      given: Omit<GetOptions, 'tags'> & { readonly tags?: ManyTags } = {},
    ) => {
      checkOpen()
      check('keys', keys, aList)
      check('load', load, aFunction)
      checkOptions('getMany', given, manyOptions)
      const { tags: tagsFor, timeout, signal: outer, ...options } = given
      const found = new Map<string, T>()
      const wanted: { readonly key: string; readonly rules: Rules }[] = []
      for (const key of new Set(keys)) {
        checkKey(key)
        const own = written(key)
        if (own !== undefined) {
          found.set(key, own.value as T)
          continue
        }
        const tags = tagsFor?.(key) ?? []
        const held = near?.get(key, tags)
        if (near !== null && held !== undefined) {
          observation.nearHit(key)
          found.set(key, near.valueOf(held) as T)
        } else wanted.push({ key, rules: rulesOf({ ...options, tags }, defaults) })
      }
      const { signal, dispose } = deadline(timeout, outer)
      try {
        for (const [key, value] of await many(wanted, load, signal ?? never)) found.set(key, value as T)
        return found
      } finally {
        dispose()
      }
    },
    put: async (key, value, write, options) => {
      checkOpen()
      checkKey(key)
      check('write', write, aFunction)
      const rules = rulesFor('put', options)
      await run(() => writer.put({ key, tags: rules.tags }, value, write, rules))
    },
    invalidate: async (tags) => {
      checkOpen()
      check('the tags to invalidate', tags, aList)
      const names = tagsOf(tags)
      await run(() => writer.invalidate(names))
    },
    delete: async (...keys) => {
      checkOpen()
      for (const key of keys) checkKey(key)
      if (keys.length > 0) await run(() => writer.delete(keys))
    },
    wrap: (work, how) => {
      check('the work to wrap', work, aFunction)
      checkOptions('wrap', how, wrapOptions, ['key'])
      const { key, tags, ...options } = how
      return (...args) => get(key(...args), () => work(...args), { ...options, tags: tags?.(...args) ?? [] })
    },
    writeBehind: (options) => {
      checkOpen()
      const queue = createWriteBehind(
        { core, rulesFor: (given) => rulesFor('put of writeBehind', given), settleNear, queued, remove: writer.remove },
        options,
      )
      running.add(queue.close)
      return {
        ...queue,
        close: async () => {
          await queue.close()
          running.delete(queue.close)
        },
      }
    },
    explain: async (key, options) => {
      checkOpen()
      checkKey(key)
      if (options !== undefined) checkOptions('explain', options, { tags: aList })
      return explain(key, options?.tags)
    },
    counters: () => observation.counters(),
    close: async (options = {}) => {
      checkOptions('close', options, { patience: aNumber })
      closing ??= end(options.patience ?? patience)
      await closing
    },
  }
}
