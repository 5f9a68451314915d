import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decideGroup } from '../../decide/group.ts'
import { type GroupInput, isServing } from '../../decide/input.ts'
import type { ObservedNode } from '../../decide/observed.ts'
import type { GroupState, NodeStatus } from '../../model/group.ts'
import { gone, groupAtRest, seeing } from '../../testing/group-at-rest.ts'
import { failedStatus, settledState, troubledState, unsettledStatus } from './status.ts'

const silent = { engine: null } as const satisfies Partial<ObservedNode>
const told = (input: GroupInput): GroupState => troubledState(input, input.state)

const engineOf = (input: GroupInput, id: string) => {
  const engine = input.observed.nodes[id]?.engine
  assert.ok(engine?.replication != null)
  return { ...engine, replication: engine.replication }
}
const pair = groupAtRest('cmd', 2)
const unlinked = (() => {
  const engine = engineOf(pair, 'demo-002')
  return { engine: { ...engine, replication: { ...engine.replication, linkUp: false } } }
})()
const unbound = { engine: { ...engineOf(pair, 'demo-001'), bound: ['127.65.0.1'] } }

for (const [what, input, group, nodes] of [
  ['all is well', pair, 'available', ['available', 'available']],
  ['no node runs', seeing(seeing(pair, 'demo-001', gone), 'demo-002', gone), 'modifying', ['modifying', 'modifying']],
  ['the primary does not run', seeing(pair, 'demo-001', gone), 'modifying', ['modifying', 'available']],
  ['the primary does not answer', seeing(pair, 'demo-001', silent), 'modifying', ['modifying', 'available']],
  ['a replica does not run', seeing(pair, 'demo-002', gone), 'available', ['available', 'modifying']],
  ['a replica never reaches its primary', seeing(pair, 'demo-002', unlinked), 'available', ['available', 'modifying']],
  [
    'somebody else has the address of the primary endpoint',
    seeing(pair, 'demo-001', unbound),
    'modifying',
    ['available', 'available'],
  ],
  [
    'a process that is in doubt',
    seeing(pair, 'demo-001', { process: 'doubt', engine: null }),
    'modifying',
    ['modifying', 'available'],
  ],
] as readonly (readonly [string, GroupInput, string, readonly NodeStatus[]])[]) {
  test(`the words of a group and its nodes when ${what}`, () => {
    const state = told(input)
    assert.equal(state.status, group)
    assert.deepEqual(
      Object.values(state.nodes).map((node) => node.status),
      nodes,
    )
  })
}

const looks: readonly Partial<ObservedNode>[] = [
  {},
  gone,
  { ...gone, persisted: { kind: 'aof', offset: null, modifiedAt: 1, flaw: 'incomplete', path: '/x' } },
  silent,
  { engine: null, hung: true },
  { engine: null, killed: true },
  { process: 'doubt', engine: null },
]

test('whatever is seen: a group is available only while every shard has a primary that serves, a node only while it does, and else there is a reason or something to do', () => {
  let count = 0
  for (const kind of ['cmd', 'single', 'cme', 'memcached'] as const) {
    const nodes = kind === 'single' ? 1 : 2
    const rest = groupAtRest(kind, nodes, kind === 'cme' ? 2 : 1)
    const ids = Object.keys(rest.state.nodes).slice(0, 3)
    const all = (at: number): readonly GroupInput[] => {
      const id = ids[at]
      if (id === undefined) return [rest]
      return all(at + 1).flatMap((input) => looks.map((look) => seeing(input, id, look)))
    }
    for (const input of all(0)) {
      count += 1
      const state = told(input)
      const { actions, waitingFor } = decideGroup(input)
      for (const shard of input.spec.shards) {
        const members = shard.nodes.flatMap((spec) => {
          const [node, seen] = [input.state.nodes[spec.id], input.observed.nodes[spec.id]]
          return node === undefined || seen === undefined ? [] : [{ spec, state: node, seen }]
        })
        const primary = members.find((node) => node.spec.id === input.state.shards[shard.id]?.primary)
        const served = kind === 'memcached' ? members.some(isServing) : primary !== undefined && isServing(primary)
        if (!served) assert.notEqual(state.status, 'available')
        for (const node of members) if (!isServing(node)) assert.notEqual(state.nodes[node.spec.id]?.status, 'available')
      }
      const isTroubled = state.status !== 'available' || Object.values(state.nodes).some((node) => node.status !== 'available')
      if (isTroubled) assert.ok(actions.length > 0 || waitingFor !== null, 'it is said why')
    }
  }
  assert.equal(count, 448)
})

test('a group that was found not to serve keeps that word until it is whole', () => {
  const state = told(seeing(pair, 'demo-001', gone))
  assert.equal(unsettledStatus(pair.spec, state), 'modifying')
  assert.equal(settledState(pair.spec, state).status, 'available')
  assert.equal(settledState(pair.spec, { ...state, reason: 'x' }).reason, null)
})

test('a creation has failed only for a reason that no retry mends, and that word is final', () => {
  const creating: GroupState = { ...pair.state, generation: 0, status: 'creating' }
  assert.equal(failedStatus(creating, false), 'creating')
  assert.equal(failedStatus(creating, true), 'create-failed')
  assert.equal(failedStatus(pair.state, true), 'available')
  assert.equal(unsettledStatus(pair.spec, { ...creating, status: 'create-failed' }), 'create-failed')
  const deleted = { ...pair.spec, deletion: { requestedAt: 1, retainPrimary: false } }
  assert.equal(unsettledStatus(deleted, { ...creating, status: 'create-failed' }), 'deleting')
})
