/**
 * The password database that the engine's SASL library reads at each login: a Berkeley DB file of one hash bucket. Pure.
 *
 * Written here, since no program of a bare machine writes it. Sources: Berkeley DB 5.3, `dbinc/db_page.h` and `hash/hash_meta.c` (form), Cyrus SASL
 * 2.1.28, `sasldb/allockey.c` (keys) and `lib/checkpw.c` (values).
 */
import { createHash, randomBytes } from 'node:crypto'
import { LarderError } from '../../errors.ts'

export interface SaslUser {
  readonly name: string
  /** One or two that are valid. The first is kept as a hash alone. */
  readonly passwords: readonly string[]
}

const pageBytes = 4_096
const headerBytes = 26
const hashMagic = 0x06_15_61
const hashVersion = 9
const hashMetaPage = 8
const hashPage = 13
const keyData = 1

/** FNV-1 with a start of zero: how this file form spreads its keys. */
const spread = (key: Buffer): number => {
  let value = 0
  for (const byte of key) value = (Math.imul(value, 16_777_619) ^ byte) >>> 0
  return value
}

/** `salt, 0, MD5(salt, "sasldb", password)`: the form in which the library keeps a password that is not to be read. Without zeros in the salt. */
const hashed = (password: string): Buffer => {
  const salt = Buffer.from(randomBytes(8).toString('hex'), 'latin1')
  const digest = createHash('md5').update(salt).update('sasldb').update(password).digest()
  return Buffer.concat([salt, Buffer.alloc(1), digest])
}

type Entry = readonly [key: Buffer, value: Buffer]

const entriesOf = ({ name, passwords }: SaslUser, realm: string): readonly Entry[] => {
  const [first, second] = passwords
  const entry = (property: string, value: Buffer): Entry => [Buffer.from(`${name}\0${realm}\0${property}`), value]
  return [
    ...(first === undefined ? [] : [entry('cmusaslsecretPLAIN', hashed(first))]),
    ...(second === undefined ? [] : [entry('userPassword', Buffer.from(second))]),
  ]
}

const metaPage = (count: number): Buffer => {
  const page = Buffer.alloc(pageBytes)
  page.writeUInt32LE(hashMagic, 12)
  page.writeUInt32LE(hashVersion, 16)
  page.writeUInt32LE(pageBytes, 20)
  page.writeUInt8(hashMetaPage, 25)
  page.writeUInt32LE(1, 32) // the last page
  page.writeUInt32LE(count, 40)
  page.writeUInt32LE(count, 44)
  randomBytes(20).copy(page, 52)
  // From 72 on: one bucket (highest 0, masks 0), how many entries, a hash by which the function is known, where buckets are.
  page.writeUInt32LE(count, 88)
  page.writeUInt32LE(spread(Buffer.from('%$sniglet^&\0')), 92)
  for (let power = 0; power < 32; power += 1) page.writeUInt32LE(power === 0 ? 1 : 0, 96 + 4 * power)
  return page
}

/** Keys and values from the end of the page towards its head, where their places stand; sorted by key. */
const bucketPage = (entries: readonly Entry[]): Buffer => {
  const page = Buffer.alloc(pageBytes)
  page.writeUInt32LE(1, 8)
  const items = [...entries].sort(([a], [b]) => a.compare(b)).flat()
  let end = pageBytes
  for (const [index, item] of items.entries()) {
    end -= item.length + 1
    if (end < headerBytes + 2 * items.length)
      throw new LarderError('engine-start', `expected users that fit on one page of ${pageBytes} bytes, found ${entries.length}`)
    page.writeUInt8(keyData, end)
    item.copy(page, end + 1)
    page.writeUInt16LE(end, headerBytes + 2 * index)
  }
  page.writeUInt16LE(items.length, 20)
  page.writeUInt16LE(end, 22)
  page.writeUInt8(hashPage, 25)
  return page
}

/** `realm` is the machine's name when the engine started: it looks for users of that realm. */
export const sasldb = (users: readonly SaslUser[], realm: string): Buffer => {
  const entries = users.flatMap((user) => entriesOf(user, realm))
  return Buffer.concat([metaPage(entries.length), bucketPage(entries)])
}
