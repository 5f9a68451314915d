import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultParameterGroup } from '../../model/engine-versions.ts'
import type { GroupKind, GroupSpec, GroupState } from '../../model/group.ts'
import { clusterKey, specKey, stateKey } from '../../model/keys.ts'
import { put, readRecord } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { until } from '../../testing/busy-machine.ts'
import { createFakeWorld, type FakeWorld } from '../../testing/fake-world.ts'
import { groupSpec, startManager } from '../../testing/fixtures.ts'

const write = (store: Store, spec: GroupSpec): Promise<unknown> => {
  const ids = new Set(spec.shards.flatMap((shard) => shard.nodes.map((node) => node.clusterId)))
  const index = [...ids].map((id) => put(clusterKey(spec.region, id), { space: spec.space, id: spec.id }))
  return store.transact([], [put(specKey(spec), spec), ...index])
}

const settled = async (store: Store, spec: GroupSpec): Promise<GroupState> => {
  let found: GroupState | null = null
  await until(`${spec.id} as it is to be`, async () => {
    found = (await readRecord<GroupState>(store, stateKey(spec)))?.value ?? null
    return found?.status === 'available' && found.generation === spec.generation
  })
  assert.ok(found !== null)
  return found
}

const withGroup = async (spec: GroupSpec, run: (store: Store, world: FakeWorld) => Promise<void>): Promise<void> => {
  const store = createMemoryStore()
  const world = createFakeWorld()
  const manager = startManager(store, world)
  try {
    await manager.start()
    await write(store, spec)
    await settled(store, spec)
    await run(store, world)
  } finally {
    await manager.stop()
    await store.close()
  }
}

const at = (spec: GroupSpec, engineVersion: string): GroupSpec => ({
  ...spec,
  engineVersion,
  parameterGroup: defaultParameterGroup(spec.engine, engineVersion, spec.kind === 'cme'),
})

const versionsIn = (world: FakeWorld): readonly string[] => [...world.engines().values()].map(({ plan }) => plan.engine.version)

for (const [kind, shards, nodes] of [
  ['cmd', 1, 3],
  ['cmd', 1, 1],
  ['cme', 3, 2],
  ['cme', 2, 1],
  ['single', 1, 1],
] as const satisfies readonly (readonly [GroupKind, number, number])[]) {
  test(`a ${kind} group of ${shards} x ${nodes} moves to another engine, and keeps its data`, async () => {
    const spec = at(groupSpec('demo', kind, shards, nodes), '8.1.1')
    await withGroup(spec, async (store, world) => {
      assert.deepEqual(new Set(versionsIn(world)), new Set(['8.1.1']))
      const primaries = [...world.engines().values()]
      for (const engine of primaries) engine.data.add(`of shard ${engine.plan.id.split('-')[1]}`)
      const starts = world.starts
      const next = { ...at(spec, '9.1.2'), generation: spec.generation + 1 }
      await write(store, next)
      const state = await settled(store, next)
      assert.equal(world.starts - starts, shards * nodes, 'each node once')
      assert.deepEqual(new Set(versionsIn(world)), new Set(['9.1.2']))
      for (const node of Object.values(state.nodes)) assert.equal(node.engineVersion, '9.1.2')
      for (const engine of world.engines().values()) assert.ok(engine.data.size > 0, `${engine.plan.id} has its data`)
    })
  })
}

test('a version that the same engine serves is a label: no node is restarted', async () => {
  const spec = at(groupSpec('demo', 'cmd', 1, 2), '9.0.0')
  await withGroup(spec, async (store, world) => {
    assert.deepEqual(versionsIn(world), ['9.1.2', '9.1.2'])
    const next = { ...at(spec, '9.1.2'), generation: spec.generation + 1 }
    await write(store, next)
    await settled(store, next)
    assert.equal(world.starts, 2)
  })
})

test('a group that an earlier Larder made on an engine that is retired goes on with it until it is moved', async () => {
  const spec = at(groupSpec('demo', 'cmd', 1, 2), '8.0.1')
  const store = createMemoryStore()
  const world = createFakeWorld()
  const first = startManager(store, world)
  await first.start()
  await write(store, spec)
  const state = await settled(store, spec)
  await first.stop()
  // As if they had been started by one that knew nothing better.
  const nodes = Object.fromEntries(Object.entries(state.nodes).map(([id, node]) => [id, { ...node, engineVersion: '8.0.1' }]))
  world.killAll()
  await store.transact([], [put(stateKey(spec), { ...state, nodes })])
  const second = startManager(store, world)
  try {
    await second.start()
    await until('both run', () => versionsIn(world).length === 2)
    await settled(store, spec)
    assert.deepEqual(versionsIn(world), ['8.0.1', '8.0.1'])
    const next = { ...at(spec, '8.1.1'), generation: spec.generation + 1 }
    await write(store, next)
    await settled(store, next)
    assert.deepEqual(versionsIn(world), ['8.1.1', '8.1.1'])
  } finally {
    await second.stop()
    await store.close()
  }
})

test('versions of Memcached that one engine serves are labels too', async () => {
  const spec = { ...groupSpec('demo', 'memcached', 1, 2), engineVersion: '1.5.16', parameterGroup: 'default.memcached1.5' }
  await withGroup(spec, async (store, world) => {
    assert.deepEqual(versionsIn(world), ['1.6.18', '1.6.18'])
    const next = { ...spec, engineVersion: '1.6.22', parameterGroup: 'default.memcached1.6', generation: spec.generation + 1 }
    await write(store, next)
    await settled(store, next)
    assert.equal(world.starts, 2, 'the same engine serves both')
  })
})
