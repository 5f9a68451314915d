/** Virtual time: nothing happens between two events, and everything that waits is in one queue. */

interface Timer {
  readonly at: number
  readonly order: number
  readonly go: () => void
  cancelled: boolean
}

export interface Time {
  now(): number
  /** Calls `go` after `ms`; the result takes it back. */
  after(ms: number, go: () => void): () => void
  /** Moves to the next event and lets everything that follows from it happen. False: there is none. */
  step(): Promise<boolean>
}

/** A binary heap by time, and by order of arrival at the same time. */
const isEarlier = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

export const createTime = (start: number): Time => {
  const heap: Timer[] = []
  let now = start
  let order = 0

  const swap = (a: number, b: number): void => {
    const left = heap[a]
    const right = heap[b]
    if (left === undefined || right === undefined) return
    heap[a] = right
    heap[b] = left
  }
  const push = (timer: Timer): void => {
    heap.push(timer)
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1
      const [mine, theirs] = [heap[at], heap[parent]]
      if (mine === undefined || theirs === undefined || !isEarlier(mine, theirs)) return
      swap(at, parent)
      at = parent
    }
  }
  const pop = (): Timer | undefined => {
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    heap[0] = last
    for (let at = 0; ; ) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        const [one, other] = [heap[child], heap[least]]
        if (one !== undefined && other !== undefined && isEarlier(one, other)) least = child
      }
      if (least === at) return first
      swap(at, least)
      at = least
    }
  }

  return {
    now: () => now,
    after(ms, go) {
      order += 1
      const timer: Timer = { at: now + Math.max(0, ms), order, go, cancelled: false }
      push(timer)
      return () => {
        timer.cancelled = true
      }
    },
    async step() {
      for (;;) {
        const timer = pop()
        if (timer === undefined) return false
        if (timer.cancelled) continue
        now = timer.at
        timer.go()
        // Everything that waits for this event, and for what follows from it, runs before the next one.
        await new Promise((resolve) => setImmediate(resolve))
        return true
      }
    },
  }
}
