/** Damaged files, and a primary that comes back from its disk, by the controllers themselves in a world without a machine. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersistedData } from '../../decide/observed.ts'
import { LarderError } from '../../errors.ts'
import type { GroupSpec, GroupState } from '../../model/group.ts'
import { clusterKey, parameterGroupKey, specKey, stateKey } from '../../model/keys.ts'
import type { EventRecord } from '../../model/records.ts'
import { listRecords, put, readRecord } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { until } from '../../testing/busy-machine.ts'
import { createFakeWorld, type FakeWorld } from '../../testing/fake-world.ts'
import { groupSpec, startManager } from '../../testing/fixtures.ts'
import type { Manager } from './manager.ts'

const logged = {
  region: 'us-east-1',
  name: 'logged',
  family: 'valkey9',
  description: '',
  values: { appendonly: 'yes' },
  tags: [],
}

interface Scene {
  readonly store: Store
  readonly world: FakeWorld
  readonly spec: GroupSpec
  state(): Promise<GroupState>
  events(): Promise<readonly string[]>
  start(): Promise<Manager>
  readonly lines: readonly string[]
}

/** A group of these many nodes at rest, with append-only files. */
const withGroup = async (nodes: number, run: (scene: Scene) => Promise<void>, prepare?: (world: FakeWorld) => void) => {
  const store = createMemoryStore()
  const world = createFakeWorld()
  const managers: Manager[] = []
  const spec: GroupSpec = { ...groupSpec('demo', 'cmd', 1, nodes), parameterGroup: 'logged' }
  const lines: string[] = []
  const start = async (): Promise<Manager> => {
    const manager = startManager(store, world, (line) => lines.push(line))
    managers.push(manager)
    await manager.start()
    return manager
  }
  const state = async (): Promise<GroupState> => {
    const record = await readRecord<GroupState>(store, stateKey(spec))
    assert.ok(record !== null)
    return record.value
  }
  try {
    prepare?.(world)
    await start()
    const ids = spec.shards.flatMap((shard) => shard.nodes.map((node) => node.id))
    const index = ids.map((id) => put(clusterKey(spec.region, id), { space: spec.space, id: spec.id }))
    await store.transact([], [put(parameterGroupKey(spec.region, 'logged'), logged), put(specKey(spec), spec), ...index])
    const events = async () => (await listRecords<EventRecord>(store, 'event/')).records.map(({ value }) => value.message)
    await run({ store, world, spec, state, events, start, lines })
  } finally {
    for (const manager of managers) await manager.stop()
    await store.close()
  }
}

const whole = ({ state, world, spec }: Scene): Promise<void> =>
  until('the group is whole', async () => {
    const now = await state().catch(() => null) // nobody has taken it up yet
    return now?.status === 'available' && world.engines().size === spec.shards[0]?.nodes.length
  })

const log = (offset: number): PersistedData => ({ kind: 'aof', offset, modifiedAt: offset, loadMs: 1, stamp: `log ${offset}` })

test('a replica that cannot load its files is started once more without them, which are kept, and that is told once', async () => {
  await withGroup(2, async (scene) => {
    const { world } = scene
    await whole(scene)
    world.leave('demo-002', log(5), false)
    const before = world.starts
    world.kill('demo-002')
    await until('it is started again', () => world.starts > before)
    await whole(scene)
    assert.equal(world.starts - before, 2)
    assert.equal(world.aside.length, 1)
    assert.match(world.aside[0] ?? '', /demo-002\/damaged-\d{4}-\d\d-\d\dT[\d.-]+Z\/appendonlydir$/)
    const said = (await scene.events()).filter((message) => /could not load|Moved/.test(message))
    assert.equal(said.length, 2, said.join('\n'))
    assert.equal((await scene.state()).nodes['demo-002']?.damage, null)
  })
})

