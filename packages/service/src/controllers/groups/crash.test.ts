/**
 * Larder killed before and after every write, on the machine in memory: whatever was under way is finished by the next start, and
 * nothing is left that no record knows. The same with real processes, at fewer points: e2e/crash.test.ts.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupSpec, GroupState } from '../../model/group.ts'
import { clusterKey, specKey } from '../../model/keys.ts'
import { listRecords, put } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'
import { withTransactionHook } from '../../store/hook.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { until } from '../../testing/busy-machine.ts'
import { createFakeWorld, type FakeWorld } from '../../testing/fake-world.ts'
import { groupSpec, startManager } from '../../testing/fixtures.ts'

const writeSpec = async (store: Store, spec: GroupSpec): Promise<void> => {
  const ids = new Set(spec.shards.flatMap((shard) => shard.nodes.map((node) => node.clusterId)))
  const index = [...ids].map((id) => put(clusterKey(spec.region, id), { space: spec.space, id: spec.id }))
  await store.transact([], [put(specKey(spec), spec), ...index])
}

const settled = async (store: Store, spec: GroupSpec): Promise<boolean> => {
  const states = await listRecords<GroupState>(store, 'state/')
  if (spec.deletion !== null) return states.records.length === 0
  return states.records.some(({ value }) => value.status === 'available' && value.generation === spec.generation)
}

/** What has to hold whenever everything has come to rest. */
const assertNothingStray = async (store: Store, world: FakeWorld): Promise<void> => {
  const states = (await listRecords<GroupState>(store, 'state/')).records.map((record) => record.value)
  const nodes = states.flatMap((state) => Object.values(state.nodes))
  assert.deepEqual(
    [...world.engines().keys()].sort(),
    nodes.map((node) => node.id).sort(),
    'every process has a record, every record a process',
  )
  assert.equal(world.folders.size, nodes.length, 'every folder has a record')
  const owned = states
    .flatMap((state) => [state.primaryEndpoint, state.readerEndpoint, state.configurationEndpoint])
    .filter((each) => each !== null)
  const addresses = [...nodes, ...owned].map((each) => `address/${each.address}`).sort()
  assert.deepEqual((await store.list('address/')).entries.map((entry) => entry.key).sort(), addresses, 'no address is leaked')
  assert.ok(nodes.every((node) => node.process !== null && !node.starting))
}

/**
 * Runs `change` on a group that is at rest, with Larder dying at one write; false when there were fewer writes than that. What is wanted when
 * Larder comes back is `change`, or `instead`.
 */
const crashAt = async (
  before: GroupSpec | null,
  change: GroupSpec,
  at: number,
  phase: 'before' | 'after',
  instead: GroupSpec = change,
): Promise<boolean> => {
  const store = createMemoryStore()
  const world = createFakeWorld()
  const first = startManager(store, world)
  await first.start()
  if (before !== null) {
    await writeSpec(store, before)
    await until('the group before', () => settled(store, before))
  }
  await first.stop()

  let dead = false
  const die = (): never => {
    dead = true
    throw new Error('Larder was killed')
  }
  world.onAction = () => {
    if (dead) die()
  }
  const hooked = withTransactionHook(store, (n, now) => {
    if (dead || (n >= at && now === phase)) die()
  })
  await writeSpec(store, change)
  const dying = startManager(hooked, world)
  await dying.start()
  await until('the death, or the end', async () => dead || settled(store, change))
  await dying.stop()
  const died = dead
  world.onAction = () => {}

  if (instead !== change) await writeSpec(store, instead)
  const last = startManager(store, world)
  try {
    await last.start()
    await until(`everything at rest after a death ${phase} write ${at}`, () => settled(store, instead))
    await assertNothingStray(store, world)
  } finally {
    await last.stop()
    await store.close()
  }
  return died
}

const deleted = (spec: GroupSpec): GroupSpec => ({
  ...spec,
  generation: spec.generation + 1,
  deletion: { requestedAt: 0, retainPrimary: false },
})
const rebooted = (spec: GroupSpec): GroupSpec => ({
  ...spec,
  generation: spec.generation + 1,
  shards: spec.shards.map((shard) => ({
    ...shard,
    nodes: shard.nodes.map((node, index) => ({ ...node, reboots: index === 0 ? 1 : 0 })),
  })),
})
const resized = (spec: GroupSpec, nodes: number): GroupSpec => ({
  ...spec,
  generation: spec.generation + 1,
  shards: groupSpec(spec.id, spec.kind, spec.shards.length, nodes).shards,
})

type Case = readonly [name: string, before: GroupSpec | null, change: GroupSpec, instead?: GroupSpec]

const cases: readonly Case[] = [
  ...(['cmd', 'cme', 'memcached'] as const).flatMap((kind): readonly Case[] => {
    const spec = groupSpec('g', kind, kind === 'cme' ? 2 : 1, 2)
    return [
      [`the creation of a ${kind} group`, null, spec],
      [`the growth of a ${kind} group`, spec, resized(spec, 3)],
      [`the shrinking of a ${kind} group`, resized(spec, 3), { ...spec, generation: 3 }],
      [
        `the shrinking of a ${kind} group that is taken back`,
        resized(spec, 3),
        { ...spec, generation: 3 },
        { ...resized(spec, 3), generation: 4 },
      ],
      [`the deletion of a ${kind} group`, spec, deleted(spec)],
    ]
  }),
  ['a reboot of a primary', groupSpec('g', 'cmd', 1, 2), rebooted(groupSpec('g', 'cmd', 1, 2))],
  ['a reboot of a single node', groupSpec('g', 'single', 1, 1), rebooted(groupSpec('g', 'single', 1, 1))],
  ['a reboot of a Memcached node', groupSpec('g', 'memcached', 1, 2), rebooted(groupSpec('g', 'memcached', 1, 2))],
]

const mostWrites = 60
let points = 0

for (const [name, before, change, instead] of cases) {
  test(`${name} survives the death of Larder before and after each of its writes`, async () => {
    for (const phase of ['before', 'after'] as const) {
      for (let at = 1; at <= mostWrites; at += 1) {
        if (!(await crashAt(before, change, at, phase, instead))) break
        points += 1
        assert.ok(at < mostWrites, 'a change has an end')
      }
    }
  })
}

test('every one of those points was reached', (context) => {
  context.diagnostic(`${points} deaths survived`)
  assert.ok(points > 100, `expected more than 100 points, found ${points}`)
})
