/** Names that nobody gives twice: of entries, of sessions, of connections. */
import { randomBytes } from 'node:crypto'

/** Characters. */
export const idLength = 12

const idBytes = 9
/** Many at a time, which costs little more than one. */
let pool = Buffer.alloc(0)
let used = 0

/** 12 characters that are never given twice. */
export const newId = (): string => {
  if (used === pool.length) {
    pool = randomBytes(256 * idBytes)
    used = 0
  }
  used += idBytes
  return pool.toString('base64url', used - idBytes, used)
}
