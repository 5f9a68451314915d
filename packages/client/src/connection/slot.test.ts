import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openServers } from '../testing/servers.ts'
import { slotOf } from './slot.ts'

test('a key is in the slot that the engine says', async () => {
  await using servers = await openServers()
  const server = await servers.start(['--cluster-enabled', 'yes'])
  const keys = [
    '',
    'a',
    '123456789',
    'user:7',
    '{user}:7',
    'x{user}:7',
    '{}',
    '{}a',
    'a{b',
    'a}b{c}d',
    '{{a}}',
    'é€𝄞',
    'x'.repeat(300),
  ]
  for (const key of keys) assert.equal(slotOf(key), Number(await server.command('CLUSTER', 'KEYSLOT', key)), key)
})
