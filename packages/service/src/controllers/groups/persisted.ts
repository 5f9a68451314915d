/** What a node left on disk. Source: the RDB format's header (magic, then auxiliary fields as pairs of strings). */
import { open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { PersistedData } from '../../decide/observed.ts'

const headBytes = 1_024
const auxiliary = 0xfa

interface Text {
  readonly text: string
  readonly next: number
}

/** A string of the RDB format; null when it is cut off or compressed. Lengths: 6, 14 or 32 bits, or an integer of 1, 2 or 4 bytes. */
const readText = (bytes: Buffer, at: number): Text | null => {
  const first = bytes[at]
  if (first === undefined) return null
  const kind = first >> 6
  if (kind === 3) {
    const width = [1, 2, 4][first & 0x3f]
    if (width === undefined || at + 1 + width > bytes.length) return null
    return { text: String(bytes.readIntLE(at + 1, width)), next: at + 1 + width }
  }
  const header = kind === 0 ? 1 : kind === 1 ? 2 : 5
  if (at + header > bytes.length) return null
  const length = kind === 0 ? first & 0x3f : kind === 1 ? bytes.readUInt16BE(at) & 0x3fff : bytes.readUInt32BE(at + 1)
  const end = at + header + length
  return end > bytes.length ? null : { text: bytes.toString('latin1', at + header, end), next: end }
}

const isRdb = (head: Buffer): boolean => /^(REDIS|VALKEY)/.test(head.toString('latin1', 0, 6))

/** The replication offset in an RDB file's auxiliary fields (`repl-offset`), or null. Shape: the first bytes of the file. */
export const offsetInRdb = (head: Buffer): number | null => {
  if (!isRdb(head)) return null
  let at = 9
  while (head[at] === auxiliary) {
    const name = readText(head, at + 1)
    const value = name === null ? null : readText(head, name.next)
    if (name === null || value === null) return null
    if (name.text === 'repl-offset') {
      const offset = Number(value.text)
      return Number.isSafeInteger(offset) ? offset : null
    }
    at = value.next
  }
  return null
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)
const none: PersistedData = { kind: 'none', offset: null, modifiedAt: 0 }

/** Tells a file from the same one changed, repaired or replaced: its size, and the time at which anything of it changed. */
const stampOf = (name: string, { size, ctimeMs }: { readonly size: number; readonly ctimeMs: number }): string =>
  `${name} ${size} ${Math.trunc(ctimeMs)}`

const endOfRdb = 0xff
/** The end mark, and the checksum that follows it. */
const tailBytes = 9

const readRdb = async (path: string): Promise<PersistedData> => {
  const file = await open(path, 'r')
  try {
    const about = await file.stat()
    const { mtimeMs: modifiedAt, size: bytes } = about
    const stamp = stampOf('dump.rdb', about)
    const broken: PersistedData = { kind: 'rdb', offset: null, modifiedAt, stamp, path, flaw: 'incomplete' }
    if (!about.isFile() || bytes < tailBytes * 2) return broken
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0)
    const head = buffer.subarray(0, bytesRead)
    const { buffer: tail } = await file.read(Buffer.alloc(tailBytes), 0, tailBytes, bytes - tailBytes)
    if (!isRdb(head) || tail[0] !== endOfRdb) return broken
    return { kind: 'rdb', offset: offsetInRdb(head), modifiedAt, stamp, path }
  } finally {
    await file.close()
  }
}

/** `file <name> seq <number> type <b|h|i>`, one line for each part; b is the base, h what a later base has replaced. */
const partLine = /^file (\S+) seq \d+ type ([bhi])(?: .*)?$/

/** What the engine writes to while a new base is not ready yet: what the manifest names is then of an earlier time. */
const unfinished = /^temp-\S*\.incr$/

interface Part {
  readonly name: string
  readonly isFile: boolean
  readonly size: number
}

/** Null: nothing is wrong with it as far as its names tell. An engine starts without a word on what has no manifest, and on an empty base. */
const flawOf = (manifest: string | null, parts: readonly Part[]): 'incomplete' | 'unfinished' | null => {
  if (manifest === null) return 'incomplete'
  const lines = manifest.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const named = lines.map((line) => partLine.exec(line)).map((match) => ({ name: match?.[1] ?? '', type: match?.[2] ?? '' }))
  const isWhole = ({ name, type }: { readonly name: string; readonly type: string }): boolean => {
    const part = parts.find((each) => each.name === name)
    return type === 'h' || (part?.isFile === true && (part.size > 0 || !name.endsWith('.rdb')))
  }
  if (lines.length === 0 || !named.every(isWhole)) return 'incomplete'
  return parts.some(({ name }) => unfinished.test(name)) ? 'unfinished' : null
}

