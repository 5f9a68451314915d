/**
 * Everything that the store holds, a second time, in plain files beside it: a base with every entry, then each change as it is committed.
 * It tells whether the store is older than what was acknowledged once, and makes it anew where it was lost.
 *
 * One line each, JSON: `{"journal": 1, "store", "version", "revision"}` begins a file, `[revision, key, value or null]` is an entry or a
 * change, `{"whole": revision}` says that the base is complete. Of lines with the same key the one with the highest revision counts, so the base
 * may be written while changes go on. A file that is not whole counts together with the one before it.
 *
 * The store's own log decides what is acknowledged: a journal that cannot be written holds nobody up, and is begun anew.
 */
import { closeSync, fdatasync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Log } from '../ports/log.ts'
import type { Change, Store } from '../ports/store.ts'

const format = 1
/** Entries that are written in one turn of the event loop. */
const pageSize = 100
/** A file is begun anew when it has grown by so much more than its base. */
const leastGrowthBytes = 1024 * 1024
const growthOfBase = 4
/** A disk that refused is asked again after this time. */
const againMs = 5_000

export interface Journal {
  /** Never throws. Called right after the commit, in the order of the revisions. */
  append(revision: number, changes: readonly Change[]): void
  /** Begins a file with everything that the store holds; resolves when it is whole. Never rejects. */
  renew(store: Pick<Store, 'list'>, revision: number): Promise<void>
  close(): Promise<void>
}

export interface JournalOptions {
  /** Of its own; made where it is missing. */
  readonly folder: string
  /** Which store: `SqliteStore.id`. */
  readonly store: string
  /** Of Larder. */
  readonly version: string
  readonly log: Log
}

const nameOf = (ordinal: number): string => `journal-${String(ordinal).padStart(9, '0')}.jsonl`
const nameForm = /^journal-(\d{9,15})\.jsonl$/

const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder)
      .filter((name) => nameForm.test(name))
      .sort((left, right) => ordinalOf(left) - ordinalOf(right))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
const ordinalOf = (name: string): number => Number(nameForm.exec(name)?.[1] ?? 0)

interface OpenFile {
  readonly descriptor: number
  readonly name: string
  bytes: number
  /** Null: the base is still being written. */
  baseBytes: number | null
}

const lineOf = (revision: number, key: string, value: string | null): string => `${JSON.stringify([revision, key, value])}\n`

export const openJournal = ({ folder, store: id, version, log }: JournalOptions): Journal => {
  let file: OpenFile | null = null
  let source: Pick<Store, 'list'> | null = null
  let newest = 0
  let renewing: Promise<void> | null = null
  let timer: NodeJS.Timeout | null = null
  let closed = false

  const give = (up: OpenFile, error: unknown): void => {
    if (file === up) file = null
    closeSync(up.descriptor)
    log('warn', 'the copy of the state beside it cannot be written and is begun anew later', { file: up.name, error })
    later()
  }

  const write = (to: OpenFile, text: string): boolean => {
    try {
      const bytes = Buffer.from(text)
      const written = writeSync(to.descriptor, bytes)
      if (written !== bytes.length) throw new Error(`expected ${bytes.length} bytes to be written, found ${written}`)
      to.bytes += written
      return true
    } catch (error) {
      give(to, error)
      return false
    }
  }

  const later = (): void => {
    if (timer !== null || closed) return
    timer = setTimeout(() => {
      timer = null
      if (source !== null && !closed) void begin(source)
    }, againMs)
    timer.unref()
  }

  const startFile = (): OpenFile | null => {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const name = nameOf(ordinalOf(namesIn(folder).at(-1) ?? '') + 1)
      const begun: OpenFile = { descriptor: openSync(join(folder, name), 'ax', 0o600), name, bytes: 0, baseBytes: null }
      if (write(begun, `${JSON.stringify({ journal: format, store: id, version, revision: newest })}\n`)) return begun
      rmSync(join(folder, name), { force: true }) // else one more would lie there for each attempt on a full disk
      return null
    } catch (error) {
      log('warn', 'a copy of the state cannot be begun beside it', { folder, error })
      later()
      return null
    }
  }

  const writeBase = async (from: Pick<Store, 'list'>): Promise<void> => {
    const before = file
    const begun = startFile()
    if (begun === null) return
    file = begun
    if (before !== null) closeSync(before.descriptor)
    for (let after = ''; ; ) {
      const { entries } = await from.list('', { after, limit: pageSize })
      if (file !== begun || closed) return
      if (entries.length > 0 && !write(begun, entries.map(({ revision, key, value }) => lineOf(revision, key, value)).join('')))
        return
      after = entries.at(-1)?.key ?? ''
      if (entries.length < pageSize) break
      await setImmediate()
    }
    if (!write(begun, `${JSON.stringify({ whole: newest })}\n`)) return
    begun.baseBytes = begun.bytes
    await promisify(fdatasync)(begun.descriptor)
    for (const name of namesIn(folder)) if (ordinalOf(name) < ordinalOf(begun.name)) rmSync(join(folder, name), { force: true })
  }

  const begin = (from: Pick<Store, 'list'>): Promise<void> => {
    renewing ??= writeBase(from)
      .catch((error: unknown) => {
        if (!closed) {
          log('warn', 'the copy of the state beside it is not whole', { folder, error })
          later()
        }
      })
      .finally(() => {
        renewing = null
      })
    return renewing
  }

  return {
    append(revision, changes) {
      newest = revision
      if (file === null || closed) return
      const { baseBytes } = file
      if (!write(file, changes.map(({ key, value }) => lineOf(revision, key, value)).join(''))) return
      if (baseBytes === null || source === null) return
      if (file.bytes - baseBytes > Math.max(leastGrowthBytes, growthOfBase * baseBytes)) void begin(source)
    },
    renew(store, revision) {
      source = store
      newest = Math.max(newest, revision)
      return begin(store)
    },
    async close() {
      closed = true
      if (timer !== null) clearTimeout(timer)
      if (renewing !== null) await renewing
      if (file !== null) closeSync(file.descriptor)
      file = null
    },
  }
}

