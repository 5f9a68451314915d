import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { temporaryFolder } from '../home/testing.ts'
import type { Operation } from '../ports/store.ts'
import { until } from '../testing/busy-machine.ts'
import { type Journal, openJournal, readJournal } from './journal.ts'
import { openSqliteStore, type SqliteStore } from './sqlite.ts'

const clock = { now: () => 1 }

interface Both {
  readonly store: SqliteStore
  readonly journal: Journal
}

const openBoth = async (home: string, logged: string[] = []): Promise<Both> => {
  const both: { journal: Journal | null } = { journal: null }
  const store = openSqliteStore(join(home, 'state.db'), {
    clock,
    onCommit: (revision, changes) => both.journal?.append(revision, changes),
  })
  const log = (_level: string, message: string): void => void logged.push(message)
  const journal = openJournal({ folder: join(home, 'copies'), store: store.id, version: '1', log })
  both.journal = journal
  await journal.renew(store, store.revision)
  return { store, journal }
}

const closeBoth = async ({ store, journal }: Both): Promise<void> => {
  await journal.close()
  await store.close()
}

const inStore = async (store: SqliteStore): Promise<Record<string, string>> =>
  Object.fromEntries((await store.list('')).entries.map(({ key, value }) => [key, value]))

const inJournal = (home: string): Record<string, string> => {
  const content = readJournal(join(home, 'copies'))
  assert.ok(content !== null)
  const pairs = [...content.entries].flatMap(([key, { value }]): [string, string][] => (value === null ? [] : [[key, value]]))
  return Object.fromEntries(pairs.sort(([left], [right]) => (left < right ? -1 : 1)))
}

const newestFile = (home: string): string => {
  const names = readdirSync(join(home, 'copies')).sort()
  return join(home, 'copies', names.at(-1) ?? '')
}

type Step = { readonly do: 'write'; readonly operations: readonly Operation[] } | { readonly do: 'renew' | 'reopen' }

const key = fc.constantFrom('a/1', 'a/2', 'b/1', 'b/2', 'c')
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ put: key, value: fc.json({ maxDepth: 1 }) }),
  fc.record({ delete: key }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('write' as const), operations: fc.array(operation, { minLength: 1, maxLength: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('renew' as const, 'reopen' as const) }) },
)

test('the journal says what the store holds, and cut off at any byte what it held at some revision', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.nat(), async (steps, cutAt) => {
      using folder = temporaryFolder()
      let both = await openBoth(folder.path)
      const held = [JSON.stringify(await inStore(both.store))]
      for (const each of steps) {
        if (each.do === 'write') await both.store.transact([], each.operations)
        else if (each.do === 'renew') await both.journal.renew(both.store, both.store.revision)
        else {
          await closeBoth(both)
          both = await openBoth(folder.path)
        }
        held.push(JSON.stringify(await inStore(both.store)))
      }
      const { revision } = both.store
      const content = readJournal(join(folder.path, 'copies'))
      assert.equal(content?.revision, revision)
      assert.deepEqual([content?.whole, content?.damaged, content?.store], [true, 0, both.store.id])
      assert.deepEqual(inJournal(folder.path), await inStore(both.store))
      await closeBoth(both)
      const file = newestFile(folder.path)
      const bytes = readFileSync(file)
      const base = bytes.indexOf('{"whole"')
      const end = bytes.indexOf('\n', base) + 1
      truncateSync(file, end + (cutAt % (bytes.length - end + 1)))
      // A transaction may be cut off in its middle: the keys of its first half are those of after it.
      const cut = readJournal(join(folder.path, 'copies'))
      assert.deepEqual([cut?.whole, cut?.damaged], [true, 0])
      if (steps.every((each) => each.do !== 'write' || each.operations.length === 1))
        assert.ok(held.includes(JSON.stringify(inJournal(folder.path))))
    }),
    { numRuns: 60 },
  )
})

test('changes while the base is written are in it, in whichever order they arrive', async () => {
  using folder = temporaryFolder()
  const both = await openBoth(folder.path)
  const keys = Array.from({ length: 450 }, (_, index) => `key/${String(index).padStart(4, '0')}`)
  await both.store.transact(
    [],
    keys.map((put) => ({ put, value: '"before"' })),
  )
  const renewing = both.journal.renew(both.store, both.store.revision)
  for (const [index, each] of keys.entries()) {
    if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    await both.store.transact([], index % 3 === 0 ? [{ delete: each }] : [{ put: each, value: '"after"' }])
  }
  await renewing
  assert.deepEqual(inJournal(folder.path), await inStore(both.store))
  await closeBoth(both)
})

test('a base that was not finished counts together with the file before it', async () => {
  using folder = temporaryFolder()
  const both = await openBoth(folder.path)
  await both.store.transact(
    [],
    [
      { put: 'old', value: '1' },
      { put: 'gone', value: '1' },
    ],
  )
  await both.store.transact([], [{ delete: 'gone' }])
  await closeBoth(both)
  const next = newestFile(folder.path).replace('000000001', '000000002')
  const head = { journal: 1, store: both.store.id, version: '1', revision: 2 }
  writeFileSync(next, `${JSON.stringify(head)}\n[3,"new","2"]\n[4,"cut o`)
  assert.deepEqual(inJournal(folder.path), { new: '2', old: '1' })
  assert.equal(readJournal(join(folder.path, 'copies'))?.revision, 3)
})

test('files of another store are left out, damaged lines are counted, and no file is no journal', async () => {
  using folder = temporaryFolder()
  assert.equal(readJournal(join(folder.path, 'copies')), null)
  mkdirSync(join(folder.path, 'copies'))
  writeFileSync(join(folder.path, 'copies', 'journal-000000001.jsonl'), '')
  assert.equal(readJournal(join(folder.path, 'copies')), null)
  writeFileSync(
    join(folder.path, 'copies', 'journal-000000002.jsonl'),
    '{"journal":1,"store":"7","version":"1","revision":9}\n[9,"foreign","1"]\n{"whole":9}\n',
  )
  const both = await openBoth(folder.path)
  await both.store.transact([], [{ put: 'own', value: '1' }])
  await closeBoth(both)
  assert.deepEqual(inJournal(folder.path), { own: '1' })
  appendFileSync(newestFile(folder.path), 'garbage\n[1,2,3]\n')
  assert.equal(readJournal(join(folder.path, 'copies'))?.damaged, 2)
})

test('it does not grow without end, and a folder that refuses holds no transaction up', async () => {
  using folder = temporaryFolder()
  const logged: string[] = []
  const both = await openBoth(folder.path, logged)
  const value = JSON.stringify('x'.repeat(20_000))
  for (let count = 0; count < 120; count += 1) await both.store.transact([], [{ put: 'k', value }])
  await until('a file that was begun anew', () =>
    readdirSync(join(folder.path, 'copies')).some((name) => !name.includes('000001')),
  )
  await until('one file', () => readdirSync(join(folder.path, 'copies')).length === 1)
  assert.deepEqual(inJournal(folder.path), await inStore(both.store))
  await closeBoth(both)

  using other = temporaryFolder()
  writeFileSync(join(other.path, 'copies'), 'a file, not a folder')
  const refused = await openBoth(other.path, logged)
  assert.equal((await refused.store.transact([], [{ put: 'k', value }])).ok, true)
  assert.ok(logged.some((line) => line.includes('cannot be begun')))
  await closeBoth(refused)
})
