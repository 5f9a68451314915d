/**
 * Whatever a group is doing, and however long that takes, a primary that dies meanwhile is replaced at once. Each row makes one outside call
 * so slow that it does not end before the promotion.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Action } from '../../decide/actions.ts'
import { decideGroup } from '../../decide/group.ts'
import type { GroupSpec, GroupState } from '../../model/group.ts'
import { clusterKey, specKey, stateKey } from '../../model/keys.ts'
import type { EngineControl } from '../../ports/engine.ts'
import { put, readRecord } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { startStopwatch, until } from '../../testing/busy-machine.ts'
import { createFakeWorld, type FakeWorld } from '../../testing/fake-world.ts'
import { groupSpec, startManager } from '../../testing/fixtures.ts'
import type { Guarding } from '../firewall/firewall.ts'
import type { GroupContext } from './context.ts'

/** The lowest number takes over on a tie: 002. The others are what the slow calls are about. */
const primary = 'g-001'
const heir = 'g-002'
const other = 'g-003'
/** Of which 100 may be the wait for the answer of another node. */
const boundMs = 250

/** Calls of these names wait until the row is over; what they are about may narrow them down. */
interface Gate {
  /** Resolves at once where it is not the slow call. */
  pass(name: string, about?: string): Promise<void>
}

interface Scene {
  readonly store: Store
  readonly world: FakeWorld
  readonly spec: GroupSpec
  /** Lets the next decision about a group at rest be this action. */
  readonly inject: (action: Action) => void
}

interface Row {
  readonly slow: string
  readonly about?: RegExp
  readonly kind?: 'cmd' | 'cme'
  /** Makes the group do what needs the call. */
  readonly begin: (scene: Scene) => Promise<void> | void
}

const writeSpec = async (store: Store, spec: GroupSpec): Promise<void> => {
  const ids = spec.shards.flatMap((shard) => shard.nodes.map((node) => node.clusterId))
  await store.transact(
    [],
    [put(specKey(spec), spec), ...ids.map((id) => put(clusterKey(spec.region, id), { space: spec.space, id: spec.id }))],
  )
}
const resized = (spec: GroupSpec, nodes: number): GroupSpec => ({
  ...spec,
  generation: spec.generation + 1,
  shards: groupSpec(spec.id, spec.kind, spec.shards.length, nodes).shards,
})
const rebooted = (spec: GroupSpec, id: string): GroupSpec => ({
  ...spec,
  generation: spec.generation + 1,
  shards: spec.shards.map((shard) => ({
    ...shard,
    nodes: shard.nodes.map((node) => ({ ...node, reboots: node.id === id ? 1 : 0 })),
  })),
})
const place = { address: '127.64.0.200', port: 6379 }
const aboutOther = /g-003|g-0001-003/

