/** What every store has to keep to. Each implementation runs this suite. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LarderError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Change, Condition, Operation, Store } from '../ports/store.ts'

export interface OpenedStore {
  readonly store: Store
  /** Closes it and removes what it has written. */
  dispose(): Promise<void>
}

/** `clock` stands still until a test moves it; leases go by it. */
export type OpenStore = (clock: Pick<Clock, 'now'>) => Promise<OpenedStore>

const put = (key: string, value: string, lease?: string): Operation =>
  lease === undefined ? { put: key, value } : { put: key, value, lease }

/** Reads changes until `count` are there. */
const take = async (changes: AsyncIterable<Change>, count: number): Promise<readonly Change[]> => {
  const found: Change[] = []
  if (count === 0) return found
  for await (const change of changes) if (found.push(change) === count) break
  return found
}

/** What a store should hold, done in the simplest way. */
class Model {
  readonly entries = new Map<string, { value: string; revision: number }>()
  readonly changes: Change[] = []
  revision = 0

  transact(conditions: readonly Condition[], operations: readonly Operation[]): Condition | null {
    const failed = conditions.find((condition) => (this.entries.get(condition.key)?.revision ?? 0) !== condition.revision)
    if (failed !== undefined) return failed
    const revision = this.revision + 1
    for (const operation of operations) {
      if ('put' in operation) {
        this.entries.set(operation.put, { value: operation.value, revision })
        this.changes.push({ key: operation.put, value: operation.value, revision })
      } else if (this.entries.delete(operation.delete)) this.changes.push({ key: operation.delete, value: null, revision })
    }
    this.revision = this.changes.at(-1)?.revision ?? 0
    return null
  }

  list(prefix: string): readonly { key: string; value: string; revision: number }[] {
    const found = [...this.entries].filter(([key]) => key.startsWith(prefix)).map(([key, entry]) => ({ key, ...entry }))
    return found.sort((a, b) => (a.key < b.key ? -1 : 1))
  }
}

const keys = ['a', 'a/', 'a/1', 'a/10', 'a/2', 'a0', 'b', 'b/~', 'B', '~']
const prefixes = ['', 'a', 'a/', 'a/1', 'b', '~', 'c']
const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ put: fc.constantFrom(...keys), value: fc.json() }),
  fc.record({ delete: fc.constantFrom(...keys) }),
)
/** Conditions hold about as often as not: `age` is taken from the revision that the key has. */
const anyTransaction = fc.record({
  conditions: fc.array(fc.record({ key: fc.constantFrom(...keys), age: fc.constantFrom(0, 0, 0, 1) }), { maxLength: 2 }),
  operations: fc.uniqueArray(anyOperation, {
    maxLength: 4,
    selector: (operation) => ('put' in operation ? operation.put : operation.delete),
  }),
})

