/** RESTORE with a payload that is made to break the engine: a compact hash whose entry is longer than the hash. */
import type { EngineTarget } from './engine-rows.ts'
import type { Attack } from './table.ts'
import { command, talk } from './wire.ts'

/** As the engines end a payload: the polynomial of Jones, reflected. */
const crc64 = (bytes: Uint8Array): bigint => {
  let sum = 0n
  for (const byte of bytes) {
    sum ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit += 1) sum = (sum & 1n) === 1n ? (sum >> 1n) ^ 0x95ac9329ac4bc9b5n : sum >> 1n
  }
  return sum
}

const hashListpack = 16
const rdbVersion = 10

/** Entries are the bytes of a listpack between its header and its end. */
const payload = (count: number, entries: readonly number[]): Buffer => {
  const listpack = Buffer.alloc(6 + entries.length + 1)
  listpack.writeUInt32LE(listpack.length, 0)
  listpack.writeUInt16LE(count, 4)
  listpack.set(entries, 6)
  listpack[listpack.length - 1] = 0xff
  const body = Buffer.concat([Buffer.from([hashListpack, listpack.length]), listpack, Buffer.from([rdbVersion, 0])])
  const sum = Buffer.alloc(8)
  sum.writeBigUInt64LE(crc64(body))
  return Buffer.concat([body, sum])
}

const letter = (text: string): readonly number[] => [0x81, text.charCodeAt(0), 2]
const whole = payload(2, [...letter('f'), ...letter('v')])
/** The value says that it has 4,095 bytes. */
const broken = payload(2, [...letter('f'), 0xef, 0xff, 0x41, 2])
/** A field without a value, and one that stands twice. */
const odd = payload(1, [...letter('f')])
const twice = payload(4, [...letter('f'), ...letter('v'), ...letter('f'), ...letter('w')])

const restored =
  (bytes: Buffer): Attack<EngineTarget>['how'] =>
  ({ place, token }) =>
    talk(place, command('AUTH', token), command('RESTORE', 'restored', '0', bytes, 'REPLACE'), command('HGETALL', 'restored'))

export const restoreAttacks: readonly Attack<EngineTarget>[] = [
  {
    name: 'RESTORE of a payload that is whole (so that the others fail for what is in them)',
    how: restored(whole),
    must: /^\+OK\r\n\+OK\r\n\*2/,
  },
  ...(
    [
      ['an entry that is longer than its hash', broken],
      ['a field without a value', odd],
      ['a field that stands twice', twice],
      ['a sum that is wrong', Buffer.concat([whole.subarray(0, -1), Buffer.from([0])])],
      ['nothing', Buffer.from('')],
    ] as const
  ).map(([name, bytes]) => ({
    name: `RESTORE of ${name}`,
    how: restored(bytes),
    must: /^\+OK\r\n-ERR (?:Bad data format|DUMP payload version or checksum are wrong)/,
  })),
]
