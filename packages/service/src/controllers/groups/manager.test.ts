import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupSpec, GroupState } from '../../model/group.ts'
import { clusterKey, specKey, stateKey } from '../../model/keys.ts'
import { put, readRecord } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { until } from '../../testing/busy-machine.ts'
import { createFakeWorld, type FakeWorld } from '../../testing/fake-world.ts'
import { groupSpec, startManager } from '../../testing/fixtures.ts'
import type { Manager } from './manager.ts'

export const writeSpec = async (store: Store, spec: GroupSpec): Promise<void> => {
  const ids = new Set(spec.shards.flatMap((shard) => shard.nodes.map((node) => node.clusterId)))
  await store.transact(
    [],
    [put(specKey(spec), spec), ...[...ids].map((id) => put(clusterKey(spec.region, id), { space: spec.space, id: spec.id }))],
  )
}

const stateOf = async (store: Store, spec: GroupSpec): Promise<GroupState | null> =>
  (await readRecord<GroupState>(store, stateKey(spec)))?.value ?? null

const available = (store: Store, spec: GroupSpec): Promise<void> =>
  until(`${spec.id} available`, async () => {
    const state = await stateOf(store, spec)
    return state?.status === 'available' && state.generation === spec.generation
  })

/** One primary in each shard, everybody else follows it, the floating address is where it belongs. */
const assertHealthy = async (store: Store, world: FakeWorld, spec: GroupSpec): Promise<void> => {
  const state = await stateOf(store, spec)
  assert.ok(state !== null)
  const engines = world.engines()
  for (const shard of spec.shards) {
    const primaryId: string | null = state.shards[shard.id]?.primary ?? null
    for (const node of shard.nodes) {
      const engine = engines.get(node.id)
      assert.ok(engine, `${node.id} runs`)
      if (spec.kind === 'cmd') {
        assert.equal(engine.follows?.address ?? null, node.id === primaryId ? null : state.nodes[primaryId ?? '']?.address)
        const floats = engine.bound.includes(state.primaryEndpoint?.address ?? '')
        assert.equal(floats, node.id === primaryId, `${node.id} binds the primary endpoint only as the primary`)
      }
    }
  }
}

const withManager = async (
  run: (store: Store, world: FakeWorld, start: () => Promise<Manager>) => Promise<void>,
): Promise<void> => {
  const store = createMemoryStore()
  const world = createFakeWorld()
  const managers: Manager[] = []
  try {
    await run(store, world, async () => {
      const manager = startManager(store, world)
      managers.push(manager)
      await manager.start()
      return manager
    })
  } finally {
    for (const manager of managers) await manager.stop()
    await store.close()
  }
}

for (const [kind, shards, nodes] of [
  ['cmd', 1, 3],
  ['cmd', 1, 1],
  ['cme', 3, 2],
  ['single', 1, 1],
  ['memcached', 1, 3],
] as const) {
  test(`a ${kind} group of ${shards} x ${nodes} becomes available, is adopted without a restart, and leaves nothing behind`, async () => {
    await withManager(async (store, world, start) => {
      const spec = groupSpec('demo', kind, shards, nodes)
      const first = await start()
      await writeSpec(store, spec)
      await available(store, spec)
      await assertHealthy(store, world, spec)
      assert.equal(world.starts, shards * nodes)

      await first.stop()
      const second = await start()
      await available(store, spec)
      assert.equal(world.starts, shards * nodes, 'adopted, not restarted')

      await writeSpec(store, { ...spec, deletion: { requestedAt: 0, retainPrimary: false } })
      await until('everything is gone', async () => (await store.list('state/')).entries.length === 0)
      assert.equal(world.engines().size, 0)
      assert.equal(world.folders.size, 0)
      assert.deepEqual(await world.balancer.list(), [])
      for (const prefix of ['spec/', 'state/', 'cluster/', 'address/'])
        assert.deepEqual((await store.list(prefix)).entries, [], prefix)
      await second.stop()
    })
  })
}

test('a primary that dies is replaced by a replica, and comes back as a replica with the same address', async () => {
  await withManager(async (store, world, start) => {
    const spec = groupSpec('demo', 'cmd', 1, 3)
    await start()
    await writeSpec(store, spec)
    await available(store, spec)
    const before = await stateOf(store, spec)
    world.engines().get('demo-001')?.data.add('kept')
    world.kill('demo-001')
    await until('another primary', async () => (await stateOf(store, spec))?.shards['0001']?.primary !== 'demo-001')
    await until('three nodes', () => world.engines().size === 3)
    await until('health', async () => {
      const state = await stateOf(store, spec)
      const primary = state?.shards['0001']?.primary
      const engine = world.engines().get('demo-001')
      return engine?.follows?.address === state?.nodes[primary ?? '']?.address && state?.nodes['demo-001']?.status === 'available'
    })
    await assertHealthy(store, world, spec)
    const after = await stateOf(store, spec)
    assert.equal(after?.nodes['demo-001']?.address, before?.nodes['demo-001']?.address)
    assert.equal(after?.shards['0001']?.epoch, 2)
  })
})

