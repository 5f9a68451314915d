/**
 * Holes in an append-only file. On a full disk an engine takes a write back that found room for a part alone, by cutting the file; where it is not
 * open for appending, the next write leaves zeros in place of that part. All commands are there and whole, and no engine loads them. The
 * module for control keeps that from happening (`native/larder-control.c`); an engine that runs without it, or was started by an earlier Larder, may have left such a
 * file. Why: docs/decisions/0019-damaged-files-and-disk-first.md.
 *
 * Zeros are overwritten in their place, which needs no room on a disk that may still be full: by comment lines, which the engines skip, and where
 * they are too few for one by the number of words of the command behind them, which begins with zeros then.
 */
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'

interface Hole {
  readonly at: number
  readonly bytes: number
}

const chunkBytes = 1 << 20
/** Numbers of words and bytes, and comments of the engine, are shorter. */
const longestLine = 1_024

/** Bytes of a file from the front to the back, by their place in it. */
const readAlong = (file: FileHandle, size: number) => {
  let from = 0
  let bytes = Buffer.alloc(0)
  return {
    /** Whether `byte` and `line` can tell what stands there; else it has to be loaded first. */
    has: (at: number): boolean => at >= from && Math.min(at + longestLine, size) <= from + bytes.length,
    async load(at: number): Promise<void> {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(chunkBytes, size - at)), 0, undefined, at)
      from = at
      bytes = buffer.subarray(0, bytesRead)
    },
    /** -1: the file ends before it. */
    byte: (at: number): number => bytes[at - from] ?? -1,
    /** With its end; null: the file ends before it does, or it is too long to be one. */
    line(at: number): string | null {
      const end = bytes.indexOf(0x0a, at - from)
      return end < 0 || end - (at - from) >= longestLine ? null : bytes.toString('latin1', at - from, end + 1)
    },
  }
}

const count = (line: string, kind: '*' | '$'): number | null => {
  const found = /^([*$])(\d{1,10})\r\n$/.exec(line)
  return found?.[1] === kind ? Number(found[2]) : null
}

/** Null: it is wrong in another way too. A last command that is cut off is the engine's business. */
const findHoles = async (file: FileHandle): Promise<readonly Hole[] | null> => {
  const { size } = await file.stat()
  const along = readAlong(file, size)
  const holes: Hole[] = []
  /** Whether what is there may be a line that the end of the file cuts off. */
  const isCutOff = (at: number): boolean => size - at < longestLine
  for (let at = 0; at < size; ) {
    const start = at
    for (;;) {
      if (!along.has(at)) await along.load(at)
      if (along.byte(at) !== 0) break
      at += 1
    }
    if (at > start) holes.push({ at: start, bytes: at - start })
    if (at === size) return null // zeros at the end are no hole: nothing follows
    const head = along.line(at)
    if (head === null) return isCutOff(at) ? holes : null
    at += head.length
    if (head.startsWith('#')) continue
    const words = count(head, '*')
    if (words === null) return null
    for (let word = 0; word < words; word += 1) {
      if (!along.has(at)) await along.load(at)
      const said = along.line(at)
      if (said === null) return isCutOff(at) ? holes : null
      const length = count(said, '$')
      if (length === null) return null
      at += said.length + length + 2
      if (at > size) return holes
      if (!along.has(at - 2)) await along.load(at - 2)
      if (along.byte(at - 2) !== 0x0d || along.byte(at - 1) !== 0x0a) return null
    }
  }
  return holes
}

const longestComment = 512
const shortestComment = 3

const comment = (length: number): string => `#${' '.repeat(length - shortestComment)}\r\n`

/** What is written at the place of the hole; `next`: the first byte behind it. */
const fillingOf = (bytes: number, next: string): string => {
  if (bytes < shortestComment) return `${next}${(next === '*' ? '0' : ' ').repeat(bytes)}`
  // What is left over after whole comments must be long enough for one.
  const lengths: number[] = []
  for (let left = bytes; left > 0; ) {
    const length = left <= longestComment ? left : Math.min(longestComment, left - shortestComment)
    lengths.push(length)
    left -= length
  }
  return lengths.map(comment).join('')
}

const close = async (path: string): Promise<number> => {
  await using file = await open(path, 'r+')
  const holes = await findHoles(file)
  if (holes === null || holes.length === 0) return 0
  for (const { at, bytes } of holes) {
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at + bytes)
    const filling = Buffer.from(fillingOf(bytes, buffer.toString('latin1')), 'latin1')
    await file.write(filling, 0, filling.length, at)
  }
  await file.sync()
  return holes.length
}

const increment = /\.incr\.aof$|\.aof\.incr$/

/** Of an append-only file in this folder whose engine has ended. Resolves with how many holes there were; nothing else is changed. */
export const closeHoles = async (folder: string): Promise<number> => {
  const names = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return []
    throw error
  })
  let closed = 0
  for (const name of names.filter((each) => increment.test(each))) closed += await close(join(folder, name))
  return closed
}