test('of nodes that are all gone the newest yields when it cannot load its files, and is a replica afterwards', async () => {
  await withGroup(3, async (scene) => {
    const { world } = scene
    await whole(scene)
    world.leave('demo-001', log(9), false)
    world.leave('demo-002', log(8), false)
    world.leave('demo-003', log(7))
    world.killAll()
    await until('the last one is primary', async () => (await scene.state()).shards['0001']?.primary === 'demo-003')
    await whole(scene)
    assert.equal(world.aside.length, 2)
    assert.ok((await scene.events()).some((message) => message.includes('could not load appendonlydir')))
  })
})

test('a lone primary that cannot load its files does not start empty; status and reason say so, and it starts when they were repaired', async () => {
  await withGroup(1, async (scene) => {
    const { world } = scene
    await whole(scene)
    world.leave('demo-001', log(5), false)
    const before = world.starts
    world.kill('demo-001')
    await until('it is told', async () => /nothing is served empty/.test((await scene.state()).reason ?? ''))
    const { status, nodes } = await scene.state()
    assert.deepEqual([status, nodes['demo-001']?.status], ['modifying', 'modifying'])
    const lines = scene.lines.length
    await until('it waits', async () => world.starts === before + 1)
    assert.equal(world.engines().size, 0)
    assert.deepEqual(world.aside, [])
    assert.ok(scene.lines.length - lines < 20)
    world.leave('demo-001', { ...log(5), stamp: 'repaired' })
    await whole(scene)
    assert.equal((await scene.state()).reason, null)
  })
})

test('a log in which a full disk left holes is mended, and the node starts from it, alone or as a replica', async () => {
  for (const [nodes, victim] of [
    [1, 'demo-001'],
    [2, 'demo-002'],
  ] as const) {
    await withGroup(nodes, async (scene) => {
      const { world } = scene
      await whole(scene)
      world.leave(victim, log(5), 'with holes closed')
      const before = world.starts
      world.kill(victim)
      await until('it is started from its log', () => world.starts === before + 2)
      await whole(scene)
      assert.deepEqual(world.aside, [])
      const { shards, nodes: after } = await scene.state()
      assert.equal(shards['0001']?.primary, 'demo-001')
      assert.equal(after[victim]?.damage ?? null, null)
      assert.equal((await scene.events()).filter((message) => /Repaired the append-only file/.test(message)).length, 1)
    })
  }
})

test('what was learned of damaged files outlives Larder', async () => {
  await withGroup(1, async (scene) => {
    const { world } = scene
    await whole(scene)
    world.leave('demo-001', log(5), false)
    world.kill('demo-001')
    await until('it is known', async () => (await scene.state()).nodes['demo-001']?.damage != null)
    const { starts } = world
    await (await scene.start()).stop()
    assert.equal(world.starts, starts, 'nobody tries it again')
  })
})

test('a creation that fails for a passing reason stays creating, says why, and becomes available', async () => {
  let fails = true
  await withGroup(
    1,
    async (scene) => {
      await until('it is told', async () => {
        const now = await scene.state().catch(() => null) // nobody has taken it up yet
        return now?.reason?.includes('no room') === true
      })
      assert.equal((await scene.state()).status, 'creating')
      fails = false
      await whole(scene)
    },
    (world) => {
      world.onAction = (name) => {
        if (fails && name.startsWith('start')) throw new LarderError('machine', 'there is no room')
      }
    },
  )
})

test('a node that ends right after each start is started with growing delay, and the log stays short', async () => {
  await withGroup(1, async (scene) => {
    const { world } = scene
    await whole(scene)
    const before = world.starts
    const killer = setInterval(() => {
      if (world.engines().has('demo-001')) world.kill('demo-001')
    }, 1)
    try {
      await until('it is held back', async () => ((await scene.state()).nodes['demo-001']?.starts?.count ?? 0) >= 9)
    } finally {
      clearInterval(killer)
    }
    assert.ok(world.starts - before <= 10)
    await whole(scene)
  })
})