test('a primary that died while nobody watched does not come back empty while a replica lives', async () => {
  await withManager(async (store, world, start) => {
    const spec = { ...groupSpec('demo', 'cmd', 1, 2), automaticFailover: false }
    const first = await start()
    await writeSpec(store, spec)
    await available(store, spec)
    world.engines().get('demo-002')?.data.add('kept')
    await first.stop()
    world.kill('demo-001')
    await start()
    await until('two nodes', () => world.engines().size === 2)
    assert.equal((await stateOf(store, spec))?.shards['0001']?.primary, 'demo-002')
    assert.ok(world.engines().get('demo-002')?.data.has('kept'))
  })
})

test('a process that is not recognised for a while is no reason to start a second one beside it', async () => {
  await withManager(async (store, world, start) => {
    const spec = groupSpec('demo', 'cmd', 1, 3)
    const manager = await start()
    await writeSpec(store, spec)
    await available(store, spec)
    await manager.stop()
    const before = new Map([...world.engines()].map(([id, { identity }]) => [id, identity.pid]))
    const attempts: string[] = []
    world.onAction = (name) => {
      if (name.startsWith('start ')) attempts.push(name)
    }
    const looks = ['demo-002', 'demo-003'].map((id) => world.misjudge(id, 6))
    await start()
    await until('they were not recognised', () => looks.every((left) => left() <= 0))
    await until('all are recognised', async () => {
      const state = await stateOf(store, spec)
      return (
        state?.status === 'available' && Object.values(state.nodes).every((node) => node.process?.pid === before.get(node.id))
      )
    })
    assert.deepEqual(attempts, [])
    await assertHealthy(store, world, spec)
  })
})

test('after all processes were lost everything comes back by itself', async () => {
  await withManager(async (store, world, start) => {
    const specs = [groupSpec('a', 'cmd', 1, 3), groupSpec('b', 'cme', 2, 2), groupSpec('c', 'memcached', 1, 2)]
    const first = await start()
    for (const spec of specs) await writeSpec(store, spec)
    for (const spec of specs) await available(store, spec)
    await first.stop()
    world.killAll()
    await start()
    await until('all run', () => world.engines().size === 9)
    for (const spec of specs) await assertHealthy(store, world, spec)
  })
})

test('a replica is added and removed, and a cluster node that is added is introduced to the others', async () => {
  await withManager(async (store, world, start) => {
    await start()
    for (const kind of ['cmd', 'cme'] as const) {
      const shards = kind === 'cme' ? 2 : 1
      const spec = groupSpec(`g-${kind}`, kind, shards, 2)
      await writeSpec(store, spec)
      await available(store, spec)
      const more: GroupSpec = { ...spec, shards: groupSpec(`g-${kind}`, kind, shards, 3).shards, generation: 2 }
      await writeSpec(store, more)
      await available(store, more)
      await assertHealthy(store, world, more)
      await writeSpec(store, { ...spec, generation: 3 })
      await available(store, { ...spec, generation: 3 })
      assert.equal([...world.engines().keys()].filter((id) => id.startsWith(spec.id)).length, shards * 2)
    }
  })
})

test('a rebooted primary hands over first', async () => {
  await withManager(async (store, world, start) => {
    const spec = groupSpec('demo', 'cmd', 1, 2)
    await start()
    await writeSpec(store, spec)
    await available(store, spec)
    world.engines().get('demo-001')?.data.add('kept')
    const pid = world.engines().get('demo-001')?.identity.pid
    const rebooted: GroupSpec = {
      ...spec,
      generation: 2,
      shards: spec.shards.map((shard) => ({
        ...shard,
        nodes: shard.nodes.map((node) => ({ ...node, reboots: node.id === 'demo-001' ? 1 : 0 })),
      })),
    }
    const done: string[] = []
    world.onAction = (name) => done.push(name)
    await writeSpec(store, rebooted)
    await available(store, rebooted)
    const roles = done.filter((name) => /^(CLIENT|bind|replicate|promote)/.test(name))
    assert.deepEqual(
      roles.slice(0, 6),
      [
        'CLIENT PAUSE 4000 WRITE demo-001',
        'bind demo-001',
        'replicate demo-001',
        'promote demo-002',
        'bind demo-002',
        'CLIENT UNPAUSE demo-001',
      ],
      'the old primary lets its clients go before it would refuse their writes',
    )
    assert.notEqual(world.engines().get('demo-001')?.identity.pid, pid)
    assert.equal((await stateOf(store, spec))?.shards['0001']?.primary, 'demo-002')
    assert.ok(world.engines().get('demo-002')?.data.has('kept'))
    await assertHealthy(store, world, rebooted)
  })
})

test('a primary dies while its last replica is being removed: what the replica has comes back to it, and the removal goes on', async () => {
  await withManager(async (store, world, start) => {
    const spec = { ...groupSpec('demo', 'cmd', 1, 2), automaticFailover: false }
    await start()
    await writeSpec(store, spec)
    await available(store, spec)
    world.engines().get('demo-002')?.data.add('kept')
    const alone: GroupSpec = {
      ...spec,
      generation: 2,
      shards: spec.shards.map((shard) => ({ ...shard, nodes: shard.nodes.slice(0, 1) })),
    }
    const written = writeSpec(store, alone)
    world.kill('demo-001')
    await written
    await available(store, alone)
    await assertHealthy(store, world, alone)
    assert.deepEqual([...world.engines().keys()], ['demo-001'])
    assert.ok(world.engines().get('demo-001')?.data.has('kept'))
  })
})
