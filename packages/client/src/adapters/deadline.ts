/** Work that has to be settled in time. */
import { CacheError } from '../errors.ts'

type Work<T> = (resolve: (value: T) => void, reject: (error: unknown) => void) => void

interface Waiting {
  readonly until: number
  readonly reject: (error: unknown) => void
}

/**
 * For work that has to be settled in about that time, one timer for all of it. What is not rejects with `unavailable`; what comes later is dropped.
 * A process that was held up looks at what has come in the meantime before it gives up.
 */
const createDeadline = (milliseconds: number) => {
  const waiting = new Set<Waiting>()
  let timer: NodeJS.Timeout | null = null
  const look = (): void => {
    timer = null
    const now = performance.now()
    for (const one of waiting) {
      if (one.until > now) {
        // They were added in this order.
        timer = setTimeout(later, one.until - now)
        return
      }
      waiting.delete(one)
      one.reject(new CacheError('unavailable', `the cache does not answer: nothing came within ${milliseconds} ms`))
    }
  }
  const later = (): void => void setImmediate(look)
  return <T>(work: Work<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const one: Waiting = { until: performance.now() + milliseconds, reject }
      waiting.add(one)
      timer ??= setTimeout(later, milliseconds)
      const end = (): void => {
        waiting.delete(one)
        if (waiting.size === 0 && timer !== null) {
          clearTimeout(timer)
          timer = null
        }
      }
      work(
        (value) => {
          end()
          resolve(value)
        },
        (error) => {
          end()
          reject(error)
        },
      )
    })
}

const deadlines = new Map<number, ReturnType<typeof createDeadline>>()
const mostDeadlines = 1_000

/** A promise that rejects with `unavailable` when it is not settled in time. */
export const inTime = <T>(milliseconds: number, work: Work<T>): Promise<T> => {
  let deadline = deadlines.get(milliseconds)
  if (deadline === undefined) {
    deadline = createDeadline(milliseconds)
    if (deadlines.size < mostDeadlines) deadlines.set(milliseconds, deadline)
  }
  return deadline(work)
}

/** Rejects with `unavailable` when it is not settled in time. */
export const within = <T>(work: Promise<T>, milliseconds: number): Promise<T> =>
  inTime(milliseconds, (resolve, reject) => void work.then(resolve, reject))
