/** The one writer of a group's state: an urgent write does not wait for a slow one, and neither of them is lost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupState } from '../../model/group.ts'
import { stateKey } from '../../model/keys.ts'
import { put, readRecord } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { openStateCell } from './state-cell.ts'

const key = { region: 'us-east-1', space: 'rg', id: 'g' } as const

const slowOnce = (store: Store, when: 'before' | 'after'): { readonly store: Store; readonly go: () => void } => {
  const gate = Promise.withResolvers<void>()
  let isFirst = true
  return {
    go: () => gate.resolve(),
    store: {
      ...store,
      async transact(conditions, operations) {
        const isSlow = isFirst
        isFirst = false
        if (isSlow && when === 'before') await gate.promise
        const result = await store.transact(conditions, operations)
        if (isSlow && when === 'after') await gate.promise
        return result
      },
    },
  }
}

const stored = async (store: Store): Promise<GroupState | null> =>
  (await readRecord<GroupState>(store, stateKey(key)))?.value ?? null

for (const when of ['before', 'after'] as const) {
  test(`an urgent write is made while another one is slow ${when} it is made, and both are there in the end`, async () => {
    const memory = createMemoryStore()
    await (await openStateCell(memory, key)).update((state) => ({ ...state, reason: 'first' }))
    const slow = slowOnce(memory, when)
    const cell = await openStateCell(slow.store, key)
    const reason = cell.update((state) => ({ ...state, reason: 'slow' }))
    await cell.updateNow((state) => ({ ...state, shards: { '0001': { primary: 'g-002', epoch: 2 } } }))
    assert.equal((await stored(memory))?.shards['0001']?.primary, 'g-002')
    assert.equal(cell.value.shards['0001']?.primary, 'g-002')
    slow.go()
    await reason
    const end = await stored(memory)
    assert.deepEqual([end?.reason, end?.shards['0001']?.primary], ['slow', 'g-002'])
    assert.deepEqual(cell.value, end)
    await memory.close()
  })
}

test('what somebody else wrote is an error for both kinds of write', async () => {
  const store = createMemoryStore()
  const cell = await openStateCell(store, key)
  await cell.update((state) => ({ ...state, reason: 'mine' }))
  await store.transact([], [put(stateKey(key), { ...cell.value, reason: 'theirs' })])
  const failed = { code: 'store-failed' }
  await assert.rejects(
    cell.update((state) => ({ ...state, reason: 'again' })),
    failed,
  )
  await assert.rejects(
    cell.updateNow((state) => ({ ...state, reason: 'now' })),
    failed,
  )
  assert.equal((await stored(store))?.reason, 'theirs')
  await store.close()
})
