import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Store } from '../ports/store.ts'

const rewatchMs = 200

interface WatchContext {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
}

/** Follows keys until the end. A watch that ends early is begun anew, with everything that there is told once. Never rejects. */
export const followKeys = async (
  { store, clock, log }: WatchContext,
  prefix: string,
  from: number,
  signal: AbortSignal,
  onChange: (key: string, value: string | null) => void,
): Promise<void> => {
  let next = from
  try {
    while (!signal.aborted) {
      try {
        for await (const change of store.watch(prefix, next, signal)) onChange(change.key, change.value)
      } catch (error) {
        log('warn', 'a watch of the store ended and is begun anew', { prefix, error })
        await clock.sleep(rewatchMs, signal)
        const { entries, revision } = await store.list(prefix)
        for (const entry of entries) onChange(entry.key, entry.value)
        next = revision + 1
      }
    }
  } catch (error) {
    if (!signal.aborted) log('error', 'a watch of the store could not be begun anew', { prefix, error })
  }
}
