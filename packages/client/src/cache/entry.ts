/**
 * An entry as it lies on the server: 52 bytes of head, its stamp, and the value as the codec wrote it. Numbers are little-endian.
 *
 * | from | bytes | what |
 * |---|---|---|
 * | 0 | 2 | `LE` |
 * | 2 | 1 | format: 1 |
 * | 3 | 1 | 1: the value is compressed |
 * | 4 | 12 | id, other for each time that it is stored |
 * | 16 | 12 | digest of the stamp |
 * | 28 | 8 | stored at, milliseconds since 1970 |
 * | 36 | 8 | fresh until, likewise |
 * | 44 | 4 | how long its load took, milliseconds |
 * | 48 | 4 | bytes of the stamp |
 */
import { createHash } from 'node:crypto'
import { idLength } from '../ids.ts'

export interface Entry {
  readonly id: string
  /** What the value rests on: see stamp.ts. */
  readonly stamp: string
  readonly storedAt: number
  readonly freshUntil: number
  readonly loadTime: number
  readonly compressed: boolean
  readonly value: Buffer
}
/** One that was read. */
export interface ReadEntry extends Entry {
  /** The value, as text in UTF-8. */
  text(): string
}

const headBytes = 52
const magic = 0x45_4c // LE
const format = 1
/** Positions, from 1, of id and digest, for scripts. */
export const idAt = { from: 4, to: 15 } as const
export const digestAt = { from: 16, to: 27 } as const

const longest = 0xffff_ffff

export const digestOf = (stamp: string): string => createHash('sha1').update(stamp).digest('base64url').slice(0, idLength)

export const encodeEntry = (entry: Entry): Buffer => {
  const stamp = Buffer.from(entry.stamp)
  const bytes = Buffer.allocUnsafe(headBytes + stamp.length + entry.value.length)
  bytes.writeUInt16LE(magic, 0)
  bytes.writeUInt8(format, 2)
  bytes.writeUInt8(entry.compressed ? 1 : 0, 3)
  bytes.write(entry.id, idAt.from, idLength, 'latin1')
  bytes.write(digestOf(entry.stamp), digestAt.from, idLength, 'latin1')
  bytes.writeDoubleLE(entry.storedAt, 28)
  bytes.writeDoubleLE(entry.freshUntil, 36)
  bytes.writeUInt32LE(Math.min(longest, Math.max(0, Math.round(entry.loadTime))), 44)
  bytes.writeUInt32LE(stamp.length, 48)
  stamp.copy(bytes, headBytes)
  entry.value.copy(bytes, headBytes + stamp.length)
  return bytes
}

/** As it came. What a hit does not need is not taken out of the bytes. */
class StoredEntry implements ReadEntry {
  readonly #bytes: Buffer
  readonly #stampEnd: number
  readonly stamp: string
  readonly freshUntil: number
  readonly compressed: boolean
  constructor(bytes: Buffer, stampEnd: number) {
    this.#bytes = bytes
    this.#stampEnd = stampEnd
    this.stamp = bytes.toString('utf8', headBytes, stampEnd)
    this.freshUntil = bytes.readDoubleLE(36)
    this.compressed = bytes[3] === 1
  }
  get id(): string {
    return this.#bytes.toString('latin1', idAt.from, idAt.to + 1)
  }
  get storedAt(): number {
    return this.#bytes.readDoubleLE(28)
  }
  get loadTime(): number {
    return this.#bytes.readUInt32LE(44)
  }
  get value(): Buffer {
    return this.#bytes.subarray(this.#stampEnd)
  }
  text(): string {
    return this.#bytes.toString('utf8', this.#stampEnd)
  }
}

/** Null for what is not an entry of this format: it is as good as not there. */
export const decodeEntry = (bytes: Buffer): ReadEntry | null => {
  if (bytes.length < headBytes || bytes[0] !== (magic & 0xff) || bytes[1] !== magic >> 8 || bytes[2] !== format) return null
  const stampEnd = headBytes + bytes.readUInt32LE(48)
  return stampEnd > bytes.length ? null : new StoredEntry(bytes, stampEnd)
}
