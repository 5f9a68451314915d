/** Shards that come and go: slots change hands by an operation that moves their keys, and by nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ShardSpec, SlotRange } from '../model/group.ts'
import { groupSpec } from '../testing/fixtures.ts'
import { configurationEndpoint, gone, groupAtRest, seeing } from '../testing/group-at-rest.ts'
import { decideGroup } from './group.ts'
import type { GroupInput } from './input.ts'
import type { ObservedNode } from './observed.ts'

const atRest = (): GroupInput => groupAtRest('cme', 2, 3)

/** As the same group looks when `shards` are wanted. */
const wanting = (input: GroupInput, shards: readonly ShardSpec[]): GroupInput => ({
  ...input,
  spec: { ...input.spec, shards, generation: 2 },
})

/** Three shards become four of equal size; the fourth has got its nodes, and they run, without slots. */
const growing = (owned: readonly SlotRange[] | undefined): GroupInput => {
  const rest = atRest()
  const four = groupAtRest('cme', 2, 4)
  const present = Object.values(rest.state.shards)
  const shards = Object.fromEntries(
    four.spec.shards.map(({ id }, index) => [
      id,
      present[index] === undefined
        ? { primary: `demo-${id}-001`, epoch: 1, ...(owned === undefined ? {} : { slots: owned }) }
        : present[index],
    ]),
  )
  const slotsOf = (nodeId: string | undefined): readonly SlotRange[] => {
    const index = Object.values(four.state.nodes).findIndex((node) => node.clusterNodeId === nodeId)
    return index % 2 === 0 ? (rest.spec.shards[index / 2]?.slots ?? []) : []
  }
  const nodes = Object.fromEntries(
    Object.entries(four.observed.nodes).map(([id, node]) => {
      const cluster = node.engine?.cluster
      if (node.engine == null || cluster == null) return [id, node]
      const entries = cluster.nodes.map((entry) => ({ ...entry, slots: slotsOf(entry.id) }))
      return [id, { ...node, engine: { ...node.engine, cluster: { ...cluster, nodes: entries } } }]
    }),
  )
  return {
    ...wanting(four, groupSpec('demo', 'cme', 4, 2).shards),
    state: { ...four.state, shards },
    observed: { ...four.observed, nodes },
  }
}

const actionsOf = (input: GroupInput) => decideGroup(input).actions

test('a shard that is new owns no slot that another has', () => {
  const input = growing([])
  const { '0004': _fourth, ...shards } = input.state.shards
  const four = { ...input, state: { ...input.state, shards } }
  const targets = actionsOf(four).filter((action) => action.do === 'target')
  assert.deepEqual(
    targets.map(({ shard, slots }) => [shard, slots]),
    [['0004', []]],
  )
})

test('a shard that is new takes no slots from owners that live; the group says what it waits for', () => {
  const decision = decideGroup(growing([]))
  assert.deepEqual(decision.actions, [])
  assert.equal(decision.waitingFor, 'shard 0001 owns 1366 slots that are to be moved')
})

test('also where the state gives it slots, none is claimed that a node says to have', () => {
  const taken = groupSpec('demo', 'cme', 4, 2).shards[3]?.slots ?? []
  assert.deepEqual(
    actionsOf(growing(taken)).filter((action) => action.do === 'slots'),
    [],
  )
})

/** The third shard is no longer wanted. */
const shrinking = (): GroupInput => {
  const rest = atRest()
  return wanting(rest, rest.spec.shards.slice(0, 2))
}

test('a shard that is to be removed keeps its nodes as long as it owns slots, and says so', () => {
  const decision = decideGroup(shrinking())
  assert.deepEqual(decision.actions, [])
  assert.equal(decision.waitingFor, 'shard 0003 is to be removed, and owns 5461 slots that have to be moved first')
})

test('a shard that is to be removed fails over as every other one', () => {
  const [target, ...others] = actionsOf(seeing(shrinking(), 'demo-0003-001', gone))
  assert.deepEqual(others, [])
  assert.deepEqual(target, {
    do: 'target',
    shard: '0003',
    primary: 'demo-0003-002',
    epoch: 2,
    fence: [],
    because: 'demo-0003-001 is gone',
  })
})

test('a replica of a shard that is to be removed is started again', () => {
  const starts = actionsOf(seeing(shrinking(), 'demo-0003-002', gone)).filter((action) => action.do === 'start')
  assert.deepEqual(
    starts.map(({ node, replicaOf }) => [node, replicaOf]),
    [['demo-0003-002', 'demo-0003-001']],
  )
})