// ---- reading ----------------------------------------------------------------------------------------------------------

export interface JournalEntry {
  readonly revision: number
  /** Null: the key was deleted. */
  readonly value: string | null
}

export interface JournalContent {
  readonly store: string
  readonly version: string
  /** Of the newest change that is in it. */
  readonly revision: number
  /** False: it begins in the middle, and what did not change since is not in it. */
  readonly whole: boolean
  /** Lines that cannot be read; the end of a file that was cut off by a crash is none. */
  readonly damaged: number
  readonly entries: ReadonlyMap<string, JournalEntry>
}

interface FileContent {
  readonly store: string
  readonly version: string
  revision: number
  whole: boolean
  damaged: number
  readonly entries: Map<string, JournalEntry>
}

const isHead = (value: unknown): value is { readonly store: string; readonly version: string; readonly revision: number } => {
  const { journal, store, version, revision } = (value ?? {}) as Record<string, unknown>
  return journal === format && typeof store === 'string' && typeof version === 'string' && Number.isSafeInteger(revision)
}

const isEntry = (value: unknown): value is readonly [number, string, string | null] =>
  Array.isArray(value) &&
  value.length === 3 &&
  Number.isSafeInteger(value[0]) &&
  typeof value[1] === 'string' &&
  (value[2] === null || typeof value[2] === 'string')

const wholeOf = (value: unknown): number | null => {
  const { whole } = (value ?? {}) as Record<string, unknown>
  return typeof whole === 'number' && Number.isSafeInteger(whole) ? whole : null
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // counted as damaged
  }
}

const keep = (entries: Map<string, JournalEntry>, key: string, entry: JournalEntry): void => {
  if ((entries.get(key)?.revision ?? -1) <= entry.revision) entries.set(key, entry)
}

/** Null: it has no head that can be read, so nobody knows of which store it is. */
const readOne = (path: string): FileContent | null => {
  const lines = readFileSync(path, 'utf8').split('\n')
  const head = parsed(lines[0] ?? '')
  if (!isHead(head)) return null
  const content: FileContent = {
    store: head.store,
    version: head.version,
    revision: head.revision,
    whole: false,
    damaged: 0,
    entries: new Map(),
  }
  // What stands after the last end of a line was cut off, and was never acknowledged by it.
  for (const line of lines.slice(1, -1)) {
    const value = parsed(line)
    const whole = wholeOf(value)
    if (isEntry(value)) {
      const [revision, key, text] = value
      content.revision = Math.max(content.revision, revision)
      keep(content.entries, key, { revision, value: text })
    } else if (whole !== null) {
      content.whole = true
      content.revision = Math.max(content.revision, whole)
    } else content.damaged += 1
  }
  return content
}

/** Null where there is none. Files of another store than the newest one's are left out. */
export const readJournal = (folder: string): JournalContent | null => {
  const files = namesIn(folder).map((name) => readOne(join(folder, name)))
  const unreadable = files.filter((each) => each === null).length
  const known = files.filter((each) => each !== null)
  const last = known.at(-1)
  if (last === undefined) return null
  const own = known.filter(({ store }) => store === last.store)
  const base = own.findLastIndex(({ whole, damaged }) => whole && damaged === 0)
  const used = own.slice(Math.max(base, 0))
  const entries = new Map<string, JournalEntry>()
  for (const each of used) for (const [key, entry] of each.entries) keep(entries, key, entry)
  return {
    store: last.store,
    version: last.version,
    revision: Math.max(...used.map(({ revision }) => revision)),
    whole: base >= 0 || used.some(({ whole }) => whole),
    damaged: unreadable + used.reduce((sum, { damaged }) => sum + damaged, 0),
    entries,
  }
}