const rows: readonly Row[] = [
  { slow: 'readers', begin: ({ world }) => world.kill(other) },
  { slow: 'fronts', begin: ({ inject }) => inject({ do: 'fronts', fronts: [{ endpoint: place, plain: place, tls: place }] }) },
  { slow: 'discovery', begin: ({ inject }) => inject({ do: 'discovery', endpoint: place, version: 1, nodes: [] }) },
  { slow: 'guard', begin: ({ inject }) => inject({ do: 'guard', securityGroups: ['sg-11111111'] }) },
  { slow: 'guard', begin: ({ store, spec }) => writeSpec(store, resized(spec, 5)) },
  { slow: 'guard', begin: ({ world }) => world.kill(other) },
  { slow: 'isFree', begin: ({ store, spec }) => writeSpec(store, resized(spec, 5)) },
  { slow: 'makeFolder', begin: ({ world }) => world.kill(other) },
  { slow: 'writeFile', begin: ({ world }) => world.kill(other) },
  { slow: 'readFile', kind: 'cme', begin: ({ world }) => world.kill('g-0001-003') },
  { slow: 'start', begin: ({ world }) => world.kill(other) },
  { slow: 'start', kind: 'cme', begin: ({ world }) => world.kill('g-0001-003') },
  { slow: 'connect', about: aboutOther, begin: ({ world }) => world.kill(other) },
  { slow: 'status', about: aboutOther, begin: ({ world }) => world.kill('g-004') },
  { slow: 'replicate', about: aboutOther, begin: ({ inject }) => inject({ do: 'follow', node: other, primary }) },
  {
    slow: 'replicateNode',
    about: aboutOther,
    kind: 'cme',
    begin: ({ inject }) => inject({ do: 'follow', node: 'g-0001-003', primary: 'g-0001-001' }),
  },
  { slow: 'meet', kind: 'cme', begin: ({ inject }) => inject({ do: 'meet', node: 'g-0001-002', others: ['g-0001-003'] }) },
  { slow: 'forget', kind: 'cme', begin: ({ inject }) => inject({ do: 'forget', node: 'g-0001-003', ids: ['x'] }) },
  { slow: 'bind', about: aboutOther, begin: ({ inject }) => inject({ do: 'bind', node: other, addresses: ['127.65.0.3'] }) },
  {
    slow: 'applyParameters',
    begin: ({ inject }) =>
      inject({
        do: 'parameters',
        node: heir,
        apply: { timeout: '5' },
        maxMemoryBytes: null,
        pendingReboot: false,
        nodeType: 'cache.t4g.small',
      }),
  },
  {
    slow: 'setMaxMemory',
    begin: ({ inject }) =>
      inject({ do: 'parameters', node: heir, apply: {}, maxMemoryBytes: 5, pendingReboot: false, nodeType: 'cache.t4g.small' }),
  },
  { slow: 'setAccess', about: aboutOther, begin: ({ inject }) => inject({ do: 'access', node: other }) },
  { slow: 'setTransit', about: aboutOther, begin: ({ inject }) => inject({ do: 'transit', node: other }) },
  { slow: 'reloadCertificate', begin: ({ inject }) => inject({ do: 'certificate', node: heir }) },
  { slow: 'signal', begin: ({ store, spec }) => writeSpec(store, rebooted(spec, other)) },
  { slow: 'waitGone', begin: ({ store, spec }) => writeSpec(store, rebooted(spec, other)) },
  { slow: 'removeFolder', begin: ({ store, spec }) => writeSpec(store, resized(spec, 3)) },
  { slow: 'waitGone', begin: ({ store, spec }) => writeSpec(store, resized(spec, 3)) },
  { slow: 'removeFile', begin: ({ store, spec }) => writeSpec(store, resized(spec, 3)) },
  { slow: 'a write before it is made', begin: ({ world }) => world.kill(other) },
  { slow: 'a write after it was made', begin: ({ world }) => world.kill(other) },
  { slow: 'a write before it is made', kind: 'cme', begin: ({ store, spec }) => writeSpec(store, resized(spec, 3)) },
]

/** Every method of `target` asks the gate first, by its own name. */
const gated = <T extends object>(target: T, gate: Gate, aboutOf: (args: readonly unknown[]) => string): T =>
  new Proxy(target, {
    get(from, name, receiver) {
      const value: unknown = Reflect.get(from, name, receiver)
      if (typeof value !== 'function') return value
      return (...args: readonly unknown[]): unknown =>
        gate.pass(String(name), aboutOf(args)).then(() => Reflect.apply(value, from, [...args]) as unknown)
    },
  })

const slowWorld = (world: FakeWorld, gate: Gate): FakeWorld => {
  const { host, balancer } = world
  const control = (engine: EngineControl, id: string): EngineControl => {
    const slow = gated(engine, gate, () => id)
    return { ...slow, closed: engine.closed, close: () => engine.close() }
  }
  const controlOf = (engine: EngineControl, id: string): EngineControl =>
    Object.fromEntries(
      Object.keys(engine).map((name) => [name, Reflect.get(control(engine, id), name) as unknown]),
    ) as unknown as EngineControl
  return Object.assign(Object.create(world) as FakeWorld, {
    host: gated(host, gate, (args) => JSON.stringify(args)),
    balancer: {
      ...balancer,
      setReader: (...args: Parameters<typeof balancer.setReader>) => gate.pass('readers').then(() => balancer.setReader(...args)),
      setFronts: (...args: Parameters<typeof balancer.setFronts>) => gate.pass('fronts').then(() => balancer.setFronts(...args)),
      setDiscovery: (...args: Parameters<typeof balancer.setDiscovery>) =>
        gate.pass('discovery').then(() => balancer.setDiscovery(...args)),
    },
    adapter: (name: Parameters<FakeWorld['adapter']>[0]) => {
      const adapter = world.adapter(name)
      return {
        ...adapter,
        connect: async (...args: Parameters<typeof adapter.connect>) => {
          const id = [...world.engines().values()].find(({ plan }) => plan.address === args[0].address)?.plan.id ?? ''
          await gate.pass('connect', id)
          const made = await adapter.connect(...args)
          return controlOf(made, id)
        },
      }
    },
  })
}

