/**
 * Only one `larder up` for a home: an exclusive transaction that is held on a database of its own. The kernel frees it when the
 * process ends, however it ends, and a pid that is used again cannot be mistaken for its holder.
 */
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { LarderError } from '../errors.ts'
import { isObject, readJsonFile, removeFile, writePrivateFile } from './files.ts'
import type { Home } from './home.ts'

export interface HomeLock {
  release(): void
}

/** Who holds the lock, in `service.json`: written as soon as the lock is held, and again when it serves. A crash leaves it behind. */
export interface ServiceInfo {
  readonly pid: number
  /** With `bootId` as in `ProcessIdentity`: a pid alone may be somebody else's by now. Left out by a Larder of before. */
  readonly startTime?: string
  readonly bootId?: string
  /** Null while it does not serve yet, and where it never does. */
  readonly url: string | null
  /** `larder up`, or a command that must be alone in the home. Left out by a Larder of before: `up`. */
  readonly task?: 'up' | 'down' | 'recover'
  /** Milliseconds since 1970. */
  readonly startedAt: number
}

const isTextOrNone = (value: unknown): boolean => value === undefined || typeof value === 'string'

/** 0 and negative numbers are no processes: a signal to them reaches many. */
const isPid = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) > 1

const isServiceInfo = (value: unknown): value is ServiceInfo =>
  isObject(value) &&
  isPid(value['pid']) &&
  isTextOrNone(value['startTime']) &&
  isTextOrNone(value['bootId']) &&
  (value['url'] === null || typeof value['url'] === 'string') &&
  isTextOrNone(value['task']) &&
  typeof value['startedAt'] === 'number'

/** Others hold the lock for an instant while they look at it, and a service that ends removes its record before it lets go. */
const patienceMs = 1_000

const isNoDatabase = (error: unknown): boolean => error instanceof Error && 'errcode' in error && error.errcode === 26

/** Null when somebody else holds it for `waitMs`. A file of something else in its place is no lock: another one is made. */
const tryLock = (home: Home, waitMs: number, again = true): HomeLock | null => {
  const database = new DatabaseSync(home.lockFile)
  try {
    // Nothing is ever written: a journal would be a file that a full disk has no room for.
    database.exec(`PRAGMA busy_timeout = ${waitMs}; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE`)
  } catch (error) {
    database.close()
    if (error instanceof Error && /locked|busy/i.test(error.message)) return null
    if (isNoDatabase(error) && again) {
      removeFile(home.lockFile)
      return tryLock(home, waitMs, false)
    }
    throw new LarderError('store-failed', `the lock of ${home.path} could not be taken: ${String(error)}`, { cause: error })
  }
  return { release: () => database.close() }
}

const readService = (home: Home): ServiceInfo | null => readJsonFile(home.serviceFile, isServiceInfo, 'who serves')

const holderText = (home: Home): string => {
  try {
    const holder = readService(home)
    if (holder === null) return 'another process'
    return holder.url === null
      ? `process ${holder.pid} (larder ${holder.task ?? 'up'})`
      : `process ${holder.pid} at ${holder.url}`
  } catch (error) {
    if (error instanceof LarderError) return `another process (${error.message})`
    throw error
  }
}

/** Throws `store-busy` with the pid of the holder. */
export const lockHome = (home: Home): HomeLock => {
  const lock = tryLock(home, patienceMs)
  if (lock !== null) return lock
  throw new LarderError(
    'store-busy',
    `expected to be the only service of ${home.path}, found ${holderText(home)}; stop it first, or use another LARDER_HOME`,
  )
}

/** Who wrote it last, whether it still lives or not; null where that cannot be told. */
export const lastService = (home: Home): ServiceInfo | null => {
  try {
    return readService(home)
  } catch (error) {
    if (error instanceof LarderError && error.code === 'store-corrupt') return null
    throw error
  }
}

/** On a full disk it is written over what a killed service left, which has the room that it needs. */
export const writeService = (home: Home, info: ServiceInfo): void =>
  writePrivateFile(home.serviceFile, `${JSON.stringify(info)}\n`, 'over the old one on a full disk')
export const removeService = (home: Home): void => removeFile(home.serviceFile)

/**
 * Who serves this home now; null when nobody does, also when a file of a killed service was left behind, whatever stands in it.
 * In the instant between taking the lock and writing the file it may still name somebody of before: nobody is signalled by it alone
 * (`host/service-process.ts`).
 */
export const runningService = (home: Home): ServiceInfo | null => {
  if (!existsSync(home.serviceFile)) return null
  const lock = tryLock(home, 0)
  if (lock === null) return readService(home)
  lock.release()
  return null
}
