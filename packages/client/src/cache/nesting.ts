/**
 * Which loads a piece of work runs within. A load that reads its own key would wait for itself. Who loads is told by the context of asynchronous work, which
 * is entered around loads alone; before Node 24 it costs every promise of the process something, so it is left when no load runs.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

interface Loading {
  readonly cache: object
  readonly keys: readonly string[]
  readonly outer: Loading | undefined
  /** What a load has started and left behind may go on for ever, and is not within it any longer when it has ended. */
  isRunning: boolean
}

const context = new AsyncLocalStorage<Loading>()
let running = 0

/** `cache`: which one, of several. */
export const whileLoading = async <T>(cache: object, keys: readonly string[], load: () => Promise<T> | T): Promise<T> => {
  const own: Loading = { cache, keys, outer: running === 0 ? undefined : context.getStore(), isRunning: true }
  running += 1
  try {
    return await context.run(own, load)
  } finally {
    own.isRunning = false
    running -= 1
    if (running === 0) context.disable()
  }
}

export const isWithinLoadOf = (cache: object, key: string): boolean => {
  if (running === 0) return false
  for (let one = context.getStore(); one !== undefined; one = one.outer)
    if (one.isRunning && one.cache === cache && one.keys.includes(key)) return true
  return false
}
