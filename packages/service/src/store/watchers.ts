import type { Change } from '../ports/store.ts'

interface Waiting {
  readonly prefix: string
  readonly queue: Change[]
  wake: (() => void) | null
  /** The queue grew beyond its bound: the reader is too slow and has to list again. */
  overrun: boolean
}

const mostQueued = 50_000

/** Delivers changes to those who watch, each revision whole and in order. */
export interface Watchers {
  publish(changes: readonly Change[]): void
  /** `past` are the changes before now; must be read in the same turn in which this is called. */
  follow(prefix: string, past: readonly Change[], signal: AbortSignal, onOverrun: () => Error): AsyncIterable<Change>
}

export const createWatchers = (): Watchers => {
  const all = new Set<Waiting>()
  return {
    publish(changes) {
      for (const waiting of all) {
        const mine = changes.filter((change) => change.key.startsWith(waiting.prefix))
        if (mine.length === 0) continue
        if (waiting.queue.length + mine.length > mostQueued) waiting.overrun = true
        else waiting.queue.push(...mine)
        waiting.wake?.()
      }
    },
    follow(prefix, past, signal, onOverrun) {
      const waiting: Waiting = { prefix, queue: [...past], wake: null, overrun: false }
      all.add(waiting)
      const onAbort = (): void => waiting.wake?.()
      signal.addEventListener('abort', onAbort)
      const run = async function* (): AsyncGenerator<Change> {
        try {
          for (;;) {
            if (signal.aborted) return
            const next = waiting.queue.shift()
            if (next !== undefined) {
              yield next
              continue
            }
            if (waiting.overrun) throw onOverrun()
            await new Promise<void>((resolve) => {
              waiting.wake = resolve
              if (signal.aborted || waiting.queue.length > 0 || waiting.overrun) resolve()
            })
            waiting.wake = null
          }
        } finally {
          all.delete(waiting)
          signal.removeEventListener('abort', onAbort)
        }
      }
      return run()
    },
  }
}
