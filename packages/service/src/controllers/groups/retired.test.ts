import assert from 'node:assert/strict'
import { test } from 'node:test'
import { specKey, stateKey } from '../../model/keys.ts'
import type { EventRecord } from '../../model/records.ts'
import { listRecords, put } from '../../ports/records.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { groupAtRest } from '../../testing/group-at-rest.ts'
import { tellRetired } from './retired.ts'

const toldTo = async (engineVersion: string): Promise<readonly string[]> => {
  const store = createMemoryStore()
  const { spec, state } = groupAtRest('cmd', 2)
  const nodes = Object.fromEntries(Object.entries(state.nodes).map(([id, node]) => [id, { ...node, engineVersion }]))
  await store.transact([], [put(specKey(spec), spec), put(stateKey(spec), { ...state, nodes })])
  for (const unique of ['00000001', '00000002'])
    await tellRetired({ store, clock: { now: () => 1_000 }, log: () => undefined, unique: () => unique })
  return (await listRecords<EventRecord>(store, 'event/')).records.map(({ value }) => `${value.sourceId}: ${value.message}`)
}

test('a group that runs an engine without security fixes is told once, with what mends it', async () => {
  const [told, ...more] = await toldTo('8.0.1')
  assert.match(
    told ?? '',
    /^demo: valkey 8\.0\.1 gets no security fixes any more: .*CVE-2025-46818.*; move the group with EngineVersion 8\.1$/,
  )
  assert.deepEqual(more, [])
})

test('nobody else is told', async () => {
  for (const version of ['8.0.6', '8.1.1', '9.1.2']) assert.deepEqual(await toldTo(version), [], version)
})
