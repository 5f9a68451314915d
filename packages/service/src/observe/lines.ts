/** Lines at the end of a file for the service's user alone. A file that is full is set aside; so many of before are kept, compressed. */
import { appendFileSync, statSync, truncateSync } from 'node:fs'
import { compressPredecessors, setAside } from './predecessors.ts'

export interface Bound {
  /** Of one file, before it is compressed. */
  readonly mostBytes: number
  /** Files of before. */
  readonly kept: number
}

const mebibyte = 1024 * 1024

/** What each file of a home may take. */
export const bounds = {
  log: { mostBytes: 16 * mebibyte, kept: 8 },
  audit: { mostBytes: 32 * mebibyte, kept: 16 },
  rejected: { mostBytes: 4 * mebibyte, kept: 2 },
  endpoints: { mostBytes: 4 * mebibyte, kept: 2 },
  engine: { mostBytes: 8 * mebibyte, kept: 4 },
} as const satisfies Readonly<Record<string, Bound>>

export interface Lines {
  /** Throws where it cannot be written whole (a full disk); then nothing of it stands in the file. */
  append(line: string): void
  /** Resolves when what is full has been compressed. */
  settled(): Promise<void>
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

export const openLines = (path: string, { mostBytes, kept }: Bound): Lines => {
  let size = sizeOf(path)
  let compressing: Promise<void> = Promise.resolve()

  const compress = (): void => {
    // What cannot be compressed now (a full disk) is taken up with the next file that is full.
    compressing = compressing.then(() => compressPredecessors(path)).catch(() => undefined)
  }

  const makeRoom = (): void => {
    try {
      setAside(path, kept)
    } catch {
      // Somebody has removed it, or its folder takes no other name now: the line is written all the same.
      size = sizeOf(path)
      return
    }
    size = 0
    compress()
  }

  compress()
  return {
    append: (line) => {
      const bytes = Buffer.byteLength(line)
      if (size > 0 && size + bytes > mostBytes) makeRoom()
      try {
        appendFileSync(path, line, { mode: 0o600 })
      } catch (error) {
        // The part that still found room would stand in one line with the next.
        if (sizeOf(path) > size) truncateSync(path, size)
        throw error
      }
      size += bytes
    },
    settled: () => compressing,
  }
}
