/** Takes the room of a disk that belongs to the test alone. */
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface Ballast extends Disposable {
  /** Takes every byte that there is now: also what somebody has given up since the last time. */
  fill(): void
  remove(): void
}

const isFull = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOSPC'

export const openBallast = (disk: string): Ballast => {
  if (statSync(disk).dev === statSync(dirname(disk)).dev) throw new Error(`expected ${disk} to be a disk of its own`)
  const files: string[] = []
  const remove = (): void => {
    for (const file of files.splice(0)) rmSync(file, { force: true })
  }
  return {
    fill: () => {
      const file = join(disk, `ballast-${files.length}`)
      files.push(file)
      const descriptor = openSync(file, 'w', 0o600)
      try {
        for (let length = 1 << 20; length >= 1; ) {
          try {
            writeSync(descriptor, Buffer.alloc(length))
          } catch (error) {
            if (!isFull(error)) throw error
            length >>= 1
          }
        }
      } finally {
        closeSync(descriptor)
      }
    },
    remove,
    [Symbol.dispose]: remove,
  }
}
