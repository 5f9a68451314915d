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

test('how long a log takes to load is estimated by its size, and by how many commands it is made of', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'larder-test-'))
  const log = join(folder, 'appendonlydir')
  const command = (value: string): string => `*3\r\n$3\r\nSET\r\n$4\r\nname\r\n$${value.length}\r\n${value}\r\n`
  const estimate = async (text: string): Promise<number> => {
    await writeFile(join(log, 'appendonly.aof.1.incr.aof'), text)
    return (await readPersisted(folder, true)).loadMs ?? Number.NaN
  }
  try {
    await mkdir(log)
    await writeFile(join(log, 'appendonly.aof.manifest'), 'file appendonly.aof.1.incr.aof seq 1 type i\n')
    const small = await estimate(command('x').repeat(100_000))
    const large = await estimate(command('x'.repeat(2_000)).repeat(1_500))
    assert.ok(small > 300 && small < 400, String(small))
    assert.ok(large > 15 && large < 30, String(large))
    assert.equal(await estimate(''), 0.002_2)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('whatever somebody has put in the place of the files, a look at them ends with an answer', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'larder-test-'))
  try {
    await mkdir(join(folder, 'dump.rdb'))
    assert.equal((await readPersisted(folder, true)).flaw, 'incomplete')
    await writeFile(join(folder, 'appendonlydir'), 'x')
    const found = await readPersisted(folder, true)
    assert.deepEqual([found.kind, found.flaw], ['aof', 'incomplete'])
    assert.equal((await readPersisted(folder, false)).kind, 'rdb')
    await rm(join(folder, 'appendonlydir'))
    await mkdir(join(folder, 'appendonlydir', 'appendonly.aof.manifest'), { recursive: true })
    assert.equal((await readPersisted(folder, true)).flaw, 'incomplete')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('while the engine writes a new base, what the manifest names is of an earlier time', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'larder-test-'))
  const log = join(folder, 'appendonlydir')
  try {
    await mkdir(log)
    await writeFile(join(log, 'appendonly.aof.manifest'), 'file appendonly.aof.1.incr.aof seq 1 type i\n')
    await writeFile(join(log, 'appendonly.aof.1.incr.aof'), 'x')
    assert.equal((await readPersisted(folder, true)).flaw, undefined)
    await writeFile(join(log, 'temp-appendonly.aof.incr'), 'x')
    assert.equal((await readPersisted(folder, true)).flaw, 'unfinished')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
