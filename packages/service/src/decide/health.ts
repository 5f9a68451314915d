/**
 * Busy is not dead. An engine that works on a long command runs all the time; one at rest runs ten times a second. One whose main thread
 * has not run at all, without waiting for a processor, is still: then it is asked, and hung when it does not answer and has not run meanwhile.
 */
export interface Pulse {
  /** State of the main thread: R runs or waits for a processor, S sleeps, D is stuck in the kernel, T is stopped. */
  readonly state: string
  readonly runtimeNs: number
}

/** Has it not run between the two looks, although it could have? */
export const isStill = (before: Pulse, now: Pulse): boolean => now.runtimeNs === before.runtimeNs && now.state !== 'R'

/** So long an engine may run and answer nothing to control. Longer than a pause that a client needs for a change of its own. */
export const longestSilenceMs = 30_000

/** Has it had little to do between the two looks? One that works without a break is busy, and answers when it is done. */
export const isAtRest = (before: Pulse, now: Pulse, passedMs: number): boolean =>
  now.runtimeNs - before.runtimeNs < (passedMs * 1e6) / 2

/**
 * When most of many look hung at once, the observer is the likelier fault, or something that they share (a disk): nobody is ended then.
 * Fewer than three are no crowd.
 */
export const isImplausible = (hung: number, watched: number): boolean => hung >= 3 && hung > watched / 2
