/** A loop in the background that nothing but its signal ends. */
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

const shortestRetryMs = 200
const longestRetryMs = 30_000

interface KeepDoingContext {
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Log
}

interface KeepDoing {
  /** Said of each failure that differs from the one before: `the rules could not be looked at`. */
  readonly complaint: string
  /** Pause after a round that succeeded. */
  readonly everyMs: number | (() => number)
  readonly signal: AbortSignal
}

/**
 * Does one round after the other until the signal aborts; never rejects. A round that fails is told once, is tried again after a delay that grows, and is
 * said to work again. An error can never end the loop: whoever writes one by hand forgets a path on which it does. A round that goes on for long says by
 * `works` that it has begun well.
 */
export const keepDoing = async (
  { clock, log }: KeepDoingContext,
  { complaint, everyMs, signal }: KeepDoing,
  round: (works: () => void) => Promise<void> | void,
): Promise<void> => {
  let told: string | null = null
  let retryMs = shortestRetryMs
  const works = (): void => {
    if (told !== null) log('info', 'what could not be done before works again', { before: complaint })
    told = null
    retryMs = shortestRetryMs
  }
  while (!signal.aborted) {
    let pauseMs: number
    try {
      await round(works)
      works()
      pauseMs = typeof everyMs === 'function' ? everyMs() : everyMs
    } catch (error) {
      if (signal.aborted) return
      const reason = error instanceof Error ? error.message : String(error)
      if (reason !== told) log('warn', `${complaint}; this is tried again`, { error })
      told = reason
      pauseMs = retryMs
      retryMs = Math.min(retryMs * 2, longestRetryMs)
    }
    await clock.sleep(pauseMs, signal).catch(() => undefined) // its end is seen by the condition of the loop
  }
}
