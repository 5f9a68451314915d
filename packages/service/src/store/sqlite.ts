/**
 * The store on `node:sqlite`: one file, write-ahead log, every acknowledged transaction on disk (synchronous FULL).
 *
 * Deleting a key that is not there changes nothing and is not told to watchers.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { backup, DatabaseSync, type StatementSync } from 'node:sqlite'
import { LarderError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Change, Condition, Entry, Operation, Store, TransactionResult } from '../ports/store.ts'
import { extendLog, openReserve } from './reserve.ts'
import { create, format, guarded, inspect, newId, pragma, syncFile, writeFormat } from './sqlite-file.ts'
import { createWatchers } from './watchers.ts'

/** Changes that a watcher may still ask for. */
const keptRevisions = 1_000
const compactEvery = 100
/** Entries that are kept in memory. */
const mostRecent = 4_000

/** SQLITE_FULL; SQLITE_IOERR where the log could not be made longer. */
const outOfRoom: ReadonlySet<number> = new Set([13, 10])
const isOutOfRoom = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && outOfRoom.has(error.errcode & 0xff)

/** The last key that starts with `prefix` is smaller than this. Keys are printable ASCII. */
const beyond = (prefix: string): string => `${prefix}\u007f`

const entryOf = (row: Record<string, unknown>): Entry => ({
  key: String(row['key']),
  value: String(row['value']),
  revision: Number(row['revision']),
})

export interface SqliteOptions {
  readonly clock: Pick<Clock, 'now'>
  /** For a second process that only looks, while the service writes. */
  readonly readOnly?: boolean
  /** Told right after each commit that changed something, before any watcher. Must not throw. */
  readonly onCommit?: (revision: number, changes: readonly Change[]) => void
}

export interface SqliteStore extends Store {
  /** Which store this is: the same in all of its copies, and no other has it. Empty: a copy of before there were ids. */
  readonly id: string
  readonly revision: number
  /** Takes the room again that was given up on a full disk, as far as there is any. */
  keepRoom(): void
  /** Versions of Larder that know less than this one refuse the file from here on. What was copied before is as it was. */
  refuseOlder(): void
  /** Writes a copy of all that is committed to a file that appears whole or not at all. The event loop goes on meanwhile. */
  copyTo(path: string): Promise<void>
}

