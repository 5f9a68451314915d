/** What a node of a sharded group knows at its first start, also while shards come and go. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupSpec, GroupState } from '../../model/group.ts'
import { evenSlots, slotsWithout } from '../../model/slots.ts'
import { groupAtRest } from '../../testing/group-at-rest.ts'
import { clusterPlan } from './cluster-plan.ts'

const atRest = groupAtRest('cme', 2, 3)

const nodeIn = ({ nodes }: GroupState, id: string) => {
  const node = nodes[id]
  assert.ok(node)
  return node
}

const withoutThird: GroupSpec = { ...atRest.spec, shards: atRest.spec.shards.slice(0, 2), generation: 2 }
const withoutReplica: GroupSpec = {
  ...atRest.spec,
  shards: atRest.spec.shards.map((shard) => ({ ...shard, nodes: shard.nodes.slice(0, 1) })),
}

for (const [how, spec] of Object.entries({
  'that is wanted': atRest.spec,
  'of a shard that is to be removed': withoutThird,
  'that is to be removed': withoutReplica,
})) {
  for (const joined of [true, false]) {
    test(`a node ${how} and ${joined ? 'has lost its folder' : 'is new'} starts alone, and knows itself`, () => {
      const node = { ...nodeIn(atRest.state, 'demo-0003-002'), joined }
      const { clusterNodeId: id, address, port } = node
      assert.deepEqual(clusterPlan(spec, { ...atRest.state, generation: 1 }, node), {
        myId: id,
        members: [{ id, address, port, primaryId: null, slots: [], configEpoch: 0 }],
      })
    })
  }
}

test('a group that has never been whole starts with the slots that its shards own, whatever is wanted meanwhile', () => {
  const node = { ...nodeIn(atRest.state, 'demo-0003-001'), joined: false }
  const wanted = evenSlots(2)
  const spec = { ...withoutThird, shards: withoutThird.shards.map((shard, index) => ({ ...shard, slots: wanted[index] ?? [] })) }
  const { members = [], standIns } = clusterPlan(spec, { ...atRest.state, generation: 0 }, node) ?? {}
  assert.equal(standIns, true)
  const owned = members.map(({ slots }) => slots).filter((slots) => slots.length > 0)
  assert.deepEqual(
    owned,
    Object.values(atRest.state.shards).map(({ slots }) => slots),
  )
  assert.deepEqual(slotsWithout([[0, 16_383]], owned.flat()), [])
})
