import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { runOther, temporaryFolder } from '../home/testing.ts'
import type { Change } from '../ports/store.ts'
import { patience } from '../testing/busy-machine.ts'
import { storeContract } from './contract.ts'
import { logBytes, openReserve } from './reserve.ts'
import { openSqliteStore } from './sqlite.ts'

const clock = { now: () => 1_000 }

storeContract('SQLite', async (time) => {
  const folder = temporaryFolder()
  const store = openSqliteStore(join(folder.path, 'state.db'), { clock: time })
  return {
    store,
    dispose: async () => {
      await store.close()
      folder[Symbol.dispose]()
    },
  }
})

test('what was written is there after closing and opening, and revisions go on', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'state.db')
  const first = openSqliteStore(path, { clock })
  await first.transact([], [{ put: 'a', value: '1' }])
  await first.close()
  const second = openSqliteStore(path, { clock })
  assert.deepEqual(await second.get('a'), { key: 'a', value: '1', revision: 1 })
  assert.deepEqual(await second.transact([{ key: 'a', revision: 1 }], [{ put: 'a', value: '2' }]), { ok: true, revision: 2 })
  await second.close()
  await assert.rejects(second.transact([], [{ put: 'a', value: '3' }]), { code: 'store-failed' })
})

test('a start that was killed while it made the store is made up for by the next one', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'state.db')
  writeFileSync(`${path}.new`, 'half')
  writeFileSync(`${path}.new-wal`, 'half')
  const store = openSqliteStore(path, { clock })
  assert.deepEqual(await store.list(''), { entries: [], revision: 0 })
  await store.close()
  assert.deepEqual(readdirSync(folder.path), ['state.db', 'state.db.reserve'])
})

test('room is kept for the state, and not taken where the disk is full', () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'reserve')
  const reserve = openReserve(file)
  reserve.keep()
  assert.ok(statSync(file).blocks * 512 >= 4 * 1024 * 1024, 'it is no hole')
  assert.equal(reserve.release(), true)
  assert.equal(reserve.release(), false)
  assert.deepEqual(readdirSync(folder.path), [])
  const nowhere = openReserve(join(folder.path, 'missing', 'reserve'))
  nowhere.keep()
  assert.equal(nowhere.release(), false)
})

test('on a disk that is full transactions take room in the log that nobody else could have taken', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'state.db')
  const store = openSqliteStore(path, { clock })
  const log = (): number => statSync(`${path}-wal`).blocks * 512
  const before = log()
  assert.ok(before >= logBytes, `${before} bytes of the log are there from the start, and are no hole`)
  for (let index = 0; index < 500; index += 1) await store.transact([], [{ put: 'a', value: `${index} ${'x'.repeat(3_000)}` }])
  assert.equal(log(), before)
  // As a kill leaves it, with nothing but zeros behind the last transaction.
  for (const suffix of ['', '-wal']) copyFileSync(`${path}${suffix}`, join(folder.path, `copy.db${suffix}`))
  const copy = openSqliteStore(join(folder.path, 'copy.db'), { clock })
  assert.match((await copy.get('a'))?.value ?? '', /^499 /)
  await copy.close()
  await store.close()
})

/** Whoever writes to the same disk takes all room as soon as somebody gives it up. */
const onFullDisk = `
import { closeSync, openSync, writeSync } from 'node:fs'
import { openSqliteStore } from './sqlite.ts'
const [folder] = process.argv.slice(1)
const store = openSqliteStore(folder + '/state.db', { clock: { now: () => 1 } })
const other = openSync(folder + '/other', 'w')
const takeAll = () => {
  for (let length = 65_536; length > 0; ) {
    try { writeSync(other, Buffer.alloc(length)) } catch (error) {
      if (error.code !== 'ENOSPC') throw error
      length >>= 1
    }
  }
}
await store.transact([], [{ put: 'a', value: 'before' }])
for (let n = 0; n < 300; n += 1) {
  takeAll()
  await store.transact([], [{ put: 'a', value: n + 'x'.repeat(3000) }])
}
closeSync(other)
console.log('written ' + (await store.get('a')).value.slice(0, 3))
`

const alone = spawnSync('unshare', ['-m', 'true'], { stdio: 'ignore' }).status === 0

test('a failover can be written down on a full disk, also where others take what room there is', {
  skip: alone ? false : 'needs a disk of its own (unshare -m)',
}, () => {
  using folder = temporaryFolder()
  const mount = 'mount -t tmpfs -o size=24m larder-test "$1" && exec "$2" --input-type=module-typescript -e "$3" "$1"'
  const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', mount, 'sh', folder.path, process.execPath, onFullDisk], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
    timeout: 60_000 * patience,
  })
  assert.equal(stdout, 'written 299\n', stderr)
})

