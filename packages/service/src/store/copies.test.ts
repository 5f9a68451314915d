import assert from 'node:assert/strict'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { test } from 'node:test'
import { temporaryFolder } from '../home/testing.ts'
import { listCopies, takeCopy } from './copies.ts'
import { openSqliteStore } from './sqlite.ts'
import { writeSqliteStore } from './sqlite-file.ts'

const clock = { now: () => 1 }

test('a copy has what was committed, is one private file, and is the same store', async () => {
  using folder = temporaryFolder()
  const store = openSqliteStore(join(folder.path, 'state.db'), { clock })
  await store.transact([], [{ put: 'a', value: '1' }])
  const path = await takeCopy(join(folder.path, 'copies'), store, 'day', '2026-11-30')
  assert.ok(path !== null)
  await store.transact([], [{ put: 'a', value: '2' }])
  assert.deepEqual(readdirSync(join(folder.path, 'copies')), ['day-2026-11-30-r1.db'])
  const copy = openSqliteStore(path, { clock, readOnly: true })
  assert.deepEqual([copy.id, copy.revision, (await copy.get('a'))?.value], [store.id, 1, '1'])
  await copy.close()
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(await takeCopy(join(folder.path, 'copies'), store, 'day', '2026-11-30'), null, 'once a day')
  await store.close()
})

test('they are bounded in number, and a clock that was ahead does not make the newest ones go', async () => {
  using folder = temporaryFolder()
  const store = openSqliteStore(join(folder.path, 'state.db'), { clock })
  const copies = join(folder.path, 'copies')
  const days = ['2027-06-01', ...Array.from({ length: 9 }, (_, index) => `2026-11-1${index}`)]
  for (const day of days) {
    await store.transact([], [{ put: 'day', value: JSON.stringify(day) }])
    assert.notEqual(await takeCopy(copies, store, 'day', day), null)
  }
  assert.equal(await takeCopy(copies, store, 'day', '2026-12-01'), null, 'nothing has changed')
  await store.transact([], [{ put: 'x', value: '1' }])
  await takeCopy(copies, store, 'before', '0.1.0')
  writeFileSync(join(copies, 'note.txt'), 'of somebody else')
  assert.deepEqual(
    listCopies(copies).map(({ label }) => label),
    ['0.1.0', ...days.slice(-7).toReversed()],
  )
  await store.close()
})

test('a copy of a large state does not hold the event loop up', async (context) => {
  using folder = temporaryFolder()
  const store = openSqliteStore(join(folder.path, 'state.db'), { clock })
  const value = JSON.stringify('x'.repeat(8_000))
  for (let batch = 0; batch < 20; batch += 1)
    await store.transact(
      [],
      Array.from({ length: 50 }, (_, index) => ({ put: `k/${batch}/${index}`, value })),
    )
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  await takeCopy(join(folder.path, 'copies'), store, 'day', '2026-11-30')
  delays.disable()
  context.diagnostic(`longest hold ${(delays.max / 1e6).toFixed(1)} ms for a state of 8 MB`)
  assert.equal(listCopies(join(folder.path, 'copies')).length, 1)
  await store.close()
})

test('a store is made anew with its id, its revision and its entries, and never over one that is there', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'state.db')
  writeSqliteStore(path, {
    id: '77',
    revision: 9,
    entries: [
      { key: 'a', value: '1', revision: 4 },
      { key: 'b', value: '2', revision: 12 },
    ],
  })
  const store = openSqliteStore(path, { clock })
  assert.deepEqual([store.id, store.revision], ['77', 9])
  assert.deepEqual(
    (await store.list('')).entries.map(({ key, revision }) => [key, revision]),
    [
      ['a', 4],
      ['b', 9],
    ],
  )
  assert.deepEqual(await store.transact([{ key: 'a', revision: 4 }], [{ delete: 'a' }]), { ok: true, revision: 10 })
  assert.throws(() => store.watch('', 9, new AbortController().signal), { code: 'store-failed' })
  await store.close()
  assert.throws(() => writeSqliteStore(path, { id: '1', revision: 0, entries: [] }), { code: 'store-failed' })
})