/** Opens or creates the store. Throws `LarderError` with `store-corrupt`, `store-newer` or `store-failed`. */
export const openSqliteStore = (path: string, { clock, readOnly = false, onCommit }: SqliteOptions): SqliteStore => {
  if (existsSync(path)) inspect(path)
  else if (readOnly) throw new LarderError('store-failed', `expected the state of Larder in ${path}, found no such file`)
  else guarded(path, 'making the store', () => create(path))

  const database = guarded(path, 'opening the store', () => {
    const opened = new DatabaseSync(path, { readOnly })
    opened.exec(
      readOnly
        ? 'PRAGMA busy_timeout = 2000'
        : 'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 2000',
    )
    return opened
  })
  // A store of before there were ids gets one.
  if (!readOnly)
    guarded(path, 'naming the store', () => database.prepare("INSERT OR IGNORE INTO meta VALUES ('id', ?)").run(Number(newId())))
  const reserve = openReserve(`${path}.reserve`)
  const keepRoom = (): void => {
    // A log that begins on a full disk (the one before was closed in order) has the room that was kept, before others take it.
    if (!extendLog(`${path}-wal`) && reserve.release()) extendLog(`${path}-wal`)
    reserve.keep()
  }
  if (!readOnly) keepRoom()
  const statements = {
    get: database.prepare('SELECT key, value, revision FROM entry WHERE key = ?'),
    revision: database.prepare('SELECT revision FROM entry WHERE key = ?'),
    list: database.prepare('SELECT key, revision FROM entry WHERE key >= ? AND key <> ? AND key < ? ORDER BY key LIMIT ?'),
    meta: database.prepare('SELECT value FROM meta WHERE name = ?'),
    past: database.prepare(
      'SELECT key, value, revision FROM change WHERE revision >= ? AND key >= ? AND key < ? ORDER BY revision, position',
    ),
    leaseEnds: database.prepare('SELECT id FROM lease WHERE ends <= ?'),
    leaseKeys: database.prepare('SELECT key FROM entry WHERE lease = ?'),
    lease: database.prepare('SELECT ttl FROM lease WHERE id = ?'),
  }
  /** What was read before is given again, as the same object, while its revision is the same: long values are copied and parsed once. */
  const recent = new Map<string, Entry>()
  const read = (key: string, revision: number): Entry => {
    const known = recent.get(key)
    if (known?.revision === revision) return known
    const row = statements.get.get(key)
    if (row === undefined) {
      throw new LarderError('store-failed', `expected an entry ${key} of revision ${revision} in ${path}, found none`, {
        retry: true,
      })
    }
    const entry = entryOf(row)
    if (recent.size >= mostRecent) recent.clear()
    recent.set(key, entry)
    return entry
  }
  const meta = (name: string): number => Number(statements.meta.get(name)?.['value'] ?? 0)
  const watchers = createWatchers()

  const refuseWrites = (): void => {
    if (readOnly)
      throw new LarderError('store-failed', `expected a store opened for writing, found ${path} opened for reading only`)
  }

  const prepared = new Map<string, StatementSync>()
  const run = (sql: string, ...values: (string | number | null)[]): number => {
    let statement = prepared.get(sql)
    if (statement === undefined) {
      statement = database.prepare(sql)
      prepared.set(sql, statement)
    }
    return Number(statement.run(...values).changes)
  }

  const apply = (operation: Operation, revision: number): Change | null => {
    if ('put' in operation) {
      const lease = operation.lease ?? null
      if (lease !== null && statements.lease.get(lease) === undefined) {
        throw new LarderError('store-failed', `expected a lease that has not ended, found ${lease}`)
      }
      run(
        'INSERT INTO entry (key, value, revision, lease) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision, lease = excluded.lease',
        operation.put,
        operation.value,
        revision,
        lease,
      )
      return { key: operation.put, value: operation.value, revision }
    }
    return run('DELETE FROM entry WHERE key = ?', operation.delete) === 0
      ? null
      : { key: operation.delete, value: null, revision }
  }

  /** Runs inside a transaction. */
  const commit = (operations: readonly Operation[]): { readonly revision: number; readonly changes: readonly Change[] } => {
    const revision = meta('revision') + 1
    const changes = operations.map((operation) => apply(operation, revision)).filter((change) => change !== null)
    if (changes.length === 0) return { revision: revision - 1, changes }
    for (const [position, change] of changes.entries()) {
      run('INSERT INTO change (revision, position, key, value) VALUES (?, ?, ?, ?)', revision, position, change.key, change.value)
    }
    run("UPDATE meta SET value = ? WHERE name = 'revision'", revision)
    if (revision % compactEvery === 0) keepRoom()
    if (revision % compactEvery === 0 && revision > keptRevisions) {
      run('DELETE FROM change WHERE revision <= ?', revision - keptRevisions)
      run("UPDATE meta SET value = ? WHERE name = 'compacted'", revision - keptRevisions)
    }
    return { revision, changes }
  }

  const attempt = <T>(work: () => T): T => {
    database.exec('BEGIN IMMEDIATE')
    try {
      const done = work()
      database.exec('COMMIT')
      return done
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }

  const transaction = <T>(work: () => { readonly result: T; readonly changes: readonly Change[] }): T => {
    refuseWrites()
    return guarded(path, 'a transaction', () => {
      let done: ReturnType<typeof work>
      try {
        done = attempt(work)
      } catch (error) {
        if (!isOutOfRoom(error) || !reserve.release()) throw error
        done = attempt(work)
      }
      const [first] = done.changes
      if (first !== undefined) onCommit?.(first.revision, done.changes)
      watchers.publish(done.changes)
      return done.result
    })
  }

  const expire = (): void => {
    if (readOnly) return
    const ended = guarded(path, 'reading', () => statements.leaseEnds.all(clock.now()))
    for (const row of ended) endLease(String(row['id']))
  }

  const endLease = (id: string): void => {
    transaction(() => {
      const keys = statements.leaseKeys.all(id).map((row): Operation => ({ delete: String(row['key']) }))
      run('DELETE FROM lease WHERE id = ?', id)
      return { result: undefined, changes: commit(keys).changes }
    })
  }

  return {
    id: String(statements.meta.get('id')?.['value'] ?? ''),
    get revision() {
      return meta('revision')
    },
    keepRoom,
    refuseOlder() {
      if (pragma(database, 'user_version') === format) return
      transaction(() => {
        writeFormat(database)
        return { result: undefined, changes: [] }
      })
    },
    async copyTo(target) {
      const fresh = `${target}.new`
      rmSync(fresh, { force: true })
      try {
        await backup(database, fresh)
        const copied = new DatabaseSync(fresh)
        try {
          copied.exec('PRAGMA journal_mode = DELETE') // a copy is one file
        } finally {
          copied.close()
        }
        chmodSync(fresh, 0o600)
        syncFile(fresh)
        renameSync(fresh, target)
      } catch (error) {
        rmSync(fresh, { force: true }) // a half of one takes room that others need
        throw error
      }
      syncFile(dirname(target))
    },
    async get(key) {
      expire()
      return guarded(path, 'reading', () => {
        const row = statements.revision.get(key)
        return row === undefined ? null : read(key, Number(row['revision']))
      })
    },
    async list(prefix, { after = '', limit = -1 } = {}) {
      expire()
      return guarded(path, 'reading', () => {
        // A reader beside the writing process could else see a revision of before the entries.
        if (readOnly) database.exec('BEGIN')
        try {
          const revision = meta('revision')
          const rows = statements.list.all(after > prefix ? after : prefix, after, beyond(prefix), limit)
          const entries = rows.map((row) => read(String(row['key']), Number(row['revision'])))
          return { entries, revision }
        } finally {
          if (readOnly) database.exec('COMMIT')
        }
      })
    },
    async transact(conditions: readonly Condition[], operations: readonly Operation[]): Promise<TransactionResult> {
      expire()
      return transaction<TransactionResult>(() => {
        for (const condition of conditions) {
          const found = Number(statements.revision.get(condition.key)?.['revision'] ?? 0)
          if (found !== condition.revision) return { result: { ok: false, failed: condition }, changes: [] }
        }
        const { revision, changes } = commit(operations)
        return { result: { ok: true, revision }, changes }
      })
    },
    watch(prefix, fromRevision, signal) {
      const overrun = (): LarderError =>
        new LarderError('store-failed', 'a watcher fell too far behind; list again', { retry: true })
      if (fromRevision <= meta('compacted')) {
        throw new LarderError(
          'store-failed',
          `expected a revision after ${meta('compacted')} to watch from, found ${fromRevision}; list again`,
          { retry: true },
        )
      }
      const past = statements.past.all(fromRevision, prefix, beyond(prefix)).map(
        (row): Change => ({
          key: String(row['key']),
          value: row['value'] === null ? null : String(row['value']),
          revision: Number(row['revision']),
        }),
      )
      return watchers.follow(prefix, past, signal, overrun)
    },
    async grantLease(ttlMs) {
      const id = randomBytes(8).toString('hex')
      transaction(() => {
        run('INSERT INTO lease (id, ttl, ends) VALUES (?, ?, ?)', id, ttlMs, clock.now() + ttlMs)
        return { result: undefined, changes: [] }
      })
      return id
    },
    async keepAlive(id) {
      expire()
      const row = statements.lease.get(id)
      if (row === undefined) return false
      return transaction(() => ({
        result: run('UPDATE lease SET ends = ? WHERE id = ?', clock.now() + Number(row['ttl']), id) > 0,
        changes: [],
      }))
    },
    async revokeLease(id) {
      endLease(id)
    },
    async close() {
      if (database.isOpen) database.close()
    },
  }
}
