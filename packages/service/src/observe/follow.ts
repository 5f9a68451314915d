/** Reads a log from its end on, over its being set aside or cut off. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'

const chunkBytes = 65_536

export interface Follower {
  /** What has come since. */
  more(): Buffer
  close(): void
}

interface Open {
  readonly file: number
  readonly inode: number
}

/** Begins so many bytes before the present end. The file need not be there yet. */
export const openFollower = (path: string, bytesBefore: number): Follower => {
  let open: Open | null = null
  let at = 0
  /** The file of before, for one more look: somebody may have opened it just before it was set aside. */
  let former: (() => Buffer) | null = null

  const openNow = (): Open | null => {
    try {
      const file = openSync(path, 'r')
      return { file, inode: fstatSync(file).ino }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }
  const rest = ({ file }: Open): Buffer => {
    const chunks: Buffer[] = []
    // It was cut off: what is there now is new.
    if (fstatSync(file).size < at) at = 0
    for (;;) {
      const chunk = Buffer.alloc(chunkBytes)
      const read = readSync(file, chunk, 0, chunkBytes, at)
      if (read === 0) return Buffer.concat(chunks)
      at += read
      chunks.push(chunk.subarray(0, read))
    }
  }

  const lastOf = (one: Open, from: number) => (): Buffer => {
    const size = fstatSync(one.file).size
    const last = Buffer.alloc(Math.max(0, size - from))
    const read = last.length === 0 ? 0 : readSync(one.file, last, 0, last.length, from)
    closeSync(one.file)
    return last.subarray(0, read)
  }

  open = openNow()
  if (open !== null) at = Math.max(0, fstatSync(open.file).size - bytesBefore)

  return {
    more: () => {
      const parts: Buffer[] = former === null ? [] : [former()]
      former = null
      if (open !== null) {
        const isSame = statSync(path, { throwIfNoEntry: false })?.ino === open.inode
        parts.push(rest(open))
        if (isSame) return Buffer.concat(parts)
        former = lastOf(open, at)
        at = 0
      }
      open = openNow()
      if (open !== null) parts.push(rest(open))
      return Buffer.concat(parts)
    },
    close: () => {
      former?.()
      former = null
      if (open !== null) closeSync(open.file)
      open = null
    },
  }
}
