/**
 * The service runs before others where the system lets it: it sleeps nearly always, and when it wakes clients wait for it. What it starts does
 * not inherit that.
 */
import { getPriority, setPriority } from 'node:os'

/** As `nice -n -10`: processes of ordinary priority get a tenth of its share. */
export const raised = -10

/** What this process had before it raised itself; null: it did not. */
const own: { from: number | null } = { from: null }

const codeOf = (error: unknown): string | null =>
  error instanceof Error && 'info' in error ? ((error.info as { readonly code?: string }).code ?? null) : null

/** Of the thread that calls, which is the one that everything happens on. False: the system does not let it. */
export const raisePriority = (): boolean => {
  const before = getPriority()
  if (before <= raised) return true
  try {
    setPriority(raised)
    own.from = before
    return true
  } catch (error) {
    if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM') return false
    throw error
  }
}

/** `start` makes a process, which keeps the priority that this one had at first. */
export const atFormerPriority = <T>(start: () => T): T => {
  if (own.from === null) return start()
  setPriority(own.from)
  try {
    return start()
  } finally {
    // Who may raise it once may do so again; else it goes on as it began.
    if (!raisePriority()) own.from = null
  }
}
