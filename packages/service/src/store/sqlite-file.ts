/** The file of the store on `node:sqlite`: how it is made, and how it is looked at before it is trusted. */
import { randomInt } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LarderError } from '../errors.ts'
import type { Entry } from '../ports/store.ts'

/** "LARD" in ASCII: tells our files from those of others. */
const applicationId = 0x4c415244
/**
 * 2: beside the state stand a journal of every change, records of what was removed, and a keeper of the kernel's rules. A Larder of before knows none
 * of them: what it changed would stand in no journal, and the keeper would undo its rules.
 */
export const format = 2
const schema = `
  CREATE TABLE entry (key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL, lease TEXT) WITHOUT ROWID;
  CREATE INDEX entry_lease ON entry (lease) WHERE lease IS NOT NULL;
  CREATE TABLE change (revision INTEGER NOT NULL, position INTEGER NOT NULL, key TEXT NOT NULL, value TEXT, PRIMARY KEY (revision, position)) WITHOUT ROWID;
  CREATE TABLE lease (id TEXT PRIMARY KEY, ttl INTEGER NOT NULL, ends INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO meta VALUES ('revision', 0), ('compacted', 0);
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${format};
`

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export const guarded = <T>(path: string, what: string, work: () => T): T => {
  try {
    return work()
  } catch (error) {
    if (error instanceof LarderError) throw error
    throw new LarderError('store-failed', `${what} failed on ${path}: ${messageOf(error)}`, { cause: error, retry: true })
  }
}

/** A file of before is from here on refused by the versions that wrote it. */
export const writeFormat = (database: DatabaseSync): void => database.exec(`PRAGMA user_version = ${format}`)

export const pragma = (database: DatabaseSync, name: string): number =>
  Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0)

/** SQLITE_CORRUPT and SQLITE_NOTADB. Whatever else goes wrong (a full disk, a file system that may only be read) says nothing about the file. */
const damage: ReadonlySet<number> = new Set([11, 26])
const isDamage = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && damage.has(error.errcode & 0xff)

/** Looks without touching. Throws `store-corrupt`, `store-newer`, or `store-failed` where the file could not be read now. */
export const inspect = (path: string): void => {
  let found: { readonly application: number; readonly version: number; readonly check: string }
  try {
    const database = new DatabaseSync(path, { readOnly: true })
    try {
      const check = database.prepare('PRAGMA quick_check(1)').get()
      found = {
        application: pragma(database, 'application_id'),
        version: pragma(database, 'user_version'),
        check: String(Object.values(check ?? {})[0]),
      }
    } finally {
      database.close()
    }
  } catch (error) {
    if (!isDamage(error))
      throw new LarderError(
        'store-failed',
        `the state in ${path} could not be read: ${messageOf(error)}. It was left as it is.`,
        {
          cause: error,
          retry: true,
        },
      )
    throw new LarderError(
      'store-corrupt',
      `expected the state of Larder in ${path}, found a file that is no readable database: ${messageOf(error)}. It was left as it is.`,
      {
        cause: error,
      },
    )
  }
  if (found.application !== applicationId) {
    throw new LarderError(
      'store-corrupt',
      `expected the state of Larder in ${path}, found a database of something else. It was left as it is.`,
    )
  }
  if (found.version > format) {
    throw new LarderError(
      'store-newer',
      `expected format ${format} or older in ${path}, found format ${found.version}: it was written by a newer Larder. It was left as it is.`,
    )
  }
  if (found.check !== 'ok') {
    throw new LarderError(
      'store-corrupt',
      `expected an undamaged database in ${path}, found: ${found.check}. It was left as it is.`,
    )
  }
}

/** What a new store begins with; without one it is empty, and another store than any before. */
export interface StoreContent {
  /** Empty: another store than any before. */
  readonly id: string
  readonly revision: number
  readonly entries: Iterable<Entry>
}

const largestId = 2 ** 47
export const newId = (): string => String(randomInt(1, largestId))

/** A rename is on disk when its folder is. */
export const syncFile = (path: string): void => {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

const fill = (database: DatabaseSync, { id, revision, entries }: StoreContent): void => {
  const insert = database.prepare('INSERT INTO entry (key, value, revision, lease) VALUES (?, ?, ?, NULL)')
  for (const entry of entries) insert.run(entry.key, entry.value, Math.min(entry.revision, revision))
  database.exec(`UPDATE meta SET value = ${revision} WHERE name IN ('revision', 'compacted')`)
  database.prepare("INSERT INTO meta VALUES ('id', ?)").run(Number(id || newId()))
}

/** Makes a store with this content where none is. Throws `store-failed`. */
export const writeSqliteStore = (path: string, content: StoreContent): void => {
  if (existsSync(path)) throw new LarderError('store-failed', `expected no file ${path}, found one`)
  guarded(path, 'making the store', () => create(path, content))
}

/** Made beside its place and moved there when it is whole: a process that is killed meanwhile leaves no half of a store. */
export const create = (path: string, content: StoreContent = { id: newId(), revision: 0, entries: [] }): void => {
  const fresh = `${path}.new`
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${fresh}${suffix}`, { force: true })
  const database = new DatabaseSync(fresh)
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;')
    database.exec(`BEGIN IMMEDIATE;${schema}`)
    fill(database, content)
    database.exec('COMMIT')
  } finally {
    database.close()
  }
  renameSync(fresh, path)
  syncFile(dirname(path))
}
