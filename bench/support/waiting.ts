/** Waits that end with the benchmark. */
import { setTimeout as delay } from 'node:timers/promises'

export interface Wait {
  readonly signal: AbortSignal
  readonly deadlineMs?: number
  /** Looked at this often. */
  readonly everyMs?: number
}

/** Rejects at the deadline, with what went wrong last, and at once when the signal is given. */
export const until = async (
  what: string,
  isDone: () => Promise<boolean> | boolean,
  { signal, deadlineMs = 60_000, everyMs = 5 }: Wait,
): Promise<void> => {
  const deadline = performance.now() + deadlineMs
  let cause: unknown
  for (;;) {
    signal.throwIfAborted()
    try {
      if (await isDone()) return
    } catch (error) {
      cause = error
    }
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause })
    await delay(everyMs)
  }
}
