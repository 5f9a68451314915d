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

/**
 * When most of many look hung at once, the observer is the likelier fault, or something that they share (a disk): nobody is ended then.
 * Fewer than three are no crowd.
 */
export const isImplausible = (hung: number, watched: number): boolean => hung >= 3 && hung > watched / 2
