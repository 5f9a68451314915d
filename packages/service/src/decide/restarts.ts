/** How often a node may be started: one that ends again and again is given more and more time. Pure. */

/** Starts of a node that came close after each other. */
export interface Starts {
  readonly count: number
  /** Milliseconds since 1970, of the last one. */
  readonly at: number
}

/** So many are at once: what kills a node in a test, or a zone that comes and goes, is no crash loop. */
const free = 8
const firstDelayMs = 250
const longestDelayMs = 60_000
/** One that has run for so long has come up. */
const calmMs = 60_000

/** How long a node waits after so many starts. */
export const delayAfter = (count: number): number =>
  count <= free ? 0 : Math.min(firstDelayMs * 2 ** (count - free - 1), longestDelayMs)

const isPast = (starts: Starts, now: number): boolean => now < starts.at || now - starts.at > delayAfter(starts.count) + calmMs

export const withStart = (starts: Starts | undefined, now: number): Starts =>
  starts === undefined || isPast(starts, now) ? { count: 1, at: now } : { count: starts.count + 1, at: now }

/** A clock that was put back holds nobody. */
export const isHeldBack = (starts: Starts | undefined, now: number): boolean =>
  starts !== undefined && now >= starts.at && now - starts.at < delayAfter(starts.count)
