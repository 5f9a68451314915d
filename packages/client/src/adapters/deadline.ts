/**
 * Work that has to be settled in time. Time counts while this process runs: where its event loop was held up, the question may not have left yet, and the answer may lie in
 * the socket. Where something goes on coming in, as a long value does, it is waited for longer.
 */
import { CacheError } from '../errors.ts'

type Work<T> = (resolve: (value: T) => void, reject: (error: unknown) => void) => void

/** Of one connection: bytes that it has carried so far, and answers that have come. */
export interface Life {
  readonly bytes: () => number
  readonly answers: () => number
}

/**
 * Between two looks: so many bytes, and so many for each answer, are a long value on its way, behind which others wait. Less is a server that is slow, which is not waited for.
 */
const [leastBytes, leastBytesAnAnswer] = [4_096, 65_536]

/** Milliseconds between two looks. */
const longestSlice = 50
const partsOfTime = 4
/** So many times as long as it was given work is waited for at most, while its connection lives. */
const mostTimes = 10

/** A member of a list, which is its own first and last member. */
interface Waiting {
  /** By the clock of the list. */
  readonly until: number
  /** While its connection lives. */
  readonly latest: number
  readonly life: Life | undefined
  readonly reject: (error: unknown) => void
  before: Waiting
  after: Waiting
  isOver: boolean
}

const emptyList = (): Waiting => {
  const list = {} as unknown as Waiting
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

/** Looked at now and then: when it was last seen at work. */
const createPulse = () => {
  const seen = new WeakMap<Life, { bytes: number; answers: number; looked: number; grown: number }>()
  return {
    look: (life: Life, now: number): void => {
      const known = seen.get(life)
      if (known?.looked === now) return
      const [bytes, answers] = [life.bytes(), life.answers()]
      if (known === undefined) {
        seen.set(life, { bytes, answers, looked: now, grown: Number.NEGATIVE_INFINITY })
        return
      }
      const [more, came] = [bytes - known.bytes, answers - known.answers]
      // What came while nobody looked may have come long ago.
      if (more >= leastBytes && more >= leastBytesAnAnswer * came && now - known.looked <= 3 * longestSlice) known.grown = now
      Object.assign(known, { bytes, answers, looked: now })
    },
    grown: (life: Life): number => seen.get(life)?.grown ?? Number.NEGATIVE_INFINITY,
  }
}

/** For work that has to be settled in about that time, one timer for all of it. What is not rejects with `unavailable`; what comes later is dropped. */
const createDeadline = (milliseconds: number) => {
  const list = emptyList()
  const pulse = createPulse()
  const slice = Math.max(1, Math.min(longestSlice, milliseconds / partsOfTime))
  let timer: NodeJS.Timeout | null = null
  let ran = 0
  let last = performance.now()
  /** Milliseconds in which this process ran, at least while somebody waits. */
  const clock = (): number => {
    const now = performance.now()
    ran += Math.min(now - last, 2 * slice)
    last = now
    return ran
  }
  const look = (): void => {
    if (timer !== null) clearTimeout(timer)
    timer = null
    const now = clock()
    let next = slice
    for (let one = list.after; one !== list; one = one.after) {
      if (one.life !== undefined) pulse.look(one.life, now)
      const until =
        one.life === undefined ? one.until : Math.max(one.until, Math.min(one.latest, pulse.grown(one.life) + milliseconds))
      if (until > now) next = Math.min(next, until - now)
      else {
        remove(one)
        one.reject(new CacheError('unavailable', `the cache does not answer: nothing came within ${milliseconds} ms`))
      }
    }
    if (list.after !== list) timer = setTimeout(later, next)
  }
  // What has come meanwhile is read first.
  const later = (): void => void setImmediate(look)
  return <T>(work: Work<T>, life: Life | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const now = clock()
      const one: Waiting = {
        until: now + milliseconds,
        latest: now + milliseconds * mostTimes,
        life,
        reject,
        before: list.before,
        after: list,
        isOver: false,
      }
      list.before.after = one
      list.before = one
      timer ??= setTimeout(later, slice)
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

/** A promise that rejects with `unavailable` when it is not settled in time. `life`: of the connection by which it comes. */
export const inTime = <T>(milliseconds: number, work: Work<T>, life?: Life): Promise<T> => {
  let deadline = deadlines.get(milliseconds)
  if (deadline === undefined) {
    deadline = createDeadline(milliseconds)
    if (deadlines.size < mostDeadlines) deadlines.set(milliseconds, deadline)
  }
  return deadline(work, life)
}

/** Rejects with `unavailable` when it is not settled in time. */
export const within = <T>(work: Promise<T>, milliseconds: number, life?: Life): Promise<T> =>
  inTime(milliseconds, (resolve, reject) => void work.then(resolve, reject), life)
