/** How much of the machine those get who have not signed. */

interface Waiting {
  readonly isGone: () => boolean
  readonly settle: (mayGo: boolean) => void
}

interface Pace {
  readonly perSecond: number
  /** So many at once. */
  readonly burst: number
  /** More than this many are not kept waiting. */
  readonly mostWaiting: number
}

/**
 * Resolves with true when it is the caller's turn, in the order of the calls. False: too many wait already, or the caller is gone by then. Whoever is
 * gone takes no turn, and no memory once others need it.
 */
export const createPace = (
  { perSecond, burst, mostWaiting }: Pace,
  now: () => number,
): ((isGone: () => boolean) => Promise<boolean>) => {
  const eachMs = 1_000 / perSecond
  let waiting: Waiting[] = []
  let saved = burst
  let refilledAt = now()
  let isTimed = false

  const refill = (): void => {
    const at = now()
    saved = Math.min(burst, saved + (at - refilledAt) / eachMs)
    refilledAt = at
  }
  const drop = (): void => {
    const before = waiting
    waiting = []
    for (const each of before) {
      if (each.isGone()) each.settle(false)
      else waiting.push(each)
    }
  }
  const serve = (): void => {
    isTimed = false
    refill()
    while (waiting.length > 0 && saved >= 1) {
      const next = waiting.shift()
      const mayGo = next?.isGone() === false
      if (mayGo) saved -= 1
      next?.settle(mayGo)
    }
    if (waiting.length > 0) serveLater()
  }

  const serveLater = (): void => {
    if (isTimed) return
    isTimed = true
    setTimeout(serve, Math.ceil((1 - saved) * eachMs))
  }

  return async (isGone) => {
    refill()
    if (waiting.length === 0 && saved >= 1) {
      saved -= 1
      return true
    }
    if (waiting.length >= mostWaiting) drop()
    if (waiting.length >= mostWaiting) return false
    return new Promise((settle) => {
      waiting.push({ isGone, settle })
      serveLater()
    })
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
