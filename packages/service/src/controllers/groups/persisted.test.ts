import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { offsetInRdb, readPersisted } from './persisted.ts'

const short = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
const field = (name: string, value: Buffer): Buffer => Buffer.concat([Buffer.from([0xfa]), short(name), value])
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(5)
  bytes[0] = 0xc2
  bytes.writeInt32LE(value, 1)
  return bytes
}
const rdb = (...fields: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from('REDIS0011'), ...fields, Buffer.from([0xff]), Buffer.alloc(8)])

test('the replication offset is found among the auxiliary fields, as a text or as an integer', () => {
  assert.equal(
    offsetInRdb(rdb(field('valkey-ver', short('9.1.2')), field('ctime', int32(7)), field('repl-offset', int32(123_456)))),
    123_456,
  )
  assert.equal(offsetInRdb(rdb(field('repl-offset', short('9876543210')))), 9_876_543_210)
})

test('a file without an offset, cut off, or of something else has none', () => {
  assert.equal(offsetInRdb(rdb(field('valkey-ver', short('9.1.2')))), null)
  assert.equal(offsetInRdb(rdb(field('repl-offset', short('12345'))).subarray(0, 20)), null)
  assert.equal(offsetInRdb(Buffer.from('SQLite format 3')), null)
  assert.equal(offsetInRdb(Buffer.alloc(0)), null)
})

test('an append-only file counts for more than a dump, and an empty folder for nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'larder-test-'))
  try {
    assert.equal((await readPersisted(join(folder, 'missing'), true)).kind, 'none')
    await writeFile(join(folder, 'dump.rdb'), rdb(field('repl-offset', int32(5))))
    const { kind, offset } = await readPersisted(folder, true)
    assert.deepEqual({ kind, offset }, { kind: 'rdb', offset: 5 })
    await mkdir(join(folder, 'appendonlydir'))
    assert.equal((await readPersisted(folder, true)).kind, 'rdb', 'an empty folder holds no data')
    await writeFile(join(folder, 'appendonlydir', 'appendonly.aof.1.incr.aof'), 'x')
    assert.equal((await readPersisted(folder, true)).kind, 'aof')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
