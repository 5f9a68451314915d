/** Says when the disk of a home is full, and when it has room again. */
import { statfsSync } from 'node:fs'
import type { Log } from '../ports/log.ts'

/** What is written next may not fit into less. */
const leastBytes = 1_048_576
const everyMs = 5_000

export const freeBytesAt = (path: string): number => {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** For a person; null: there is room. */
export const fullDiskNotice = (path: string): string | null => {
  const free = freeBytesAt(path)
  if (free >= leastBytes) return null
  return (
    `The disk of ${path} is full (${Math.floor(free / 1_024)} KiB are left). Engines go on and failover works; ` +
    'data cannot be saved, and no node can be started or copy its data. Make room.'
  )
}

/** Until `signal`. `onRoom`: at each look at which there is room. A look costs microseconds. */
export const watchDisk = (path: string, log: Log, onRoom: () => void, signal: AbortSignal): void => {
  let wasFull = false
  const look = (): void => {
    const notice = fullDiskNotice(path)
    if (notice === null) onRoom()
    if ((notice !== null) === wasFull) return
    wasFull = notice !== null
    if (notice === null) log('info', 'the disk of the home has room again', { path })
    else log('error', notice)
  }
  look()
  const timer = setInterval(look, everyMs)
  timer.unref()
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
}
