/** One listener for each signal, however many wait for it: Node warns of a leak where there are more than a few. */
const listening = new WeakMap<AbortSignal, Set<() => void>>()

/** Calls it once, when the signal is aborted. What is returned ends that. */
export const whenAborted = (signal: AbortSignal, listener: () => void): (() => void) => {
  const known = listening.get(signal)
  const waiting = known ?? new Set<() => void>()
  const tell = (): void => {
    listening.delete(signal)
    for (const one of [...waiting]) one()
  }
  if (known === undefined) {
    listening.set(signal, waiting)
    signal.addEventListener('abort', tell, { once: true })
    ends.set(waiting, () => signal.removeEventListener('abort', tell))
  }
  // Each who waits counts, also where two have the same function.
  const own = (): void => listener()
  waiting.add(own)
  return () => {
    waiting.delete(own)
    if (waiting.size > 0 || listening.get(signal) !== waiting) return
    listening.delete(signal)
    ends.get(waiting)?.()
  }
}
/** What takes the one listener away again. */
const ends = new WeakMap<Set<() => void>, () => void>()
