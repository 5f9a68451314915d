import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupSpec, GroupState } from '../model/group.ts'
import { atOffset, gone, groupAtRest, primaryEndpoint, seeing } from '../testing/group-at-rest.ts'
import { decideGroup } from './group.ts'
import type { GroupInput } from './input.ts'

const withTarget = (input: GroupInput, primary: string, epoch: number): GroupInput => ({
  ...input,
  state: { ...input.state, shards: { '0001': { primary, epoch } } } satisfies GroupState,
})
const withSpec = (input: GroupInput, change: Partial<GroupSpec>): GroupInput => ({ ...input, spec: { ...input.spec, ...change } })
const kinds = (input: GroupInput): readonly string[] => decideGroup(input).actions.map((action) => action.do)

test('a group at rest needs nothing', () => {
  for (const kind of ['cmd', 'cme', 'single', 'memcached'] as const) {
    assert.deepEqual(decideGroup(groupAtRest(kind, kind === 'single' ? 1 : 3)), { actions: [], waitingFor: null })
  }
})

test('when the primary is gone the replica with the highest offset is written as the target, with the next epoch, and nothing else is done', () => {
  const input = seeing(atOffset(atOffset(groupAtRest('cmd', 3), 'demo-002', 90), 'demo-003', 95), 'demo-001', gone)
  assert.deepEqual(decideGroup(input).actions, [
    { do: 'target', shard: '0001', primary: 'demo-003', epoch: 2, fence: [], because: 'demo-001 is gone' },
  ])
})

test('a primary that runs and does not answer is not replaced: busy is not dead', () => {
  const input = seeing(groupAtRest('cmd', 3), 'demo-001', { engine: null })
  assert.deepEqual(
    kinds(input).filter((kind) => kind === 'target' || kind === 'promote'),
    [],
  )
})

test('a process in doubt is left alone', () => {
  const decision = decideGroup(seeing(groupAtRest('cmd', 2), 'demo-001', { process: 'doubt', engine: null }))
  assert.ok(!decision.actions.some((action) => ['start', 'stop', 'target', 'promote'].includes(action.do)))
})

test('a replica that never had the data is no candidate', () => {
  const rest = groupAtRest('cmd', 2)
  const node = rest.state.nodes['demo-002']
  assert.ok(node)
  const input = { ...rest, state: { ...rest.state, nodes: { ...rest.state.nodes, 'demo-002': { ...node, joined: false } } } }
  assert.deepEqual(decideGroup(seeing(atOffset(input, 'demo-002', 1), 'demo-001', gone)).actions, [
    { do: 'start', node: 'demo-001', replicaOf: null, because: 'recovered' },
  ])
})

test('without automatic failover a primary with data on disk starts again, and one without hands over to a living replica', () => {
  const manual = withSpec(groupAtRest('cmd', 2), { automaticFailover: false })
  const withData = seeing(manual, 'demo-001', { ...gone, persisted: { kind: 'aof', offset: null, modifiedAt: 1 } })
  assert.deepEqual(kinds(withData), ['start'])
  assert.deepEqual(kinds(seeing(manual, 'demo-001', gone)), ['target'])
})

test('of nodes that are all gone the one with the newest data on disk starts first and alone', () => {
  let input = groupAtRest('cmd', 3)
  for (const [id, offset] of [
    ['demo-001', 50],
    ['demo-002', 70],
    ['demo-003', 60],
  ] as const) {
    input = seeing(input, id, { ...gone, persisted: { kind: 'rdb', offset, modifiedAt: 1 } })
  }
  assert.deepEqual(
    decideGroup(input).actions.map((action) => action.do === 'target' && action.primary),
    ['demo-002'],
  )
  const carriedOut = withTarget({ ...input, observed: { ...input.observed, readers: [] } }, 'demo-002', 2)
  assert.deepEqual(decideGroup(carriedOut).actions, [{ do: 'start', node: 'demo-002', replicaOf: null, because: 'lost-all' }])
})

