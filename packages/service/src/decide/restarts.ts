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
/** Each of these that it ran takes one start back: whoever runs for a while between its ends is in no loop, whoever ends it. */
const forgivenMs = 10_000

/** How long a node waits after so many starts. */
export const delayAfter = (count: number): number =>
  count <= free ? 0 : Math.min(firstDelayMs * 2 ** (count - free - 1), longestDelayMs)

/** More of them change no delay, and would take longer to be taken back. */
const most = free + 1 + Math.ceil(Math.log2(longestDelayMs / firstDelayMs))

export const withStart = (starts: Starts | undefined, now: number): Starts => {
  if (starts === undefined || now < starts.at) return { count: 1, at: now }
  const forgiven = Math.floor(Math.max(0, now - starts.at - delayAfter(starts.count)) / forgivenMs)
  return { count: Math.min(most, Math.max(0, starts.count - forgiven) + 1), at: now }
}

/** A clock that was put back holds nobody. */
export const isHeldBack = (starts: Starts | undefined, now: number): boolean =>
  starts !== undefined && now >= starts.at && now - starts.at < delayAfter(starts.count)