/**
 * What loading costs, as measured on two slow processors: 3.2 microseconds for a command and one for 150 bytes of it; the base, by its size alone, as one of
 * small values.
 */
const commandMs = 0.003_2
const logBytesInMs = 150_000
const baseBytesInMs = 20_000
const sampleBytes = 65_536

/** Commands in the last bytes of a log: each begins with the number of its words. */
const bytesOfCommand = async (path: string, size: number): Promise<number> => {
  await using file = await open(path, 'r')
  const length = Math.min(size, sampleBytes)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
  const commands = buffer.toString('latin1', 0, bytesRead).match(/(?:^|\r\n)\*\d+\r\n/g)?.length ?? 0
  return bytesRead / Math.max(commands, 1)
}

const estimateOf = async (folder: string, parts: readonly Part[]): Promise<number> => {
  const costs = parts.map(async ({ name, size }) => {
    if (!name.endsWith('.aof') || size === 0) return size / baseBytesInMs
    return (size / (await bytesOfCommand(join(folder, name), size))) * commandMs + size / logBytesInMs
  })
  return (await Promise.all(costs)).reduce((sum, cost) => sum + cost, 0)
}

const manifestName = 'appendonly.aof.manifest'

const readAof = async (folder: string): Promise<PersistedData> => {
  const whole = await stat(folder)
  const path = join(folder, manifestName)
  if (!whole.isDirectory()) {
    const { mtimeMs: modifiedAt } = whole
    return {
      kind: 'aof',
      offset: null,
      modifiedAt,
      stamp: stampOf('appendonlydir', whole),
      path: folder,
      flaw: 'incomplete',
    }
  }
  const names = (await readdir(folder)).toSorted()
  if (names.length === 0) return none
  const parts = await Promise.all(
    names.map(async (name) => {
      const about = await stat(join(folder, name))
      return { name, isFile: about.isFile(), size: about.size, mtimeMs: about.mtimeMs, stamp: stampOf(name, about) }
    }),
  )
  const manifest = parts.some(({ name, isFile }) => isFile && name === manifestName) ? await readFile(path, 'utf8') : null
  const flaw = flawOf(manifest, parts)
  const loadMs = flaw === null ? await estimateOf(folder, parts) : null
  return {
    kind: 'aof',
    offset: null,
    modifiedAt: Math.max(...parts.map(({ mtimeMs }) => mtimeMs)),
    stamp: parts.map(({ stamp }) => stamp).join('\n'),
    path,
    ...(flaw === null ? {} : { flaw }),
    ...(loadMs === null ? {} : { loadMs }),
  }
}

/** A file that may not be read is there all the same, and nobody can load it. */
const attempts = 3

/**
 * An append-only file counts for more than a dump where the node has one: the engine loads it alone. Never rejects for what somebody has put there: one folder
 * must not keep a whole group from being looked at.
 */
export const readPersisted = async (folder: string, appendOnly: boolean): Promise<PersistedData> => {
  const aof = join(folder, 'appendonlydir')
  const dump = join(folder, 'dump.rdb')
  const places = [
    ...(appendOnly ? [{ kind: 'aof', path: aof, read: readAof } as const] : []),
    { kind: 'rdb', path: dump, read: readRdb } as const,
  ]
  for (const { kind, path, read } of places) {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      try {
        const found = await read(path)
        if (found.kind !== 'none') return found
        break
      } catch (error) {
        const code = codeOf(error)
        if (code === undefined) throw error
        // An engine that has just ended may have had a file replaced between two looks.
        if (code === 'ENOENT' && attempt < attempts && (await exists(path))) continue
        if (code === 'ENOENT') break
        const about = await stat(path).catch(() => null) // it cannot be looked at either
        const stamp = about === null ? String(code) : stampOf(kind, about)
        return { kind, offset: null, modifiedAt: about?.mtimeMs ?? 0, stamp, path, flaw: 'incomplete' }
      }
    }
  }
  return none
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false, // it is not there
  )
