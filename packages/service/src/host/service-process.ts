/** Whether a process is the service that a file says it is. Nobody is signalled because of a number in a file. */
import { readdirSync, readlinkSync, realpathSync } from 'node:fs'
import { bootId, hasEnded, identify, readStat, statOf } from './proc.ts'

/** As `home/lock.ts` keeps it. */
interface Claimed {
  readonly pid: number
  readonly startTime?: string
  readonly bootId?: string
}

const passing = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM'])
const isPassing = (error: unknown): boolean => passing.has((error as NodeJS.ErrnoException).code ?? '')

const linkOf = (path: string): string | null => {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (isPassing(error)) return null // closed, or ended, since it was listed
    throw error
  }
}

/** Whoever holds the lock of a home has its file open. It says more than a command line: no other program opens this file for long. */
const hasOpen = (pid: number, path: string): boolean => {
  try {
    const wanted = realpathSync(path)
    return readdirSync(`/proc/${pid}/fd`).some((name) => linkOf(`/proc/${pid}/fd/${name}`) === wanted)
  } catch (error) {
    if (isPassing(error)) return false
    throw error
  }
}

/**
 * `stranger`: the pid lives and is another process: it began at another time, or it does not have the lock of this home open.
 * A record without a start time was written by a Larder of before.
 */
export const checkService = (claimed: Claimed, lockFile: string): 'running' | 'gone' | 'stranger' => {
  const stat = readStat(claimed.pid)
  if (hasEnded(stat)) return 'gone'
  if (claimed.bootId !== undefined && claimed.bootId !== bootId()) return 'stranger'
  if (claimed.startTime !== undefined && claimed.startTime !== stat.startTime) return 'stranger'
  return hasOpen(claimed.pid, lockFile) ? 'running' : 'stranger'
}

/** Exactly this process lives, and is another one than this: a service whose lock was removed under it. */
export const livesElsewhere = ({ pid, startTime, bootId: boot }: Claimed): boolean =>
  pid !== process.pid && startTime !== undefined && boot !== undefined && statOf({ pid, startTime, bootId: boot }) !== null

/** Asks it to end. False: it is gone, or is another process, and no signal was sent. */
export const endServiceProcess = (claimed: Claimed, lockFile: string): boolean => {
  // No turn of the event loop between the look and the signal.
  if (checkService(claimed, lockFile) !== 'running') return false
  try {
    return process.kill(claimed.pid, 'SIGTERM')
  } catch (error) {
    if (isPassing(error)) return false
    throw error
  }
}

/** What this process writes about itself. */
export const ownIdentity = (): { readonly pid: number; readonly startTime?: string; readonly bootId?: string } =>
  identify(process.pid) ?? { pid: process.pid }
