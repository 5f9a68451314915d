/** What may be asked for, checked and with its defaults. */
import { CacheError } from './errors.ts'
import { tagsOf } from './stamp.ts'

/** Times are milliseconds. */
export interface EntryOptions {
  /** How long it is fresh; up to a tenth less by chance, so that what was stored together does not end together. */
  readonly ttl?: number
  /** What the value depends on. `invalidate` makes every entry with one of them void. Whoever reads it names the same. */
  readonly tags?: readonly string[]
  /** For so long after its time it is still given, while one loads it anew in the background. Never after an invalidation. Default: 0. */
  readonly staleWhileRevalidate?: number
  /**
   * For so long after its time it is given where `load` fails; as long as it does, at once, while it is tried again behind every second. Never after an invalidation. Default: 0.
   */
  readonly staleIfError?: number
  /** Instead of `ttl`, where the value is null or undefined. Default: as `ttl`. 0: it is not kept. */
  readonly negativeTtl?: number
  /**
   * How early one of many readers loads anew before its time, so that nobody has to wait: 1 is the best for most, more is earlier, 0 is never. Default: 1.
   * (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB 2015.)
   */
  readonly earlyRefresh?: number
}

export interface GetOptions extends EntryOptions {
  /** How long this caller waits at most; it then rejects with `timeout`. The load goes on where others wait for it. */
  readonly timeout?: number
  readonly signal?: AbortSignal
}

/** All of them, checked. */
export interface Rules {
  readonly tags: readonly string[]
  readonly ttl: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  readonly negativeTtl: number
  readonly earlyRefresh: number
  /** How long the server keeps it. */
  readonly life: number
}

/** For entries that say nothing else. Tags are not among them: whoever reads names what it rests on. */
export type Defaults = Omit<EntryOptions, 'tags'> & { readonly ttl: number }

const longest = 2 ** 40

const milliseconds = (name: string, value: number, least: number): number => {
  if (!(Number.isFinite(value) && value >= least && value <= longest))
    throw new CacheError('usage', `expected ${name} to be milliseconds from ${least} to ${longest}, found ${String(value)}`)
  return value
}

export const rulesOf = (options: EntryOptions, defaults: Defaults): Rules => {
  const ttl = milliseconds('ttl', options.ttl ?? defaults.ttl, 1)
  const staleWhileRevalidate = milliseconds(
    'staleWhileRevalidate',
    options.staleWhileRevalidate ?? defaults.staleWhileRevalidate ?? 0,
    0,
  )
  const staleIfError = milliseconds('staleIfError', options.staleIfError ?? defaults.staleIfError ?? 0, 0)
  const negativeTtl = milliseconds('negativeTtl', options.negativeTtl ?? defaults.negativeTtl ?? ttl, 0)
  return {
    tags: tagsOf(options.tags),
    ttl,
    staleWhileRevalidate,
    staleIfError,
    negativeTtl,
    earlyRefresh: milliseconds('earlyRefresh', options.earlyRefresh ?? defaults.earlyRefresh ?? 1, 0),
    life: Math.max(ttl, negativeTtl) + Math.max(staleWhileRevalidate, staleIfError),
  }
}

export const checkKey = (key: string): void => {
  // What is not whole the server could not tell from other keys.
  if (typeof key !== 'string' || key === '' || !key.isWellFormed())
    throw new CacheError('usage', `expected a key that is a text of whole characters, found ${JSON.stringify(key)}`)
}

export const checkFunction = (name: string, value: unknown): void => {
  if (typeof value !== 'function') throw new CacheError('usage', `expected ${name} to be a function, found ${typeof value}`)
}

export const checkList = (name: string, value: unknown): void => {
  if (!Array.isArray(value)) throw new CacheError('usage', `expected ${name} to be a list, found ${typeof value}`)
}

export const checkNumber = (name: string, value: unknown): void => {
  if (!(typeof value === 'number' && value >= 0 && value <= longest))
    throw new CacheError('usage', `expected ${name} to be a number from 0 to ${longest}, found ${String(value)}`)
}
