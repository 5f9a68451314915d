/** Secrets in the state are sealed: AES-256 in Galois/Counter mode, with a key that is kept apart from it. */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { LarderError } from '../errors.ts'

export interface Sealer {
  /** `purpose` says what the secret is for; it is opened for the same purpose only, so that records cannot be exchanged. */
  seal(secret: string, purpose: string): string
  /** Throws `LarderError` `store-corrupt` for another key, another purpose, or a text that was altered. Its message holds no secret. */
  open(sealed: string, purpose: string): string
}

const algorithm = 'aes-256-gcm'
const version = 'sealed1'
const keyBytes = 32
const ivBytes = 12
const tagBytes = 16

/** Shape of what is sealed: `sealed1:<8 hexadecimal digits that tell keys apart>:<base64 of iv, tag and text>`. */
export const createSealer = (key: Uint8Array): Sealer => {
  if (key.length !== keyBytes) throw new TypeError(`expected a key of ${keyBytes} bytes, found ${key.length}`)
  const fingerprint = createHash('sha256').update('larder seal').update(key).digest('hex').slice(0, 8)
  return {
    seal: (secret, purpose) => {
      const iv = randomBytes(ivBytes)
      const cipher = createCipheriv(algorithm, key, iv, { authTagLength: tagBytes }).setAAD(Buffer.from(purpose))
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
      return `${version}:${fingerprint}:${Buffer.concat([iv, cipher.getAuthTag(), text]).toString('base64')}`
    },
    open: (sealed, purpose) => {
      const [found, by, content, ...rest] = sealed.split(':')
      if (found !== version || content === undefined || rest.length > 0)
        throw new LarderError('store-corrupt', `expected a sealed secret (${version}) for ${purpose}, found something else`)
      if (by !== fingerprint)
        throw new LarderError(
          'store-corrupt',
          `expected ${purpose} to be sealed with the key ${fingerprint}, found ${by?.slice(0, 8)}: is LARDER_SEAL_KEY, or seal.key of the home, another than before?`,
        )
      const bytes = Buffer.from(content, 'base64')
      try {
        const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
          .setAAD(Buffer.from(purpose))
          .setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
        return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString('utf8')
      } catch (error) {
        throw new LarderError('store-corrupt', `the sealed secret for ${purpose} was altered`, { cause: error })
      }
    },
  }
}
