/**
 * The service runs before others where the system lets it: it sleeps nearly always, and when it wakes clients wait for it. Engines that it
 * starts do not inherit that; an nft that it runs does.
 */
import { readdirSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'

/** As `nice -n -10`: processes of ordinary priority get a tenth of its share. */
export const raised = -10

/** What this process had before it raised itself; null: it did not. */
const own: { from: number | null } = { from: null }

const codeOf = (error: unknown): string | null =>
  error instanceof Error && 'info' in error ? ((error.info as { readonly code?: string }).code ?? null) : null

const hasEnded = (error: unknown): boolean =>
  codeOf(error) === 'ESRCH' || (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))

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

/**
 * Gives a process that was just started, and has only begun, the priority that this one had at first. It is not started with it: whoever starts a
 * process waits until that has become another program, which takes long on a busy machine.
 */
export const giveFormerPriority = (pid: number | undefined): void => {
  if (own.from === null || pid === undefined) return
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), own.from)
  } catch (error) {
    if (!hasEnded(error)) throw error
  }
}