export const storeContract = (name: string, open: OpenStore): void => {
  const withStore = async (run: (store: Store, time: { now: number }) => Promise<void>): Promise<void> => {
    const time = { now: 1_000_000 }
    const { store, dispose } = await open({ now: () => time.now })
    try {
      await run(store, time)
    } finally {
      await dispose()
    }
  }
  const contract = (sentence: string, run: (store: Store, time: { now: number }) => Promise<void>): void => {
    test(`${name}: ${sentence}`, () => withStore(run))
  }

  test(`${name}: whatever is written, it holds, lists, refuses and tells the same as the simplest model`, () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(anyTransaction, { maxLength: 12 }),
        fc.constantFrom(...prefixes),
        async (transactions, prefix) => {
          await withStore(async (store) => {
            const model = new Model()
            const ending = new AbortController()
            const early = store.watch(prefix, 1, ending.signal)
            for (const { conditions, operations } of transactions) {
              const now = conditions.map(({ key, age }) => ({ key, revision: (model.entries.get(key)?.revision ?? 0) + age }))
              const failed = model.transact(now, operations)
              const result = await store.transact(now, operations)
              assert.deepEqual(result, failed === null ? { ok: true, revision: model.revision } : { ok: false, failed })
            }
            assert.deepEqual(await store.list(prefix), { entries: model.list(prefix), revision: model.revision })
            for (const key of keys)
              assert.deepEqual(await store.get(key), model.list(key).find((entry) => entry.key === key) ?? null)
            const told = model.changes.filter(({ key }) => key.startsWith(prefix))
            assert.deepEqual(await take(early, told.length), told, 'to a watcher from the beginning')
            assert.deepEqual(
              await take(store.watch(prefix, 1, ending.signal), told.length),
              told,
              'to one that asks for the past',
            )
            ending.abort()
          })
        },
      ),
      { numRuns: 40 },
    ))

  contract('a new store has revision 0 and nothing in it', async (store) => {
    assert.deepEqual(await store.list(''), { entries: [], revision: 0 })
    assert.equal(await store.get('a'), null)
  })

  contract('of two who change the same revision, one wins, and the other is told which condition failed', async (store) => {
    await store.transact([{ key: 'a', revision: 0 }], [put('a', '1')])
    const results = await Promise.all([2, 3].map((n) => store.transact([{ key: 'a', revision: 1 }], [put('a', String(n))])))
    assert.deepEqual(results, [
      { ok: true, revision: 2 },
      { ok: false, failed: { key: 'a', revision: 1 } },
    ])
  })

  contract('a transaction that changes nothing keeps the revision', async (store) => {
    await store.transact([], [put('a', '1')])
    assert.deepEqual(await store.transact([], []), { ok: true, revision: 1 })
    assert.deepEqual(await store.transact([], [{ delete: 'not-there' }]), { ok: true, revision: 1 })
    assert.equal((await store.list('')).revision, 1)
  })

  contract('pages go through all keys once', async (store) => {
    const names = Array.from({ length: 25 }, (_, index) => `p/${index}`)
    await store.transact([], [...names.map((key) => put(key, '{}')), put('o', '{}'), put('q', '{}')])
    const found: string[] = []
    for (let after = ''; ; ) {
      const { entries } = await store.list('p/', { limit: 10, after })
      found.push(...entries.map((entry) => entry.key))
      const last = entries.at(-1)
      if (last === undefined) break
      after = last.key
    }
    assert.deepEqual(found, names.sort())
  })

  contract('a watch from the revision after a list misses nothing and repeats nothing', async (store) => {
    await store.transact([], [put('a/1', '1')])
    const { revision } = await store.list('a/')
    const ending = new AbortController()
    await store.transact([], [put('a/2', '2'), put('b/1', '0')])
    const changes = store.watch('a/', revision + 1, ending.signal)
    await store.transact([], [{ delete: 'a/1' }])
    assert.deepEqual(await take(changes, 2), [
      { key: 'a/2', value: '2', revision: 2 },
      { key: 'a/1', value: null, revision: 3 },
    ])
  })

  contract('a waiting watch is woken by a change, and ends without an error when it is aborted', async (store) => {
    const ending = new AbortController()
    const found: Change[] = []
    const reading = (async () => {
      for await (const change of store.watch('a', 1, ending.signal)) {
        found.push(change)
        if (found.length === 2) ending.abort()
      }
    })()
    await store.transact([], [put('a', '1')])
    await store.transact([], [put('a', '2')])
    await reading
    assert.deepEqual(
      found.map((change) => change.value),
      ['1', '2'],
    )
    const aborted = store.watch('a', 1, AbortSignal.abort())[Symbol.asyncIterator]()
    assert.equal((await aborted.next()).done, true)
  })

  contract('keys of a lease go when it ends, in one revision, and watchers are told', async (store, time) => {
    const lease = await store.grantLease(1_000)
    await store.transact([], [put('a', '1', lease), put('b', '1', lease), put('c', '1')])
    time.now += 999
    assert.notEqual(await store.get('a'), null)
    time.now += 1
    assert.equal(await store.get('a'), null)
    const { entries, revision } = await store.list('')
    assert.deepEqual(
      entries.map((entry) => entry.key),
      ['c'],
    )
    assert.equal(revision, 2)
    const told = await take(store.watch('', 2, new AbortController().signal), 2)
    assert.deepEqual(told.map(({ key, value, revision: at }) => [key, value, at]).sort(), [
      ['a', null, 2],
      ['b', null, 2],
    ])
  })

  contract('a lease that is kept alive lasts, one that has ended cannot be brought back', async (store, time) => {
    const lease = await store.grantLease(1_000)
    await store.transact([], [put('a', '1', lease)])
    for (let round = 0; round < 5; round += 1) {
      time.now += 900
      assert.equal(await store.keepAlive(lease), true)
    }
    assert.notEqual(await store.get('a'), null)
    time.now += 1_000
    assert.equal(await store.keepAlive(lease), false)
    assert.equal(await store.keepAlive('no-such-lease'), false)
    assert.equal(await store.get('a'), null)
  })

  contract('a lease that is revoked takes its keys with it at once; revoking again does nothing', async (store) => {
    const lease = await store.grantLease(1_000)
    await store.transact([], [put('a', '1', lease)])
    await store.revokeLease(lease)
    await store.revokeLease(lease)
    assert.equal(await store.get('a'), null)
    assert.equal((await store.list('')).revision, 2)
  })

  contract('a key belongs to the lease of its last put, or to none', async (store, time) => {
    const [short, long] = [await store.grantLease(1_000), await store.grantLease(5_000)]
    await store.transact([], [put('a', '1', short), put('b', '1', short)])
    await store.transact([], [put('a', '2'), put('b', '2', long)])
    time.now += 1_000
    assert.equal((await store.get('a'))?.value, '2')
    assert.equal((await store.get('b'))?.value, '2')
    time.now += 4_000
    assert.equal((await store.get('a'))?.value, '2')
    assert.equal(await store.get('b'), null)
  })

  contract('a put with a lease that has ended is refused, with all that stands beside it', async (store, time) => {
    const lease = await store.grantLease(1_000)
    time.now += 1_000
    await assert.rejects(
      store.transact([], [put('a', '1'), put('b', '1', lease)]),
      (error) => error instanceof LarderError && error.code === 'store-failed',
    )
    assert.deepEqual(await store.list(''), { entries: [], revision: 0 })
  })
}