test('a lease goes on over a restart, and ends when its time has passed meanwhile', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'state.db')
  const time = { at: 0 }
  const moving = { now: () => time.at }
  const first = openSqliteStore(path, { clock: moving })
  const [short, long] = [await first.grantLease(1_000), await first.grantLease(10_000)]
  await first.transact(
    [],
    [
      { put: 'short', value: '1', lease: short },
      { put: 'long', value: '1', lease: long },
    ],
  )
  await first.close()
  time.at = 5_000
  const second = openSqliteStore(path, { clock: moving })
  assert.equal(await second.get('short'), null)
  assert.notEqual(await second.get('long'), null)
  assert.equal(await second.keepAlive(short), false)
  assert.equal(await second.keepAlive(long), true)
  await second.close()
})

test('files that are not its own are named and left as they are', () => {
  using folder = temporaryFolder()
  const make = (name: string, sql: string): string => {
    const path = join(folder.path, name)
    const database = new DatabaseSync(path)
    database.exec(sql)
    database.close()
    return path
  }
  const text = join(folder.path, 'text.db')
  writeFileSync(text, 'this is no database, and is long enough to be looked at as one: '.repeat(20))
  const empty = join(folder.path, 'empty.db')
  writeFileSync(empty, '')
  const cases = [
    { path: text, code: 'store-corrupt', message: /no readable database/ },
    { path: empty, code: 'store-corrupt', message: /a database of something else/ },
    { path: make('other.db', 'CREATE TABLE t (x)'), code: 'store-corrupt', message: /a database of something else/ },
    {
      path: make('newer.db', `PRAGMA application_id = ${0x4c415244}; PRAGMA user_version = 3; CREATE TABLE t (x)`),
      code: 'store-newer',
      message: /format 2 or older.*found format 3.*newer Larder/,
    },
  ]
  for (const { path, code, message } of cases) {
    const before = readFileSync(path)
    assert.throws(() => openSqliteStore(path, { clock }), { code, message })
    assert.deepEqual(readFileSync(path), before, path)
  }
})

test('a state that cannot be read now is not called damaged', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'state.db')
  await openSqliteStore(path, { clock }).close()
  // The log of a database may not be a folder: SQLite opens no such file, as on a disk that may only be read.
  mkdirSync(`${path}-wal`)
  assert.throws(() => openSqliteStore(path, { clock }), { code: 'store-failed', message: /could not be read: .*left as it is/ })
})

test('a damaged page is found when the store is opened', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'state.db')
  const store = openSqliteStore(path, { clock })
  for (let index = 0; index < 50; index += 1) await store.transact([], [{ put: `k/${index}`, value: 'x'.repeat(2_000) }])
  await store.close()
  const bytes = readFileSync(path)
  bytes.fill(0xff, 8 * 4096, 16 * 4096)
  writeFileSync(path, bytes)
  assert.throws(() => openSqliteStore(path, { clock }), { code: 'store-corrupt', message: /left as it is/ })
  assert.deepEqual(readFileSync(path), bytes)
})

test('another process may look while the service writes, and may not write', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'state.db')
  assert.throws(() => openSqliteStore(path, { clock, readOnly: true }), { code: 'store-failed', message: /no such file/ })
  await using writer = runOther(
    import.meta.url,
    `import { openReserve } from './reserve.ts'
import { openSqliteStore } from './sqlite.ts'
     const store = openSqliteStore(${JSON.stringify(path)}, { clock: { now: () => 1 } })
     for (let n = 1; ; n += 1) {
       await store.transact([], [{ put: 'a', value: String(n) }, { put: 'b', value: String(n) }])
       if (n === 5) console.log('writing')
     }`,
  )
  await writer.line()
  const reader = openSqliteStore(path, { clock, readOnly: true })
  let last = 0
  for (let round = 0; round < 50; round += 1) {
    const { entries, revision } = await reader.list('')
    assert.deepEqual(
      entries.map(({ value }) => value),
      [String(revision), String(revision)],
      'a transaction is seen whole',
    )
    assert.ok(revision >= last)
    last = revision
  }
  await assert.rejects(reader.transact([], [{ put: 'a', value: 'x' }]), { code: 'store-failed', message: /for reading only/ })
  await assert.rejects(reader.grantLease(1), { code: 'store-failed' })
  await reader.close()
})

