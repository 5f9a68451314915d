/** Waiting and measuring in tests, on a machine that may have other things to do. */

/**
 * How much slower this machine is than the one on which limits of time were set, 1 or more: `npm test` measures it (scripts/checks/slowness.ts).
 */
export const slowness = Math.max(1, Number(process.env['LARDER_TEST_SLOWNESS'] ?? 1) || 1)

/**
 * How many times as long as on a machine at rest a test waits for what has to come: the machine's slowness, and the other tests that `npm test`
 * runs beside this one.
 */
export const patience = Math.max(slowness, Number(process.env['LARDER_TEST_PATIENCE'] ?? 1) || 1)

/** `npm test -- --quick`: fewer cases of what is tried by chance. */
export const isQuick = process.env['LARDER_TEST_QUICK'] === '1'

const pollMs = 2
/** So many looks belong to a second: fewer of them are no full second. */
const looksInSecond = 100

/**
 * Looks again and again until it holds. Time alone does not end the wait: a process that hardly gets to run is given as many looks as one
 * that runs all the time. `what` may be found out at the end; an error is thrown as it is.
 */
export const until = async (
  what: string | (() => unknown),
  holds: () => Promise<boolean> | boolean,
  deadlineMs = 5_000,
): Promise<void> => {
  const from = performance.now()
  const enough = (deadlineMs / 1_000) * looksInSecond
  for (let looks = 1; !(await holds()); looks += 1) {
    const waitedMs = performance.now() - from
    if (waitedMs > deadlineMs * patience && looks > enough) {
      const missing = typeof what === 'string' ? what : what()
      throw missing instanceof Error ? missing : new Error(`not within ${Math.round(waitedMs)} ms: ${missing}`)
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

const tickMs = 5

interface Stopwatch {
  /** Milliseconds since it was made, without those in which this process did not get to run. */
  ms(): number
  [Symbol.dispose](): void
}

/** For what has to happen soon: the time counts in which somebody could have seen it. */
export const startStopwatch = (): Stopwatch => {
  let last = performance.now()
  let ran = 0
  const tick = (): void => {
    const now = performance.now()
    ran += Math.min(now - last, 2 * tickMs)
    last = now
  }
  const timer = setInterval(tick, tickMs)
  return {
    ms: () => {
      tick()
      return ran
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
