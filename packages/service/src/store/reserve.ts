/**
 * Room on the disk that is kept for the state: on a full disk a failover could not be written down, and so not be made, exactly when engines
 * that cannot write either need one.
 */
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs'

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
