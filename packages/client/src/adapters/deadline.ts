/** Work that has to be settled in time. */
import { CacheError } from '../errors.ts'

type Work<T> = (resolve: (value: T) => void, reject: (error: unknown) => void) => void

/** A member of a list, in the order in which they were added, so also of their times. The list itself is its own first and last member. */
interface Waiting {
  readonly until: number
  readonly reject: (error: unknown) => void
  before: Waiting
  after: Waiting
  isOver: boolean
}

const emptyList = (): Waiting => {
  const list = { until: Number.POSITIVE_INFINITY, reject: () => undefined } as unknown as Waiting
  list.before = list
  list.after = list
  return list
}
const remove = (one: Waiting): void => {
  if (one.isOver) return
  one.isOver = true
  one.before.after = one.after
  one.after.before = one.before
}

/**
 * For work that has to be settled in about that time, one timer for all of it. What is not rejects with `unavailable`; what comes later is dropped.
 * A process that was held up looks at what has come in the meantime before it gives up.
 */
const createDeadline = (milliseconds: number) => {
  const list = emptyList()
  let timer: NodeJS.Timeout | null = null
  const look = (): void => {
    timer = null
    const now = performance.now()
    for (let one = list.after; one !== list; one = one.after) {
      if (one.until > now) {
        timer = setTimeout(later, one.until - now)
        return
      }
      remove(one)
      one.reject(new CacheError('unavailable', `the cache does not answer: nothing came within ${milliseconds} ms`))
    }
  }
  const later = (): void => void setImmediate(look)
  return <T>(work: Work<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const one: Waiting = { until: performance.now() + milliseconds, reject, before: list.before, after: list, isOver: false }
      list.before.after = one
      list.before = one
      timer ??= setTimeout(later, milliseconds)
      const end = (): void => {
        remove(one)
        if (list.after === list && timer !== null) {
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
