/**
 * A group with security groups opens no address before it is guarded, whatever fails: Larder dies before and after every write of a creation, a growth and
 * a change of its security groups, and the packet filter fails.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LarderError } from '../../errors.ts'
import type { GroupSpec, GroupState } from '../../model/group.ts'
import { clusterKey, specKey, stateKey } from '../../model/keys.ts'
import { defaultSecurityGroup, type SecurityGroupRecord, securityGroupKey } from '../../model/security-groups.ts'
import type { Guard } from '../../ports/firewall.ts'
import { put, readRecord } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'
import { withTransactionHook } from '../../store/hook.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { until } from '../../testing/busy-machine.ts'
import { createFakeWorld, type FakeWorld } from '../../testing/fake-world.ts'
import { groupSpec, realClock, region, startManager } from '../../testing/fixtures.ts'
import { createFirewallController } from './firewall.ts'

const closed: SecurityGroupRecord = { ...defaultSecurityGroup(region), id: 'sg-11111111', name: 'closed', ingress: [] }
const other: SecurityGroupRecord = { ...closed, id: 'sg-22222222', name: 'other' }

const guarded = (spec: GroupSpec, ...securityGroupIds: readonly string[]): GroupSpec => ({
  ...spec,
  labels: { ...spec.labels, securityGroupIds },
})

/** As long as the real one takes: who did not wait would be seen. */
const applyMs = 5

/** What outlives Larder: the processes, and the rules of the kernel. */
interface Machine {
  readonly world: FakeWorld
  guards: readonly Guard[]
  broken: boolean
  /** Addresses that were open while nobody guarded them. */
  readonly exposed: Set<string>
}

const createMachine = (): Machine => {
  const fake = createFakeWorld()
  const look = (): void => {
    const addresses = new Set(machine.guards.flatMap((guard) => guard.addresses))
    const endpoints = [...fake.readers.keys(), ...fake.discoveries.keys()].map((place) => place.split(':')[0] ?? '')
    const open = [...endpoints, ...[...fake.engines().values()].flatMap(({ bound }) => bound)]
    for (const address of open) if (!addresses.has(address)) machine.exposed.add(address)
  }
  const world: FakeWorld = {
    ...fake,
    host: {
      ...fake.host,
      start: async (launch) => {
        const identity = await fake.host.start(launch)
        look()
        return identity
      },
    },
    balancer: {
      ...fake.balancer,
      setReader: (endpoint, backends) => fake.balancer.setReader(endpoint, backends).then(look),
      setDiscovery: (endpoint, discovery) => fake.balancer.setDiscovery(endpoint, discovery).then(look),
    },
  }
  fake.onAction = look
  const machine: Machine = { world, guards: [], broken: false, exposed: new Set() }
  return machine
}

interface Life {
  stop(): Promise<void>
}

const live = async (store: Store, machine: Machine, isDead: () => boolean = () => false): Promise<Life> => {
  const firewall = createFirewallController({
    store,
    clock: realClock,
    log: () => undefined,
    firewall: {
      apply: async (guards) => {
        await realClock.sleep(applyMs)
        if (isDead()) throw new Error('Larder was killed')
        if (machine.broken && guards.length > 0) throw new LarderError('machine', 'nft failed', { retry: true })
        machine.guards = guards
      },
      clear: async () => undefined,
      whyUnguarded: async () => null,
    },
  })
  await firewall.start()
  const manager = startManager(store, machine.world, undefined, firewall)
  await manager.start()
  return {
    stop: async () => {
      await manager.stop()
      await firewall.stop()
    },
  }
}

const writeSpec = async (store: Store, spec: GroupSpec): Promise<void> => {
  const ids = spec.shards.flatMap((shard) => shard.nodes.map((node) => node.clusterId))
  const index = [...new Set(ids)].map((id) => put(clusterKey(region, id), { space: spec.space, id: spec.id }))
  await store.transact([], [put(specKey(spec), spec), ...index])
}

