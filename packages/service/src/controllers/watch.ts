import type { Clock } from '../ports/clock.ts'
import { keepDoing } from '../ports/keep-doing.ts'
import type { Log } from '../ports/log.ts'
import type { Store } from '../ports/store.ts'

const rewatchMs = 200

interface WatchContext {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
}

/**
 * Follows keys until the end. A watch that ends early is begun anew, with everything that there is told once, however often that fails. A change that
 * `onChange` throws at is told, and passed over: those after it count. Never rejects.
 */
export const followKeys = async (
  { store, clock, log }: WatchContext,
  prefix: string,
  from: number,
  signal: AbortSignal,
  onChange: (key: string, value: string | null) => void,
): Promise<void> => {
  const tell = (key: string, value: string | null): void => {
    try {
      onChange(key, value)
    } catch (error) {
      log('error', 'a change in the store could not be followed', { key, error })
    }
  }
  let next: number | null = from
  const complaint = `the watch of ${prefix} in the store has ended`
  await keepDoing({ clock, log }, { complaint, everyMs: rewatchMs, signal }, async (works) => {
    if (next === null) {
      const { entries, revision } = await store.list(prefix)
      for (const entry of entries) tell(entry.key, entry.value)
      next = revision + 1
      works()
    }
    const revision = next
    next = null
    for await (const change of store.watch(prefix, revision, signal)) tell(change.key, change.value)
  })
}