test('a target that is written is carried out: promoted while nobody else is primary, handed over while the old one lives', () => {
  const dead = withTarget(seeing(groupAtRest('cmd', 3), 'demo-001', gone), 'demo-002', 2)
  const afterStart = decideGroup(dead).actions
  assert.ok(
    !afterStart.some((action) => action.do === 'start' && action.replicaOf === null),
    'the dead one does not come back as primary',
  )
  const alive = withTarget(groupAtRest('cmd', 3), 'demo-002', 2)
  assert.deepEqual(decideGroup(alive).actions, [{ do: 'hand-over', from: 'demo-001', to: 'demo-002' }])
})

test('the floating address is let go before it is taken', () => {
  const rest = groupAtRest('cmd', 2)
  const swapped = withTarget(rest, 'demo-002', 2)
  const first = rest.observed.nodes['demo-001']?.engine
  const second = rest.observed.nodes['demo-002']?.engine
  assert.ok(first?.replication && second?.replication)
  const demoted = {
    ...first,
    replication: { ...first.replication, role: 'replica' as const, linkUp: true, primary: { address: '127.65.0.2', port: 6379 } },
  }
  const promoted = { ...second, replication: { ...second.replication, role: 'primary' as const, linkUp: false, primary: null } }
  const both = seeing(seeing(swapped, 'demo-001', { engine: demoted }), 'demo-002', { engine: promoted })
  assert.deepEqual(decideGroup(both).actions, [{ do: 'bind', node: 'demo-001', addresses: ['127.65.0.1'] }])
  const released = seeing(both, 'demo-001', { engine: { ...demoted, bound: ['127.65.0.1'] } })
  assert.deepEqual(decideGroup(released).actions, [{ do: 'bind', node: 'demo-002', addresses: ['127.65.0.2', primaryEndpoint] }])
})

test('a switch that was asked for is made once, and only in the epoch in which it was asked for', () => {
  const rest = groupAtRest('cmd', 2)
  const asked = withSpec(rest, {
    shards: rest.spec.shards.map((shard) => ({ ...shard, wantedPrimary: { id: 'demo-002', epoch: 1 } })),
  })
  assert.deepEqual(kinds(asked), ['target'])
  assert.deepEqual(kinds({ ...asked, state: { ...asked.state, shards: { '0001': { primary: 'demo-001', epoch: 3 } } } }), [])
})

test('a lost reader list or discovery is put in force again, once', () => {
  const cmd = groupAtRest('cmd', 3)
  assert.deepEqual(kinds({ ...cmd, observed: { ...cmd.observed, readers: null } }), ['readers'])
  const memcached = groupAtRest('memcached', 2)
  const [again] = decideGroup({ ...memcached, observed: { ...memcached.observed, discovery: null } }).actions
  assert.equal(again?.do === 'discovery' && again.version, 1, 'the version grows only with the list')
})

test('a parameter that needs a reboot is marked, the others are applied', () => {
  const rest = groupAtRest('single', 1)
  const wanted = {
    parameters: { timeout: '30', databases: '32' },
    maxMemoryBytes: 2,
    requiresReboot: new Set(['databases']),
    ioThreads: 1,
  }
  assert.deepEqual(decideGroup({ ...rest, wanted }).actions, [
    {
      do: 'parameters',
      node: 'demo',
      apply: { timeout: '30' },
      maxMemoryBytes: 2,
      pendingReboot: true,
      nodeType: 'cache.t4g.small',
    },
  ])
})

test('a Memcached node that was restarted is told the list again, under the same version', () => {
  const rest = groupAtRest('memcached', 2)
  const forgotten = { ...rest, observed: { ...rest.observed, published: { 'demo.0001': 1 } } }
  assert.deepEqual(decideGroup(forgotten).actions, [{ do: 'publish', node: 'demo.0002', version: 1 }])
})
