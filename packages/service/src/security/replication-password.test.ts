import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replicationPassword } from './replication-password.ts'

test('each group has a password of its own, always the same, from which that of the home cannot be seen', () => {
  const all = ['a', 'b', undefined].map((name) => replicationPassword('secret', name))
  assert.equal(new Set(all).size, 3)
  assert.deepEqual(
    ['a', 'b', undefined].map((name) => replicationPassword('secret', name)),
    all,
  )
  assert.notEqual(replicationPassword('another', 'a'), all[0])
  assert.match(all[0] ?? '', /^[0-9a-f]{64}$/)
})
