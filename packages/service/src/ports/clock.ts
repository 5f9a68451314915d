/**
 * Time, passed in. `now` is milliseconds since 1970, and jumps where somebody sets the clock of the machine: it is for dates alone. `sleep` ends early, with
 * the signal's reason, when it aborts; it does not jump.
 */
export interface Clock {
  now(): number
  /** Milliseconds since some moment, by a clock that never jumps. Left out: `now` is such a clock (virtual time). */
  steady?(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** What durations and deadlines are measured with. */
export const steadyMs = (clock: Pick<Clock, 'now' | 'steady'>): number => clock.steady?.() ?? clock.now()