/** The primary of the first shard is lost, and its engines hold it for dead; its replica is the target. */
const electing = (input: GroupInput): GroupInput => {
  const heir = input.observed.nodes['demo-0001-002']?.engine
  assert.ok(heir?.cluster)
  const nodes = heir.cluster.nodes.map((entry) => (entry.id === 'c0' ? { ...entry, flags: ['master', 'fail'] } : entry))
  const shards = {
    ...input.state.shards,
    '0001': { ...input.state.shards['0001'], primary: 'demo-0001-002', epoch: 2, former: 'demo-0001-001' },
  }
  const lost = seeing({ ...input, state: { ...input.state, shards } }, 'demo-0001-001', gone)
  return seeing(lost, 'demo-0001-002', { engine: { ...heir, cluster: { ...heir.cluster, nodes } } })
}

test('only shards that own slots elect: those count, and no others', () => {
  const byVote = (input: GroupInput): readonly unknown[] =>
    actionsOf(electing(input)).flatMap((action) => (action.do === 'promote' ? [action.byVote] : []))
  assert.deepEqual(byVote(growing([])), [true], 'two of three owners live, and a fourth shard owns nothing')
  assert.deepEqual(byVote(shrinking()), [true], 'three shards own slots, and two are wanted')
  const two = groupAtRest('cme', 2, 2)
  assert.deepEqual(byVote(two), [false])
  const three = { ...growing([]), spec: growing([]).spec }
  const without = Object.fromEntries(
    Object.entries(three.state.shards).map(([id, shard]) => [id, id === '0003' ? { ...shard, slots: [] } : shard]),
  )
  assert.deepEqual(byVote({ ...three, state: { ...three.state, shards: without } }), [false], 'two of four shards own slots')
})

test('a shard that owns no slot any more is removed', () => {
  const input = shrinking()
  const third = input.state.shards['0003']
  assert.ok(third)
  const drained = { ...input, state: { ...input.state, shards: { ...input.state.shards, '0003': { ...third, slots: [] } } } }
  assert.deepEqual(actionsOf(drained), [
    { do: 'remove-node', node: 'demo-0003-001' },
    { do: 'remove-node', node: 'demo-0003-002' },
  ])
})

/** The third shard is no longer wanted and owns nothing, and its primary holds the configuration endpoint. */
const drainedWithEndpoint = (): GroupInput => {
  const input = shrinking()
  const third = input.state.shards['0003']
  assert.ok(third)
  const shards = { ...input.state.shards, '0003': { ...third, slots: [] } }
  const holds = new Set(['demo-0003-001'])
  const nodes = Object.entries(input.observed.nodes).map(([id, node]): [string, ObservedNode] => {
    if (node.engine === null) return [id, node]
    const { address } = input.state.nodes[id] ?? { address: '' }
    return [id, { ...node, engine: { ...node.engine, bound: [address, ...(holds.has(id) ? [configurationEndpoint] : [])] } }]
  })
  return { ...input, state: { ...input.state, shards }, observed: { ...input.observed, nodes: Object.fromEntries(nodes) } }
}

test('a node of a shard that is removed lets the configuration endpoint go before another binds it', () => {
  const input = drainedWithEndpoint()
  const address = input.state.nodes['demo-0003-001']?.address
  assert.deepEqual(actionsOf(input), [{ do: 'bind', node: 'demo-0003-001', addresses: [address] }])
})

test('where such a node does not answer it is removed before anybody binds what it may hold', () => {
  const silent = seeing(drainedWithEndpoint(), 'demo-0003-001', { engine: null })
  assert.deepEqual(
    actionsOf(silent).filter((action) => action.do === 'bind'),
    [],
  )
})

test('what an earlier Larder wrote gets its owners before anything else can be wanted', () => {
  const rest = atRest()
  assert.deepEqual(actionsOf(rest), [])
  const shards = Object.entries(rest.state.shards).map(([id, { slots: _slots, ...shard }]) => [id, shard])
  const earlier = { ...rest, state: { ...rest.state, shards: Object.fromEntries(shards) } }
  const slots = Object.fromEntries(rest.spec.shards.map((shard) => [shard.id, shard.slots]))
  assert.deepEqual(actionsOf(earlier), [{ do: 'own', slots }])
  // A shard of which nobody wrote down what it owns is kept, whatever is wanted.
  const fewer = wanting(earlier, rest.spec.shards.slice(0, 2))
  const { '0003': _third, ...known } = slots
  assert.deepEqual(actionsOf(fewer), [{ do: 'own', slots: known }])
  const written = Object.entries(fewer.state.shards).map(([id, shard]) =>
    known[id] === undefined ? [id, shard] : [id, { ...shard, slots: known[id] }],
  )
  assert.deepEqual(decideGroup({ ...fewer, state: { ...fewer.state, shards: Object.fromEntries(written) } }), {
    actions: [],
    waitingFor: 'shard 0003 is to be removed, and is kept: no record says which slots it owns',
  })
})
