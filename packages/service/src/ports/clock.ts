/** Time, passed in. `now` is milliseconds since 1970. `sleep` ends early, with the signal's reason, when it aborts. */
export interface Clock {
  now(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}
