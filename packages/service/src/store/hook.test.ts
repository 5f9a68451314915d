import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withTransactionHook } from './hook.ts'
import { createMemoryStore } from './memory.ts'

test('each transaction is told of before and after, with its number, also when a condition does not hold', async () => {
  const told: string[] = []
  const store = withTransactionHook(createMemoryStore(), (n, phase, operations) => {
    told.push(`${n} ${phase} ${operations.length}`)
  })
  await store.transact([], [{ put: 'a', value: '1' }])
  await store.transact([{ key: 'a', revision: 9 }], [{ delete: 'a' }])
  assert.deepEqual(told, ['1 before 1', '1 after 1', '2 before 1', '2 after 1'])
  assert.equal((await store.get('a'))?.value, '1')
})

test('a hook that throws before refuses the write, one that throws after does not', async () => {
  const base = createMemoryStore()
  const failing = (wanted: 'before' | 'after') =>
    withTransactionHook(base, async (_, phase) => {
      if (phase === wanted) throw new Error(wanted)
    })
  await assert.rejects(failing('before').transact([], [{ put: 'a', value: '1' }]), /before/)
  assert.equal(await base.get('a'), null)
  await assert.rejects(failing('after').transact([], [{ put: 'b', value: '1' }]), /after/)
  assert.equal((await base.get('b'))?.value, '1')
})
