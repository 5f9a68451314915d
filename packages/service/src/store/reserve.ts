/**
 * Room on the disk that is kept for the state: on a full disk a failover could not be written down, and so not be made, exactly when engines
 * that cannot write either need one.
 */
import { appendFileSync, existsSync, rmSync, statSync, writeFileSync } from 'node:fs'

/**
 * The log is so long from the start. SQLite writes over it again and again (from its beginning after about 4 MiB), so a transaction takes room that no one
 * else can take: room that is given up on a full disk is gone in a moment where engines wait for it.
 */
export const logBytes = 8 * 1024 * 1024

/** `path` is that of the log. Zeros behind its last transaction are read as its end. False: the disk is full, and it has what there was. */
export const extendLog = (path: string): boolean => {
  if (!existsSync(path)) return true
  const { size } = statSync(path)
  if (size >= logBytes) return true
  try {
    appendFileSync(path, Buffer.alloc(logBytes - size))
    return true
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    return false
  }
}

const reservedBytes = 4 * 1024 * 1024

export interface Reserve {
  /** Takes the room, where it can be had. */
  keep(): void
  /** Gives it up; false when there was none. */
  release(): boolean
}

/** `path` is that of the file that takes the room. */
export const openReserve = (path: string): Reserve => {
  const isKept = (): boolean => existsSync(path) && statSync(path).size === reservedBytes
  return {
    keep: () => {
      if (isKept()) return
      try {
        writeFileSync(path, Buffer.alloc(reservedBytes), { mode: 0o600 })
      } catch {
        rmSync(path, { force: true }) // the disk is full already: what is left of it is for the state
      }
    },
    release: () => {
      if (!existsSync(path)) return false
      rmSync(path, { force: true })
      return true
    },
  }
}
