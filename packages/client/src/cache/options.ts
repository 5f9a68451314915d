/** What may be asked for, checked and with its defaults. */
import { aList, aNumber, aSignal, aTime, check, checkNames, shown, type Table, usage } from '../check.ts'
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

export const defaultOptions: Table = {
  ttl: aNumber,
  staleWhileRevalidate: aNumber,
  staleIfError: aNumber,
  negativeTtl: aNumber,
  earlyRefresh: aNumber,
}
export const entryOptions: Table = { ...defaultOptions, tags: aList }
export const getOptions: Table = { ...entryOptions, timeout: aTime, signal: aSignal }

/** Of each read: what `rulesOf` checks anyway is left to it. */
const checkPatience = ({ timeout, signal }: GetOptions): void => {
  if (timeout !== undefined) check('timeout', timeout, aTime)
  if (signal !== undefined) check('signal', signal, aSignal)
}
export const checkGetOptions = (options: GetOptions): void => {
  checkNames('get', options, getOptions)
  checkPatience(options)
}

const longest = 2 ** 40

const milliseconds = (name: string, value: number, least: number): number => {
  if (!(Number.isFinite(value) && value >= least && value <= longest))
    throw usage(`${name} to be milliseconds from ${least} to ${longest}`, shown(value))
  return value
}

/** Null is no time. */
const pick = (own: number | undefined, usual: number | undefined, otherwise: number): number =>
  own !== undefined ? own : usual !== undefined ? usual : otherwise

/** Of each read with options: each is named, since a property whose name is computed takes several times as long. */
export const rulesOf = (options: EntryOptions, defaults: Defaults): Rules => {
  const ttl = milliseconds('ttl', pick(options.ttl, defaults.ttl, defaults.ttl), 1)
  const staleWhileRevalidate = milliseconds(
    'staleWhileRevalidate',
    pick(options.staleWhileRevalidate, defaults.staleWhileRevalidate, 0),
    0,
  )
  const staleIfError = milliseconds('staleIfError', pick(options.staleIfError, defaults.staleIfError, 0), 0)
  const negativeTtl = milliseconds('negativeTtl', pick(options.negativeTtl, defaults.negativeTtl, ttl), 0)
  return {
    tags: tagsOf(options.tags),
    ttl,
    staleWhileRevalidate,
    staleIfError,
    negativeTtl,
    earlyRefresh: milliseconds('earlyRefresh', pick(options.earlyRefresh, defaults.earlyRefresh, 1), 0),
    life: Math.max(ttl, negativeTtl) + Math.max(staleWhileRevalidate, staleIfError),
  }
}
