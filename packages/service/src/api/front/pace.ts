/** How much of the machine those get who have not signed. */

/** Resolves when it is one's turn: `burst` at once, and so many in a second after that. In the order of the calls. */
export const createPace = (perSecond: number, burst: number, now: () => number): (() => Promise<void>) => {
  const eachMs = 1_000 / perSecond
  let next = Number.NEGATIVE_INFINITY
  return async () => {
    next = Math.max(next, now() - burst * eachMs) + eachMs
    const waitMs = next - now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
  }
}

const windowMs = 20
const cell = new Int32Array(new SharedArrayBuffer(4))

/**
 * Stops this thread, whatever it is doing, once it has used its share of the last moments: meanwhile connections wait in the kernel, and
 * whoever opens them or writes to them is slowed down too.
 */
export const createGovernor = (share: number): (() => void) => {
  const ranMs = (): number => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1_000
  }
  let since = performance.now()
  let before = ranMs()
  return () => {
    const leftMs = since + windowMs - performance.now()
    const spentMs = ranMs() - before
    if (leftMs > 0 && spentMs < share * windowMs) return
    if (leftMs > 0) Atomics.wait(cell, 0, 0, leftMs)
    since = performance.now()
    before = ranMs()
  }
}
