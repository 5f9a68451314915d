/** The words that a controller writes into the state of its group. What is shown of them, while more is asked for: `model/status.ts`. */

import { allFactsOf, factsOf, type GroupInput, isInSync, isServing, type NodeFacts, takesWrites } from '../../decide/input.ts'
import type { GroupSpec, GroupState, GroupStatus, NodeState, ShardSpec } from '../../model/group.ts'

/**
 * While something is left to do. A node that died in a group that is whole otherwise does not change the word for the group. What was found not to serve keeps its
 * word until it is whole again. A creation that has failed for good stays so: AWS's word is final, and only a deletion follows.
 */
export const unsettledStatus = (spec: GroupSpec, state: GroupState): GroupStatus => {
  if (spec.deletion !== null) return 'deleting'
  if (state.generation === 0) return state.status === 'create-failed' ? 'create-failed' : 'creating'
  return spec.generation > state.generation || state.status === 'modifying' ? 'modifying' : 'available'
}

/** `forGood`: the same attempt cannot succeed later unless somebody changes something. */
export const failedStatus = (state: GroupState, forGood: boolean): GroupStatus =>
  state.status === 'creating' && forGood ? 'create-failed' : state.status

/** Can clients do there what they can do in a group that is `available`? */
const serves = (look: GroupInput, shard: ShardSpec): boolean => {
  const { spec, state } = look
  if (spec.kind === 'memcached') return shard.nodes.length === 0 || factsOf(look, shard).some(isServing)
  const primary = allFactsOf(look, shard).find((node) => node.spec.id === state.shards[shard.id]?.primary)
  if (primary === undefined || !isServing(primary) || !takesWrites(primary)) return false
  const floating = spec.kind === 'cmd' ? state.primaryEndpoint?.address : undefined
  return floating === undefined || (primary.seen.engine?.bound.includes(floating) ?? false)
}

const isWhole = (look: GroupInput, shard: ShardSpec, node: NodeFacts): boolean => {
  if (!isServing(node)) return false
  const primary = look.state.nodes[look.state.shards[shard.id]?.primary ?? '']
  return look.spec.kind === 'memcached' || takesWrites(node) || primary === undefined || isInSync(node, primary.address)
}

/**
 * What a look has found wrong, in the words of the API: `available` is never said of a shard without a primary that takes writes at its endpoint, nor of a node that
 * does not run, does not answer or has not its data. Written where a reason is: not for what has passed before anybody can read it.
 */
export const troubledState = (look: GroupInput, state: GroupState): GroupState => {
  const group =
    state.status === 'available' && !look.spec.shards.every((shard) => serves(look, shard)) ? 'modifying' : state.status
  const broken = look.spec.shards.flatMap((shard) =>
    factsOf(look, shard)
      .filter((node) => !isWhole(look, shard, node))
      .map((node) => node.spec.id),
  )
  const nodes = Object.entries(state.nodes).map(([id, node]): [string, NodeState] => [
    id,
    node.status === 'available' && broken.includes(id) ? { ...node, status: 'modifying' } : node,
  ])
  return { ...state, status: group, nodes: Object.fromEntries(nodes) }
}

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
