/**
 * Only one `larder up` for a home: an exclusive transaction that is held on a database of its own. The kernel frees it when the
 * process ends, however it ends, and a pid that is used again cannot be mistaken for its holder.
 */
import { DatabaseSync } from 'node:sqlite'
import { LarderError } from '../errors.ts'
import { isObject, readJsonFile, removeFile, writePrivateFile } from './files.ts'
import type { Home } from './home.ts'

export interface HomeLock {
  release(): void
}

export interface ServiceInfo {
  readonly pid: number
  readonly url: string
  /** Milliseconds since 1970. */
  readonly startedAt: number
}

const isServiceInfo = (value: unknown): value is ServiceInfo =>
  isObject(value) &&
  typeof value['pid'] === 'number' &&
  typeof value['url'] === 'string' &&
  typeof value['startedAt'] === 'number'

/** Others hold the lock for an instant while they look at it, and a service that ends removes its record before it lets go. */
const patienceMs = 1_000

/** Null when somebody else holds it for `waitMs`. */
const tryLock = (home: Home, waitMs: number): HomeLock | null => {
  const database = new DatabaseSync(home.lockFile)
  try {
    database.exec(`PRAGMA busy_timeout = ${waitMs}; BEGIN EXCLUSIVE`)
  } catch (error) {
    database.close()
    if (error instanceof Error && /locked|busy/i.test(error.message)) return null
    throw new LarderError('store-failed', `the lock of ${home.path} could not be taken: ${String(error)}`, { cause: error })
  }
  return { release: () => database.close() }
}

/** Throws `store-busy` with the pid of the holder. */
export const lockHome = (home: Home): HomeLock => {
  const lock = tryLock(home, patienceMs)
  if (lock !== null) return lock
  const holder = readJsonFile(home.serviceFile, isServiceInfo, 'who serves')
  const who = holder === null ? 'another process' : `process ${holder.pid} at ${holder.url}`
  throw new LarderError(
    'store-busy',
    `expected to be the only service of ${home.path}, found ${who}; stop it first, or use another LARDER_HOME`,
  )
}

export const writeService = (home: Home, info: ServiceInfo): void =>
  writePrivateFile(home.serviceFile, `${JSON.stringify(info)}\n`)
export const removeService = (home: Home): void => removeFile(home.serviceFile)

/** Who serves this home now; null when nobody does, also when a file of a killed service was left behind. */
export const runningService = (home: Home): ServiceInfo | null => {
  const info = readJsonFile(home.serviceFile, isServiceInfo, 'who serves')
  if (info === null) return null
  const lock = tryLock(home, 0)
  if (lock === null) return info
  lock.release()
  return null
}
