import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LarderError } from '../../errors.ts'
import type { GroupState } from '../../model/group.ts'
import { removedKey, specKey, stateKey } from '../../model/keys.ts'
import { listRecords, put, readRecord, remove } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'
import { withTransactionHook } from '../../store/hook.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { until } from '../../testing/busy-machine.ts'
import { createFakeWorld, type FakeWorld } from '../../testing/fake-world.ts'
import { groupSpec, region, startManager } from '../../testing/fixtures.ts'
import { writeSpec } from './manager.test.ts'

const folderOf = (id: string): string => `/fake/${region}/${id}`

interface Scene {
  readonly store: Store
  readonly world: FakeWorld
  readonly logged: readonly string[]
  /** The manager of before ends, and another one starts, as after a restart. */
  restart(): Promise<void>
}

const withGroup = async (run: (scene: Scene) => Promise<void>): Promise<void> => {
  const store = createMemoryStore()
  const world = createFakeWorld()
  const logged: string[] = []
  let manager = startManager(store, world, (line) => logged.push(line))
  try {
    await manager.start()
    const spec = groupSpec('demo', 'cmd', 1, 2)
    await writeSpec(store, spec)
    await until('demo available', async () => {
      const state = (await readRecord<GroupState>(store, stateKey(spec)))?.value
      return state?.status === 'available' && state.generation === spec.generation
    })
    const restart = async (): Promise<void> => {
      await manager.stop()
      manager = startManager(store, world, (line) => logged.push(line))
      await manager.start()
    }
    await run({ store, world, logged, restart })
  } finally {
    await manager.stop()
    await store.close()
  }
}

const messages = async (store: Store): Promise<readonly string[]> =>
  (await listRecords<{ message: string }>(store, 'event/')).records.map(({ value }) => value.message)

test('engines that a state without their records finds are neither ended nor deleted, and told', async () => {
  await withGroup(async ({ store, world, logged, restart }) => {
    const { records } = await listRecords(store, 'spec/')
    const states = await listRecords(store, 'state/')
    // As with a state that was lost: nothing says that these were removed.
    await store.transact(
      [],
      [...records, ...states.records].map(({ key }) => remove(key)),
    )
    await restart()
    assert.deepEqual([...world.engines().keys()].sort(), ['demo-001', 'demo-002'])
    assert.deepEqual([...world.folders].sort(), [folderOf('demo-001'), folderOf('demo-002')])
    assert.equal(logged.filter((line) => line.includes('is left alone')).length, 2)
    assert.equal((await messages(store)).filter((message) => message.includes('left alone')).length, 2)
  })
})

test('a folder that nobody knows is moved aside, and told', async () => {
  await withGroup(async ({ store, world, logged, restart }) => {
    world.leaveFolder(folderOf('stray-001'))
    await restart()
    assert.deepEqual([...world.asideFolders.keys()], [folderOf('stray-001')])
    assert.deepEqual([...world.engines().keys()].sort(), ['demo-001', 'demo-002'])
    assert.ok(logged.some((line) => line.startsWith('error') && line.includes('moved aside')))
    assert.ok((await messages(store)).some((message) => message.includes('moved to /fake/aside')))
  })
})

test('what is left of a node that was removed is deleted, and its removal is then forgotten', async () => {
  await withGroup(async ({ store, world, restart }) => {
    const spec = groupSpec('demo', 'cmd', 1, 2)
    await store.transact([], [remove(specKey(spec)), remove(stateKey(spec))])
    await store.transact(
      [],
      ['demo-001', 'demo-002', 'other-001'].map((id) => put(removedKey(region, id), { region, id, at: 1 })),
    )
    await restart()
    assert.equal(world.engines().size, 0)
    assert.equal(world.folders.size, 0)
    assert.equal(world.asideFolders.size, 0)
    assert.deepEqual((await store.list('removed/')).entries, [])
  })
})

test('a removal is written with the change that removes the node, for a group too', async () => {
  await withGroup(async ({ store }) => {
    const spec = groupSpec('demo', 'cmd', 1, 2)
    const fewer = groupSpec('demo', 'cmd', 1, 1)
    await writeSpec(store, { ...fewer, generation: 2, automaticFailover: false })
    await until('one node', async () => (await store.get(removedKey(region, 'demo-002'))) !== null)
    const state = (await readRecord<GroupState>(store, stateKey(spec)))?.value
    assert.deepEqual(Object.keys(state?.nodes ?? {}), ['demo-001'])
    await writeSpec(store, { ...fewer, generation: 3, deletion: { requestedAt: 0, retainPrimary: false } })
    await until('no group', async () => (await store.get(specKey(spec))) === null)
    assert.notEqual(await store.get(removedKey(region, 'demo-001')), null)
  })
})

test('a node that was removed and made again under the same name is not deleted', async () => {
  await withGroup(async ({ store, world, restart }) => {
    await store.transact([], [put(removedKey(region, 'demo-001'), { region, id: 'demo-001', at: 1 })])
    await restart()
    assert.ok(world.engines().has('demo-001'))
    assert.ok(world.folders.has(folderOf('demo-001')))
    assert.deepEqual((await store.list('removed/')).entries, [], 'it no longer counts as removed')
  })
})

test('a store that refuses every write does not keep a start from looking after its groups', async () => {
  const store = createMemoryStore()
  const world = createFakeWorld()
  await store.transact([], [put(removedKey(region, 'old-001'), { region, id: 'old-001', at: 1 })])
  const refusing = withTransactionHook(store, () => {
    throw new LarderError('store-failed', 'the disk is full', { retry: true })
  })
  world.leaveFolder(folderOf('stray-001'))
  const manager = startManager(refusing, world)
  await manager.start()
  await manager.stop()
  assert.deepEqual([...world.asideFolders.keys()], [folderOf('stray-001')])
  await store.close()
})
