/** Work that several who ask share, as far as nobody gets what was begun before he asked. */

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
  readonly running: Promise<unknown>
  next: Promise<T> | null
}

/** One at a time for each key; who asks while one runs gets the next one, which begins when that has ended. */
export const createQueueSharing = <T>(): ((key: string, work: () => Promise<T>) => Promise<T>) => {
  const lanes = new Map<string, Lane<T>>()
  const begin = (key: string, work: () => Promise<T>): Promise<T> => {
    const running = work()
    const lane: Lane<T> = { running, next: null }
    lanes.set(key, lane)
    const end = (): void => {
      if (lane.next === null && lanes.get(key) === lane) lanes.delete(key)
    }
    running.then(end, end)
    return running
  }
  return (key, work) => {
    const lane = lanes.get(key)
    if (lane === undefined) return begin(key, work)
    lane.next ??= lane.running.then(
      () => begin(key, work),
      () => begin(key, work),
    )
    return lane.next
  }
}
