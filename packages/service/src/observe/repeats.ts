/** How often something may be written in a minute; what is beyond is counted. Pure but for its memory, which is bounded. */

const windowMs = 60_000
const mostKeys = 2_000

interface Window<T> {
  readonly since: number
  written: number
  held: number
  last: T
}

export interface Repeats<T> {
  /** May it be written? If not it counts among those of its key. */
  take(key: string, most: number, what: T): boolean
  /** Ends the minutes that are over, or all of them, and gives those of which something was held back. */
  ended(all?: boolean): readonly { readonly last: T; readonly held: number }[]
  /** Whether anything is held back. */
  holds(): boolean
}

/** `steady` is a clock that does not jump. */
export const createRepeats = <T>(steady: () => number): Repeats<T> => {
  const windows = new Map<string, Window<T>>()
  const early: { last: T; held: number }[] = []
  const end = (key: string, window: Window<T>): void => {
    windows.delete(key)
    if (window.held > 0) early.push({ last: window.last, held: window.held })
  }
  const endOver = (all: boolean): void => {
    // In the order in which they began.
    for (const [key, window] of windows) {
      if (!all && steady() - window.since < windowMs) return
      end(key, window)
    }
  }
  return {
    take: (key, most, what) => {
      const present = windows.get(key)
      if (present !== undefined && steady() - present.since < windowMs) {
        present.last = what
        if (present.written < most) {
          present.written += 1
          return true
        }
        present.held += 1
        return false
      }
      if (present !== undefined) end(key, present)
      if (windows.size >= mostKeys) endOver(false)
      // Nobody looks after so many: what is the same about them has a limit of its own.
      if (windows.size >= mostKeys) return true
      windows.set(key, { since: steady(), written: 1, held: 0, last: what })
      return true
    },
    ended: (all = false) => {
      endOver(all)
      return early.splice(0)
    },
    holds: () => early.length > 0 || [...windows.values()].some(({ held }) => held > 0),
  }
}