const changesTarget = (before: GroupState | null, after: GroupState): boolean =>
  JSON.stringify(before?.shards) !== JSON.stringify(after.shards)

const slowStore = (store: Store, gate: Gate, group: GroupSpec): Store => ({
  ...store,
  async transact(conditions, operations) {
    const next = operations.flatMap((each) => ('put' in each && each.put === stateKey(group) ? [each.value] : []))[0]
    const before = await readRecord<GroupState>(store, stateKey(group))
    const isSlow = next !== undefined && !changesTarget(before?.value ?? null, JSON.parse(next) as GroupState)
    if (isSlow) await gate.pass('a write before it is made')
    const result = await store.transact(conditions, operations)
    if (isSlow) await gate.pass('a write after it was made')
    return result
  },
})

const run = async (row: Row): Promise<void> => {
  const kind = row.kind ?? 'cmd'
  const spec = groupSpec('g', kind, kind === 'cme' ? 2 : 1, 4)
  const dying = kind === 'cme' ? 'g-0001-001' : primary
  const store = createMemoryStore()
  const world = createFakeWorld()
  let isSlow = false
  let waiting = 0
  const release = Promise.withResolvers<void>()
  const gate: Gate = {
    async pass(name, about = '') {
      if (!isSlow || name !== row.slow || row.about?.test(about) === false) return
      waiting += 1
      await release.promise
    },
  }
  let injected: Action | null = null
  const decide: GroupContext['decide'] = (input) => {
    const decision = decideGroup(input)
    return decision.actions.length === 0 && injected !== null ? { actions: [injected], waitingFor: null } : decision
  }
  const guarding: Guarding = { ensure: () => gate.pass('guard') }
  const said: string[] = []
  const manager = startManager(slowStore(store, gate, spec), slowWorld(world, gate), (line) => said.push(line), guarding, decide)
  const state = async (): Promise<GroupState | null> => (await readRecord<GroupState>(store, stateKey(spec)))?.value ?? null
  try {
    await manager.start()
    await writeSpec(store, spec)
    await until('the group', async () => (await state())?.status === 'available')
    isSlow = true
    await row.begin({ store, world, spec, inject: (action) => (injected = action) })
    if (injected !== null) await writeSpec(store, { ...spec, generation: spec.generation + 1 })
    await until('the slow call', () => waiting > 0)
    using watch = startStopwatch()
    world.kill(dying)
    const takesOver = async (): Promise<boolean> => {
      const now = await state()
      const next = now?.shards['0001']?.primary
      const engine = world.engines().get(next ?? '')
      if (engine === undefined || next === dying) return false
      if (kind === 'cme') return (engine.members.get(engine.myId ?? '')?.slots.length ?? 0) > 0
      return engine.follows === null && engine.bound.includes(now?.primaryEndpoint?.address ?? '')
    }
    await until(() => new Error(`no promotion beside a slow ${row.slow}\n${said.slice(-20).join('\n')}`), takesOver)
    const tookMs = watch.ms()
    assert.ok(tookMs < boundMs, `expected a promotion within ${boundMs} ms, found ${tookMs}`)
    assert.ok(waiting > 0, 'and the slow call has not ended')
    injected = null
    isSlow = false
    release.resolve()
    const isWhole = async (): Promise<boolean> => {
      const now = await state()
      const nodes = Object.values(now?.nodes ?? {})
      return now?.status === 'available' && nodes.every((node) => world.engines().has(node.id) && node.status === 'available')
    }
    await until(() => new Error(`not whole after a slow ${row.slow}\n${said.slice(-20).join('\n')}`), isWhole, 10_000)
  } finally {
    isSlow = false
    release.resolve()
    await manager.stop()
    await store.close()
  }
}

for (const row of rows) {
  const kind = row.kind === 'cme' ? ' of a sharded group' : ''
  test(`a primary${kind} that dies while ${row.slow} takes long is replaced at once: ${String(row.begin).replace(/\s+/g, ' ').slice(0, 90)}`, () =>
    run(row))
}
