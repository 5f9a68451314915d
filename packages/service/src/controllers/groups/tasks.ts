/** What a worker is doing now. It waits for most of it, and leaves everything behind when a node has died meanwhile. */

interface Failure {
  readonly error: unknown
}

export interface Task {
  /** Never rejects. */
  readonly done: Promise<Failure | null>
  /** Nobody waits for it any longer: its end is told, and a failure is kept. */
  leave(): void
}

export interface Tasks {
  /** Keys of all that is under way, as `keysOf`. */
  readonly underWay: ReadonlySet<string>
  begin(keys: readonly string[], work: () => Promise<void>): Task
  /** Waits for it, and leaves it behind when `loss` comes first: false. Rejects as it does. */
  unlessLost(key: string, work: () => Promise<void>, loss: Promise<void>): Promise<boolean>
  /** The first failure of what was left behind; it is given once. */
  takeFailure(): Failure | null
  /** Resolves when nothing is under way any more. */
  all(): Promise<void>
}

/** `onEnd` is called when something has ended that was left behind. */
export const createTasks = (onEnd: () => void): Tasks => {
  const underWay = new Set<string>()
  const running = new Set<Promise<unknown>>()
  let kept: Failure | null = null
  const tasks: Tasks = {
    underWay,
    begin(keys, work) {
      for (const key of keys) underWay.add(key)
      let isLeft = false
      let failure: Failure | null = null
      const done = work()
        .then(
          () => null,
          (error: unknown) => ({ error }),
        )
        .then((outcome) => {
          for (const key of keys) underWay.delete(key)
          running.delete(done)
          failure = outcome
          if (isLeft) {
            kept ??= outcome
            onEnd()
          }
          return outcome
        })
      running.add(done)
      return {
        done,
        leave() {
          isLeft = true
          kept ??= failure
        },
      }
    },
    async unlessLost(key, work, loss) {
      const task = tasks.begin([key], work)
      const outcome = await Promise.race([task.done, loss.then(() => 'lost' as const)])
      if (outcome === 'lost') task.leave()
      else if (outcome !== null) throw outcome.error
      return outcome !== 'lost'
    },
    takeFailure() {
      const failure = kept
      kept = null
      return failure
    },
    async all() {
      while (running.size > 0) await Promise.all(running)
    },
  }
  return tasks
}