const stateOf = async (store: Store, spec: GroupSpec): Promise<GroupState | undefined> =>
  (await readRecord<GroupState>(store, stateKey(spec)))?.value

const isSettled = async (store: Store, spec: GroupSpec): Promise<boolean> => {
  const state = await stateOf(store, spec)
  return (
    state?.status === 'available' &&
    state.generation === spec.generation &&
    `${state.securityGroups}` === `${spec.labels.securityGroupIds}`
  )
}

const newStore = async (): Promise<Store> => {
  const store = createMemoryStore()
  await store.transact(
    [],
    [closed, other].map((record) => put(securityGroupKey(region, record.id), record)),
  )
  return store
}

const dieAt = async (before: GroupSpec | null, change: GroupSpec, at: number, phase: 'before' | 'after'): Promise<boolean> => {
  const store = await newStore()
  const machine = createMachine()
  if (before !== null) {
    const first = await live(store, machine)
    await writeSpec(store, before)
    await until('the group before', () => isSettled(store, before))
    await first.stop()
  }
  let dead = false
  const hooked = withTransactionHook(store, (n, now) => {
    if (!dead && (n < at || now !== phase)) return
    dead = true
    throw new Error('Larder was killed')
  })
  await writeSpec(store, change)
  const dying = await live(hooked, machine, () => dead)
  await until('the death, or the end', async () => dead || isSettled(store, change))
  await dying.stop()
  const died = dead
  const last = await live(store, machine)
  try {
    await until(`everything at rest after a death ${phase} write ${at}`, () => isSettled(store, change))
    const state = await stateOf(store, change)
    assert.ok(state !== undefined)
    const addresses = Object.values(state.nodes).map(({ address }) => address)
    assert.ok(addresses.every((address) => machine.guards[0]?.addresses.includes(address)))
    assert.deepEqual([...machine.exposed], [])
  } finally {
    await last.stop()
    await store.close()
  }
  return died
}

const grown = (spec: GroupSpec): GroupSpec => ({
  ...spec,
  generation: spec.generation + 1,
  shards: groupSpec(spec.id, spec.kind, spec.shards.length, 3).shards,
})

for (const kind of ['cmd', 'cme', 'memcached'] as const) {
  const spec = guarded(groupSpec('g', kind, kind === 'cme' ? 2 : 1, 2), closed.id)
  for (const [name, before, change] of [
    ['creation', null, spec],
    ['growth', spec, grown(spec)],
    ['change of the security groups', spec, guarded(spec, closed.id, other.id)],
  ] as const) {
    test(`the ${name} of a ${kind} group opens nothing unguarded, wherever Larder dies`, async () => {
      let deaths = 0
      for (const phase of ['before', 'after'] as const) {
        for (let at = 1; await dieAt(before, change, at, phase); at += 1) deaths += 1
      }
      assert.ok(deaths > 0, 'it died at least once')
    })
  }
}

test('where the packet filter fails a group does not start, says why, and starts when it works again', async () => {
  const store = await newStore()
  const machine = createMachine()
  machine.broken = true
  const life = await live(store, machine)
  try {
    const spec = guarded(groupSpec('g', 'cmd', 1, 2), closed.id)
    const open = { ...groupSpec('open', 'cmd', 1, 1) }
    await writeSpec(store, spec)
    await writeSpec(store, open)
    await until('the reason is told', async () => (await stateOf(store, spec))?.reason?.includes('nft failed') === true)
    await until('the other group is there', async () => (await stateOf(store, open))?.status === 'available')
    assert.deepEqual([...machine.world.engines().keys()], ['open-001'])
    machine.broken = false
    await until('the group is there', () => isSettled(store, spec))
    assert.equal((await stateOf(store, spec))?.reason, null)
  } finally {
    await life.stop()
    await store.close()
  }
})
