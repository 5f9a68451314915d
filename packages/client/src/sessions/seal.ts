/** Sessions as bytes, sealed where there are keys. The first byte says which: 0 plain, 1 AES-256-GCM. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { types } from 'node:util'
import { aText, checkOptions, type Kind } from '../check.ts'
import type { Argument } from '../connection/connection.ts'
import { slotOf } from '../connection/slot.ts'
import { CacheError } from '../errors.ts'

export interface SealKey {
  /** Stands in front of what it has sealed. At most 255 bytes. */
  readonly id: string
  /** 32 bytes. */
  readonly key: Buffer
}

export interface Seal {
  /** What is closed twice is the same. */
  readonly isPlain: boolean
  /** `name`: what it belongs to. It opens for the same name alone, so that nobody can put one session in the place of another. */
  /** With `head` in front of it. */
  close(text: string, name: string, head: string): Argument
  /** What begins at `from`. Null: it was not sealed by one of the keys, for that name, or was changed. */
  open(bytes: Buffer, name: string, from: number): string | null
}

const bytes: Kind = { is: 'bytes, as a Buffer', holds: (value) => types.isUint8Array(value), isSecret: true }
const algorithm = 'aes-256-gcm'
const [nonceBytes, tagBytes, keyBytes] = [12, 16, 32]
const [plain, sealed] = [0, 1]

/** The first key seals, all of them open. None: nothing is sealed. */
export const createSeal = (keys: readonly SealKey[]): Seal => {
  for (const one of keys) {
    checkOptions('a key of sessions', one, { id: aText, key: bytes }, ['id', 'key'])
    const { id, key } = one
    if (key.length !== keyBytes)
      throw new CacheError('usage', `expected the key ${id} to have ${keyBytes} bytes, found ${key.length}`)
    const { length } = Buffer.from(id)
    if (length === 0 || length > 255)
      throw new CacheError('usage', `expected the id of a key to have 1 to 255 bytes, found ${length}`)
  }
  const [first] = keys
  const byId = new Map(keys.map(({ id, key }) => [id, key]))
  if (byId.size !== keys.length) throw new CacheError('usage', 'expected each key to have an id of its own')
  return {
    isPlain: first === undefined,
    close: (text, name, head) => {
      if (first === undefined) return `${head}${String.fromCharCode(plain)}${text}`
      const nonce = randomBytes(nonceBytes)
      const id = Buffer.from(first.id)
      const cipher = createCipheriv(algorithm, first.key, nonce).setAAD(Buffer.from(name))
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([Buffer.from(head), Buffer.of(sealed, id.length), id, nonce, cipher.getAuthTag(), body])
    },
    open: (bytes, name, from) => {
      if (bytes[from] === plain) return first === undefined ? bytes.toString('utf8', from + 1) : null
      const idStart = from + 2
      const idEnd = idStart + (bytes[from + 1] ?? 0)
      const tagStart = idEnd + nonceBytes
      const start = tagStart + tagBytes
      const key = byId.get(bytes.toString('utf8', idStart, idEnd))
      if (bytes[from] !== sealed || key === undefined || bytes.length < start) return null
      try {
        const decipher = createDecipheriv(algorithm, key, bytes.subarray(idEnd, tagStart)).setAAD(Buffer.from(name))
        decipher.setAuthTag(bytes.subarray(tagStart, start))
        return Buffer.concat([decipher.update(bytes.subarray(start)), decipher.final()]).toString('utf8')
      } catch {
        return null // somebody has changed it
      }
    },
  }
}

/** Which of the buckets something is in. */
export const bucketOf = (id: string, buckets: number): number => slotOf(id) % buckets
