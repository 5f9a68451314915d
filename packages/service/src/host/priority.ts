/**
 * The service runs before others where the system lets it: it sleeps nearly always, and when it wakes clients wait for it. Engines that it
 * starts do not inherit that; an nft that it runs does.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'

/** As `nice -n -10`: processes of ordinary priority get a tenth of its share. */
export const raised = -10

/** What this process had before it raised itself; null: it did not. */
const own: { from: number | null } = { from: null }

const codeOf = (error: unknown): string | null =>
  error instanceof Error && 'info' in error ? ((error.info as { readonly code?: string }).code ?? null) : null

const hasEnded = (error: unknown): boolean =>
  codeOf(error) === 'ESRCH' || (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))

const leadsSession = (): boolean => {
  const [, , , session] = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return Number(session) === process.pid
}

/** No such file: the kernel does not share by session. Refused: the system does not let it, or /proc is not to be written. */
const refusals: ReadonlySet<unknown> = new Set(['ENOENT', 'EPERM', 'EACCES', 'EROFS', 'EAGAIN', 'EINVAL'])

/**
 * Where the kernel shares the processor between sessions (autogroup), the priority of a process counts only among those of its own session. A
 * service has a session of its own; one that was started by hand shares that of the shell, and the shell's other programs are not raised with it.
 */
const raiseSession = (): void => {
  try {
    if (leadsSession()) writeFileSync('/proc/self/autogroup', String(raised))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && refusals.has(error.code))) throw error
  }
}

/** Of the thread that calls, which is the one that everything happens on, and of the session. False: the system does not let it. */
export const raisePriority = (): boolean => {
  const before = getPriority()
  try {
    if (before > raised) {
      setPriority(raised)
      own.from = before
    }
    raiseSession()
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
