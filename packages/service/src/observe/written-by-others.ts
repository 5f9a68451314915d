/**
 * Bounds the logs that other processes write: engines, and those of an earlier Larder that are still running.
 *
 * Valkey and Redis open their log for each line: it is renamed, and they go on in a new one. Memcached, and whatever writes to the file that it was started
 * with, keeps it open: what is there is copied, and then cut off. Between the last look and the cut lie some microseconds, with no turn of the
 * event loop; a kill in between leaves the same lines in both files, and loses none.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { copyFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../ports/log.ts'
import { type Bound, bounds } from './lines.ts'
import { compressPredecessors, nextPredecessor, predecessorsOf, setAside } from './predecessors.ts'

const chunkBytes = 65_536

/** Copies what has come since, and cuts off, without letting anything else of this process run. */
const cutOff = (path: string, copy: string): void => {
  const [from, to] = [openSync(path, constants.O_RDWR), openSync(copy, constants.O_WRONLY | constants.O_APPEND)]
  try {
    const chunk = Buffer.alloc(chunkBytes)
    let at = fstatSync(to).size
    const catchUp = (): void => {
      for (let read = readSync(from, chunk, 0, chunkBytes, at); read > 0; read = readSync(from, chunk, 0, chunkBytes, at)) {
        writeFileSync(to, chunk.subarray(0, read)) // all of it: a single write may take a part
        at += read
      }
    }
    catchUp()
    fsyncSync(to)
    renameSync(copy, copy.replace(/\.new$/, ''))
    catchUp()
    ftruncateSync(from, 0)
  } finally {
    closeSync(from)
    closeSync(to)
  }
}

/** Writers keep the file open, and write at its end wherever that is. */
const setCopyAside = async (path: string, kept: number): Promise<void> => {
  const copy = `${nextPredecessor(path, kept)}.new`
  try {
    await copyFile(path, copy)
    cutOff(path, copy)
  } catch (error) {
    await rm(copy, { force: true })
    throw error
  }
}

/** `isHeldOpen`: whoever writes does not open it for each line. Rejects where it cannot be done now; nothing is lost then. */
export const boundLog = async (path: string, { mostBytes, kept }: Bound, isHeldOpen: boolean): Promise<void> => {
  const size = await sizeOf(path)
  if (size === null) return
  if (size > mostBytes) {
    if (isHeldOpen) await setCopyAside(path, kept)
    else setAside(path, kept)
  } else if (predecessorsOf(path).every((one) => one.isCompressed)) return
  await compressPredecessors(path)
}

/** Null: it is not there. */
const sizeOf = async (path: string): Promise<number | null> => {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

interface WrittenByOthers {
  readonly nodeFolders: () => Promise<readonly string[]>
  readonly endpointsFolder: string
  readonly log: Log
}

const lookMs = 30_000
/** Clients can make an engine write as fast as the disk takes it (`redis.log` in a loop, `verbosity` of Memcached): a look at its size only. */
const floodLookMs = 1_000
/** Times its bound. What is there of so much is no news. */
const flood = 4

/** A log that has grown so far since the last look is cut off at its bound: whoever writes goes on at its end. */
export const cutFloods = (
  folders: readonly string[],
  log: Log,
  { mostBytes }: Pick<Bound, 'mostBytes'> = bounds.engine,
): void => {
  for (const folder of folders) {
    for (const name of ['engine.log', 'engine.out']) {
      const path = join(folder, name)
      try {
        const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0
        if (bytes <= flood * mostBytes) continue
        truncateSync(path, mostBytes)
        log('warn', 'a node writes more to its log than is kept', { folder, bytes })
      } catch (error) {
        log('warn', 'a log could not be bounded', { folder, error })
      }
    }
  }
}

/** One look at all of them. What cannot be bounded now is told, and bounded at a later look. */
export const boundLogs = async (
  { nodeFolders, endpointsFolder, log }: WrittenByOthers,
  { engine, endpoints }: Pick<typeof bounds, 'engine' | 'endpoints'> | Readonly<Record<'engine' | 'endpoints', Bound>> = bounds,
): Promise<void> => {
  const look = async (folder: string, name: string, bound: Bound): Promise<void> => {
    try {
      // Where its output has a file of its own a process writes its log line by line.
      const isHeldOpen = (await sizeOf(join(folder, `${name}.out`))) === null
      if (!isHeldOpen) await boundLog(join(folder, `${name}.out`), { ...bound, kept: 1 }, true)
      // The process that serves endpoints bounds its own.
      if (isHeldOpen || name === 'engine') await boundLog(join(folder, `${name}.log`), bound, isHeldOpen)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return // the node was removed meanwhile
      log('warn', 'a log could not be bounded', { folder, error })
    }
  }
  for (const folder of await nodeFolders()) await look(folder, 'engine', engine)
  await look(endpointsFolder, 'endpoints', endpoints)
}

/** Looks at them as long as the service runs. */
export const keepLogsBounded = async (what: WrittenByOthers, signal: AbortSignal): Promise<void> => {
  let folders: readonly string[] = []
  for (let look = 0; !signal.aborted; look += 1) {
    if (look % (lookMs / floodLookMs) === 0) {
      try {
        await boundLogs(what)
        folders = await what.nodeFolders()
      } catch (error) {
        what.log('warn', 'logs could not be bounded', { error })
      }
    }
    cutFloods(folders, what.log)
    await sleep(floodLookMs, undefined, { signal, ref: false }).catch(() => undefined) // it ends
  }
}
