import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeState } from '../model/group.ts'
import { gone, groupAtRest, seeing } from '../testing/group-at-rest.ts'
import type { Decision } from './actions.ts'
import { endpointText } from './endpoints.ts'
import { decideGroup } from './group.ts'
import type { GroupInput } from './input.ts'
import type { PersistedData } from './observed.ts'

const dump = (offset: number, more: Partial<PersistedData> = {}): PersistedData => ({
  kind: 'rdb',
  offset,
  modifiedAt: offset,
  stamp: `dump ${offset}`,
  ...more,
})
const log = (more: Partial<PersistedData> = {}): PersistedData => ({
  kind: 'aof',
  offset: null,
  modifiedAt: 1,
  loadMs: 1,
  stamp: 'log',
  path: '/node/appendonlydir/appendonly.aof.manifest',
  ...more,
})

const knowing = (input: GroupInput, id: string, change: Partial<NodeState>): GroupInput => {
  const node = input.state.nodes[id]
  assert.ok(node !== undefined)
  return { ...input, state: { ...input.state, nodes: { ...input.state.nodes, [id]: { ...node, ...change } } } }
}
/** The decision when the readers are what they should be: that stage comes before. */
const decide = (input: GroupInput): Decision => {
  const decision = decideGroup(input)
  const readers = decision.actions.find((action) => action.do === 'readers')
  if (readers === undefined) return decision
  return decide({ ...input, observed: { ...input.observed, readers: readers.backends.map(endpointText) } })
}
const left = (input: GroupInput, id: string, persisted: PersistedData): GroupInput => seeing(input, id, { ...gone, persisted })
const damaged = (input: GroupInput, id: string, persisted: PersistedData): GroupInput =>
  knowing(left(input, id, persisted), id, {
    damage: {
      files: [persisted.kind === 'aof' ? 'appendonlydir' : 'dump.rdb'],
      said: 'it is broken',
      stamp: persisted.stamp ?? null,
    },
  })

test('a replica whose files do not load starts with them moved aside, and one whose files do starts with them', () => {
  const rest = groupAtRest('cmd', 2)
  const start = { do: 'start', node: 'demo-002', replicaOf: 'demo-001', because: 'recovered' }
  assert.deepEqual(decide(left(rest, 'demo-002', dump(5))).actions, [start])
  assert.deepEqual(decide(damaged(rest, 'demo-002', dump(5))).actions, [{ ...start, aside: ['dump.rdb'] }])
  assert.deepEqual(decide(damaged(rest, 'demo-002', log())).actions, [{ ...start, aside: ['appendonlydir'] }])
  assert.deepEqual(decide(left(rest, 'demo-002', log({ flaw: 'incomplete' }))).actions, [{ ...start, aside: ['appendonlydir'] }])
})

test('a nodes.conf that does not load is moved aside at every start: what is in it is known elsewhere', () => {
  const rest = knowing(groupAtRest('cme', 2, 2), 'demo-0001-002', { damage: { files: ['nodes.conf'], said: 'x', stamp: null } })
  const [action] = decide(left(rest, 'demo-0001-002', log())).actions
  assert.deepEqual(action?.do === 'start' && action.aside, ['nodes.conf'])
})

test('of nodes that are all gone the newest copy that loads starts first, whatever a damaged one is like', () => {
  const rest = groupAtRest('cmd', 3)
  const all = left(left(damaged(rest, 'demo-001', dump(9)), 'demo-002', dump(7)), 'demo-003', dump(5))
  const [action] = decide(all).actions
  assert.ok(action?.do === 'target')
  assert.equal(action.primary, 'demo-002')
  assert.match(action.because, /demo-001 cannot load/)
})

test('what looks damaged counts for less than what looks whole, and is tried where there is nothing else', () => {
  const rest = groupAtRest('cmd', 2)
  const looks = (first: PersistedData, second: PersistedData) =>
    decide(left(left(rest, 'demo-001', first), 'demo-002', second)).actions[0]
  const better = looks(dump(9, { flaw: 'incomplete' }), dump(5))
  assert.equal(better?.do === 'target' && better.primary, 'demo-002')
  const older = looks(log({ flaw: 'unfinished', modifiedAt: 9 }), log({ modifiedAt: 5 }))
  assert.equal(older?.do === 'target' && older.primary, 'demo-002')
  const only = looks(dump(9, { flaw: 'incomplete' }), { kind: 'none', offset: null, modifiedAt: 0 })
  assert.equal(only?.do === 'start' && only.node, 'demo-001')
})

test('where no copy loads nobody starts empty, and the reason names the files and what to do', () => {
  const empty = { kind: 'none', offset: null, modifiedAt: 0 } as const
  const pair = groupAtRest('cmd', 2)
  for (const input of [
    damaged(groupAtRest('cmd', 1), 'demo-001', log()),
    left(groupAtRest('cmd', 1), 'demo-001', log({ flaw: 'incomplete' })),
    damaged(damaged(pair, 'demo-001', log()), 'demo-002', log()),
    damaged(left(pair, 'demo-001', empty), 'demo-002', log()),
    damaged(left(pair, 'demo-002', empty), 'demo-001', log()),
  ]) {
    const { actions, waitingFor } = decide(input)
    assert.deepEqual(
      actions.filter((action) => action.do === 'start' || action.do === 'target' || action.do === 'promote'),
      [],
    )
    assert.match(waitingFor ?? '', /cannot load \/node\/appendonlydir\/.*valkey-check-aof --fix.*move it away to start empty/)
  }
})

test('a living replica without the data does not take over from a primary whose files are damaged', () => {
  const rest = damaged(groupAtRest('cmd', 2), 'demo-001', log())
  const engine = rest.observed.nodes['demo-002']?.engine
  assert.ok(engine?.replication != null)
  const fresh = seeing(knowing(rest, 'demo-002', { synced: false, joined: true }), 'demo-002', {
    engine: { ...engine, replication: { ...engine.replication, offset: 0, linkUp: false } },
  })
  assert.deepEqual(
    decide(fresh).actions.filter((action) => action.do === 'target'),
    [],
  )
})

test('files that were repaired, replaced or moved away count anew', () => {
  const broken = damaged(groupAtRest('cmd', 1), 'demo-001', log())
  assert.deepEqual(decide(broken).actions, [])
  for (const persisted of [log({ stamp: 'log, repaired' }), { kind: 'none', offset: null, modifiedAt: 0 } as const]) {
    const [action] = decide(left(broken, 'demo-001', persisted)).actions
    assert.equal(action?.do === 'start' && action.node, 'demo-001')
  }
})

test('without automatic failover a primary whose files are damaged gives way to its living replica', () => {
  const rest = groupAtRest('cmd', 2)
  const manual = { ...rest, spec: { ...rest.spec, automaticFailover: false } }
  const [action] = decide(damaged(manual, 'demo-001', log())).actions
  assert.equal(action?.do === 'target' && action.primary, 'demo-002')
})

test('one that is to be removed and has the only copy that loads starts first: the others copy it before it goes', () => {
  const rest = groupAtRest('cmd', 2)
  const both = left(damaged(rest, 'demo-001', log()), 'demo-002', log({ stamp: 'another' }))
  const shards = both.spec.shards.map((shard) => ({ ...shard, nodes: shard.nodes.slice(0, 1) }))
  const [action] = decide({ ...both, spec: { ...both.spec, shards } }).actions
  assert.equal(action?.do === 'target' && action.primary, 'demo-002')
})
