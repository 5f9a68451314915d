/** What a node left on disk. Source: the RDB format's header (magic, then auxiliary fields as pairs of strings). */
import { open, readdir, stat } from 'node:fs/promises'
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

/** The replication offset in an RDB file's auxiliary fields (`repl-offset`), or null. Shape: the first bytes of the file. */
export const offsetInRdb = (head: Buffer): number | null => {
  if (!/^(REDIS|VALKEY)/.test(head.toString('latin1', 0, 6))) return null
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

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'
const none: PersistedData = { kind: 'none', offset: null, modifiedAt: 0 }

const readRdb = async (path: string): Promise<PersistedData> => {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0)
    const { mtimeMs, size } = await file.stat()
    if (size === 0) return none
    return { kind: 'rdb', offset: offsetInRdb(buffer.subarray(0, bytesRead)), modifiedAt: mtimeMs }
  } finally {
    await file.close()
  }
}

const readAof = async (folder: string): Promise<PersistedData> => {
  const names = await readdir(folder)
  const times = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).mtimeMs))
  return times.length === 0 ? none : { kind: 'aof', offset: null, modifiedAt: Math.max(...times) }
}

/** An append-only file counts for more than a dump: the engine loads it first. */
export const readPersisted = async (folder: string): Promise<PersistedData> => {
  for (const read of [() => readAof(join(folder, 'appendonlydir')), () => readRdb(join(folder, 'dump.rdb'))]) {
    try {
      const found = await read()
      if (found.kind !== 'none') return found
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  return none
}
