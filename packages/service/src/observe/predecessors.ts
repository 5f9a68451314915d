/**
 * The files of before of a log that is full: `audit.log.1.gz`, `audit.log.2.gz`, …, the highest number is the newest. A file is renamed and then compressed
 * beside the event loop. Whatever moment that is cut off at: each number is there whole, in one of the two forms, and compressed later.
 */
import { createReadStream, createWriteStream, readdirSync, renameSync, rmSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

export interface Predecessor {
  readonly number: number
  readonly path: string
  readonly isCompressed: boolean
}

const unfinished = '.new'

/** The oldest first. */
export const predecessorsOf = (path: string): readonly Predecessor[] => {
  const start = `${basename(path)}.`
  const found = new Map<number, Predecessor>()
  for (const name of readdirSync(dirname(path))) {
    if (!name.startsWith(start)) continue
    const [, number, zipped] = /^([1-9]\d*)(\.gz)?$/.exec(name.slice(start.length)) ?? []
    if (number === undefined) continue
    // A compressed file gets its name when it is whole: what it was made of may still stand beside it.
    if (zipped === undefined && found.has(Number(number))) continue
    found.set(Number(number), {
      number: Number(number),
      path: `${dirname(path)}/${name}`,
      isCompressed: zipped !== undefined,
    })
  }
  return [...found.values()].sort((a, b) => a.number - b.number)
}

const plainPath = (path: string, number: number): string => `${path}.${number}`

const removeOldest = (path: string, kept: number): void => {
  const all = predecessorsOf(path)
  for (const { number } of all.slice(0, Math.max(0, all.length - kept)))
    for (const end of ['', '.gz']) rmSync(`${plainPath(path, number)}${end}`, { force: true })
}

/** The name for the file that is full. Makes room for it first, so that there are never more than `kept`. */
export const nextPredecessor = (path: string, kept: number): string => {
  const next = plainPath(path, (predecessorsOf(path).at(-1)?.number ?? 0) + 1)
  removeOldest(path, kept - 1)
  return next
}

/** Whoever writes goes on in a new file. Throws what renaming throws. */
export const setAside = (path: string, kept: number): void => renameSync(path, nextPredecessor(path, kept))

/** Compresses what is not yet. Rejects where that fails (a full disk): the file stays as it is, and is taken up again the next time. */
export const compressPredecessors = async (path: string): Promise<void> => {
  for (const { number, isCompressed } of predecessorsOf(path)) {
    const plain = plainPath(path, number)
    if (isCompressed) {
      await rm(plain, { force: true })
      continue
    }
    const whole = `${plain}.gz`
    try {
      const target = createWriteStream(`${whole}${unfinished}`, { mode: 0o600, flush: true })
      await pipeline(createReadStream(plain), createGzip(), target)
      await rename(`${whole}${unfinished}`, whole)
      await rm(plain, { force: true })
    } catch (error) {
      await rm(`${whole}${unfinished}`, { force: true })
      // It was one too many meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}
