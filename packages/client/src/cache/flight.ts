/** Work that several who ask share, as far as nobody gets what was begun before he asked. */

import { type Job, type Signal, startJob } from './job.ts'

/** After what shares the turn by `createTurnSharing`. */
export const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Who asks in the same turn, before anything was sent, gets the same. */
export const createTurnSharing = <T>(): ((key: string, work: () => T) => T) => {
  const turn = new Map<string, T>()
  return (key, work) => {
    const present = turn.get(key)
    if (present !== undefined) return present
    const result = work()
    if (turn.size === 0) queueMicrotask(() => turn.clear())
    turn.set(key, result)
    return result
  }
}

interface Lane<T> {
  readonly running: Job<T>
  next: Job<T> | null
}

/** It has ended, or that time is over. */
const ended = async (work: Promise<unknown>, milliseconds: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  await Promise.race([work.catch(() => undefined), late])
  clearTimeout(timer)
}

/** One at a time for each key; who asks while one runs gets the next one, which begins when that has ended, or has run for so many milliseconds. */
export const createQueueSharing = <T>(longest: number): ((key: string, work: (signal: Signal) => Promise<T>) => Job<T>) => {
  const lanes = new Map<string, Lane<T>>()
  const begin = (key: string, work: (signal: Signal) => Promise<T>): Job<T> => {
    const lane: Lane<T> = { running: startJob(work), next: null }
    lanes.set(key, lane)
    const end = (): void => {
      if ((lane.next === null || lane.next.isAborted()) && lanes.get(key) === lane) lanes.delete(key)
    }
    lane.running.done.then(end, end)
    return lane.running
  }
  return (key, work) => {
    const lane = lanes.get(key)
    if (lane === undefined) return begin(key, work)
    if (lane.next === null || lane.next.isAborted())
      lane.next = startJob(async (signal) => {
        await ended(lane.running.done, longest)
        signal().throwIfAborted()
        return begin(key, work).join(signal())
      })
    return lane.next
  }
}
