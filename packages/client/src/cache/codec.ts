/** How values become bytes. */
import { deserialize, serialize } from 'node:v8'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { shown } from '../check.ts'

export interface Codec {
  /** Throws for what it cannot say. */
  encode(value: unknown): Buffer
  decode(bytes: Buffer): unknown
  /** Where the bytes are text in UTF-8: the same, without a copy of them. */
  decodeText?(text: string): unknown
}

const fromJson = (text: string): unknown => (text === '' ? undefined : (JSON.parse(text) as unknown))

/** Everything that JSON can say: readable by other languages. `undefined` is kept as such at the top. */
export const jsonCodec: Codec = {
  encode: (value) => {
    const text = JSON.stringify(value) as string | undefined
    if (text === undefined && value !== undefined) throw new TypeError(`expected what JSON can hold, found ${shown(value)}`)
    return Buffer.from(text ?? '')
  },
  decode: (bytes) => fromJson(bytes.toString('utf8')),
  decodeText: (text) => fromJson(text),
}

/** What the structured clone algorithm can copy: dates, maps, sets, bytes, big integers, cycles too. For Node.js alone. */
export const binaryCodec: Codec = {
  encode: (value) => serialize(value),
  decode: (bytes) => deserialize(bytes) as unknown,
}

export interface Packed {
  readonly bytes: Buffer
  readonly compressed: boolean
}

const level = 1

/** Compressed from so many bytes on, where that makes it smaller. */
export const pack = (bytes: Buffer, compressAbove: number): Packed => {
  if (bytes.length <= compressAbove) return { bytes, compressed: false }
  const smaller = deflateRawSync(bytes, { level })
  return smaller.length < bytes.length ? { bytes: smaller, compressed: true } : { bytes, compressed: false }
}

/** Throws for what was not packed, and for what is longer than `limit` bytes when unpacked. */
export const unpack = ({ bytes, compressed }: Packed, limit: number): Buffer =>
  compressed ? inflateRawSync(bytes, { maxOutputLength: limit }) : bytes
