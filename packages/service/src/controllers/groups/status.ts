/** The status words of a group and its nodes, as one table: what the API shows is written here and nowhere else. */
import type { GroupSpec, GroupState, GroupStatus, NodeState } from '../../model/group.ts'

/** While something is left to do. A node that died in a group that is whole otherwise does not change the word for the group. */
export const unsettledStatus = (spec: GroupSpec, state: GroupState): GroupStatus => {
  if (spec.deletion !== null) return 'deleting'
  if (state.generation === 0) return state.status === 'create-failed' ? 'create-failed' : 'creating'
  return spec.generation > state.generation ? 'modifying' : 'available'
}

export const failedStatus = (state: GroupState, forGood: boolean): GroupStatus =>
  state.status === 'creating' && forGood ? 'create-failed' : state.status

const settledNode = (spec: GroupSpec, node: NodeState): NodeState => ({
  ...node,
  status: 'available',
  rebootsDone: spec.shards.flatMap((shard) => shard.nodes).find((entry) => entry.id === node.id)?.reboots ?? node.rebootsDone,
})

/** Everything has been carried out. */
export const settledState = (spec: GroupSpec, state: GroupState): GroupState => ({
  ...state,
  status: 'available',
  reason: null,
  generation: spec.generation,
  nodes: Object.fromEntries(Object.entries(state.nodes).map(([id, node]) => [id, settledNode(spec, node)])),
})
