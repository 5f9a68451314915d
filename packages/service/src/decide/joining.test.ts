/** Nodes that are new, and somebody dies before it is written down that they have the data. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atOffset, gone, groupAtRest, seeing } from '../testing/group-at-rest.ts'
import { decideGroup } from './group.ts'
import type { GroupInput } from './input.ts'

const kinds = (input: GroupInput): readonly string[] => decideGroup(input).actions.map((action) => action.do)

/** The last node is new: it was started a moment ago, and nothing is known of it yet. */
const grown = (kind: 'cmd' | 'cme', nodes: number): { readonly input: GroupInput; readonly id: string } => {
  const rest = groupAtRest(kind, nodes)
  const node = Object.values(rest.state.nodes).at(-1)
  assert.ok(node)
  const state = { ...rest.state, nodes: { ...rest.state.nodes, [node.id]: { ...node, joined: false, synced: false } } }
  return { input: { ...rest, state }, id: node.id }
}

test('a new replica that has copied everything takes over when the primary dies, whether that was written down or not', () => {
  const { input, id } = grown('cmd', 2)
  const [target] = decideGroup(seeing(input, 'demo-001', gone)).actions
  assert.equal(target?.do === 'target' && target.primary, id)
})

test('a new replica that does not answer may have copied everything: the primary waits for its word before it starts with nothing', () => {
  const { input, id } = grown('cmd', 2)
  const lost = seeing({ ...input, observed: { ...input.observed, readers: [] } }, 'demo-001', gone)
  assert.deepEqual(decideGroup(seeing(lost, id, { engine: null })), {
    actions: [],
    waitingFor: 'node demo-001 waits for its primary before it starts',
  })
  const empty = atOffset(seeing(input, 'demo-001', gone), id, 1)
  assert.deepEqual(kinds(empty), ['start'], 'it has said that it has nothing')
})

test('a new replica said that it has nothing just before it got everything, and the primary died just after: its word of the next look counts', () => {
  const { input, id } = grown('cmd', 2)
  const lost = seeing({ ...input, observed: { ...input.observed, readers: [] } }, 'demo-001', { ...gone, justGone: true })
  const decision = decideGroup(atOffset(lost, id, 1))
  assert.deepEqual(
    decision.actions.filter((action) => action.do !== 'readers'),
    [],
  )
  const [target] = decideGroup(atOffset(seeing(lost, 'demo-001', { justGone: false }), id, 900)).actions
  assert.equal(target?.do === 'target' && target.primary, id)
})

/** A node of a cluster that nobody has introduced yet: a primary of no slots, by its own word. */
const alone = (input: GroupInput, id: string): GroupInput => {
  const engine = input.observed.nodes[id]?.engine
  const [mine] = engine?.cluster?.nodes.filter((node) => node.id === engine.cluster?.myId) ?? []
  assert.ok(engine?.replication && engine.cluster && mine)
  const nodes = [{ ...mine, primaryId: null, flags: ['master'] }]
  const replication = { ...engine.replication, role: 'primary' as const, primary: null, linkUp: false, offset: 0 }
  return seeing(input, id, { engine: { ...engine, replication, cluster: { ...engine.cluster, nodes } } })
}

test('a new node of a cluster, which has no slots yet, keeps nobody from taking over', () => {
  const { input, id } = grown('cme', 3)
  const lost = seeing(alone(input, id), 'demo-0001-001', gone)
  const [target] = decideGroup(lost).actions
  assert.ok(target?.do === 'target')
  assert.deepEqual([target.primary, target.fence], ['demo-0001-002', []])
  const named = { ...lost, state: { ...lost.state, shards: { '0001': { primary: target.primary, epoch: 2, fence: [] } } } }
  assert.deepEqual(kinds(named), ['promote'])
})

test('a new node of a cluster, which has no slots yet, does not keep the primary from coming back', () => {
  const { input, id } = grown('cme', 2)
  assert.ok(kinds(seeing(alone(input, id), 'demo-0001-001', gone)).includes('bind'), 'the configuration endpoint is served')
  const bound = alone(input, id)
  const engine = bound.observed.nodes[id]?.engine
  assert.ok(engine)
  const served = seeing(bound, id, { engine: { ...engine, bound: [...engine.bound, '127.64.0.3'] } })
  assert.deepEqual(decideGroup(seeing(served, 'demo-0001-001', gone)).actions, [
    { do: 'start', node: 'demo-0001-001', replicaOf: null, because: 'recovered' },
  ])
})

test('a new node is introduced to a primary that is to be removed, too: it copies its data from there', () => {
  const { input, id } = grown('cme', 2)
  const shards = input.spec.shards.map((shard) => ({ ...shard, nodes: shard.nodes.filter((node) => node.id === id) }))
  const leaving = alone({ ...input, spec: { ...input.spec, shards } }, id)
  assert.deepEqual(decideGroup(leaving).actions, [{ do: 'bind', node: 'demo-0001-001', addresses: ['127.65.0.1'] }])
  const primary = leaving.observed.nodes['demo-0001-001']?.engine
  const engine = leaving.observed.nodes[id]?.engine
  assert.ok(primary?.cluster && engine)
  const unknown = { ...primary.cluster, nodes: primary.cluster.nodes.filter((node) => node.primaryId === null) }
  const bound = seeing(leaving, 'demo-0001-001', { engine: { ...primary, bound: ['127.65.0.1'], cluster: unknown } })
  const served = seeing(bound, id, { engine: { ...engine, bound: ['127.65.0.2', '127.64.0.3'] } })
  assert.deepEqual(decideGroup(served).actions, [
    { do: 'meet', node: id, others: ['demo-0001-001'] },
    { do: 'meet', node: 'demo-0001-001', others: [id] },
  ])
})