test('the past is kept for a thousand revisions; whoever asks for more is told to list again', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'state.db')
  await openSqliteStore(path, { clock }).close()
  const database = new DatabaseSync(path)
  database.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)
    INSERT INTO change SELECT i, 0, 'a', i FROM n;
    INSERT INTO entry VALUES ('a', '1999', 1999, NULL);
    UPDATE meta SET value = 1999 WHERE name = 'revision';
  `)
  database.close()
  const store = openSqliteStore(path, { clock })
  const { signal } = new AbortController()
  const firstOf = async (changes: AsyncIterable<Change>): Promise<Change | undefined> => {
    for await (const change of changes) return change
    return undefined
  }
  assert.equal((await firstOf(store.watch('', 1, signal)))?.revision, 1)
  await store.transact([], [{ put: 'a', value: '2000' }])
  assert.throws(() => store.watch('', 1_000, signal), { code: 'store-failed', retry: true, message: /list again/ })
  assert.equal((await firstOf(store.watch('', 1_001, signal)))?.revision, 1_001)
  await store.close()
})

test('a killed writer leaves every acknowledged transaction, and none by half', async () => {
  for (let round = 0; round < 5; round += 1) {
    using folder = temporaryFolder()
    const path = join(folder.path, 'state.db')
    await using writer = runOther(
      import.meta.url,
      `import { writeSync } from 'node:fs'
       import { openReserve } from './reserve.ts'
import { openSqliteStore } from './sqlite.ts'
       const store = openSqliteStore(${JSON.stringify(path)}, { clock: { now: () => 1 } })
       for (let n = 1; ; n += 1) {
         await store.transact([], ['a', 'b', 'c'].map((key) => ({ put: key, value: n + ' ' + 'x'.repeat(3000) })))
         writeSync(1, n + '\\n')
       }`,
    )
    let acknowledged = 0
    while (acknowledged < 20 + round * 7) acknowledged = Number(await writer.line())
    await writer.kill()
    for (let more = true; more; ) {
      const line = await writer.line().catch(() => null)
      more = line !== null
      if (line !== null) acknowledged = Number(line)
    }
    const store = openSqliteStore(path, { clock })
    const { entries, revision } = await store.list('')
    const numbers = entries.map(({ value }) => Number(value.split(' ')[0]))
    assert.deepEqual(numbers, [revision, revision, revision])
    assert.ok(revision === acknowledged || revision === acknowledged + 1, `${revision} kept, ${acknowledged} acknowledged`)
    await store.close()
  }
})

test('a disk that is full refuses the transaction whole, says that trying again may help, and the store goes on', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'state.db')
  // A limit on the size of files, which the process puts on itself, stands for the full disk.
  await using other = runOther(
    import.meta.url,
    `import { spawnSync } from 'node:child_process'
     import { openReserve } from './reserve.ts'
import { openSqliteStore } from './sqlite.ts'
     process.on('SIGXFSZ', () => undefined)
     const store = openSqliteStore(${JSON.stringify(path)}, { clock: { now: () => 1 } })
     await store.transact([], [{ put: 'kept', value: '1' }])
     const limited = spawnSync('prlimit', ['--pid', String(process.pid), '--fsize=200000:200000'])
     if (limited.status !== 0) console.log('no prlimit')
     try {
       for (let n = 0; n < 500; n += 1) await store.transact([], [{ put: 'big/' + n, value: 'x'.repeat(4000) }, { put: 'n', value: String(n) }])
       console.log('no limit')
     } catch (error) {
       const count = (await store.list('big/')).entries.length
       const last = Number((await store.get('n')).value)
       console.log(error.code + ' ' + error.retry + ' ' + (count === last + 1) + ' ' + (await store.get('kept')).value)
     }`,
  )
  assert.equal(await other.line(), 'store-failed true true 1')
})

test('a transaction costs milliseconds, not tens of them', async (context) => {
  using folder = temporaryFolder()
  const store = openSqliteStore(join(folder.path, 'state.db'), { clock })
  const rounds = 200
  const started = performance.now()
  for (let index = 0; index < rounds; index += 1) {
    await store.transact(
      [],
      [
        { put: 'state/us-east-1/rg/demo', value: JSON.stringify({ index, filler: 'x'.repeat(2_000) }) },
        { put: 'event/us-east-1/1', value: '{}' },
      ],
    )
  }
  const each = (performance.now() - started) / rounds
  context.diagnostic(`${each.toFixed(2)} ms a transaction`)
  assert.ok(each < 50, `${each} ms`)
  await store.close()
})
