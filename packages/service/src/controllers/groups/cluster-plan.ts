import type { GroupSpec, GroupState, NodeState } from '../../model/group.ts'
import { withPresentShards } from '../../model/shards.ts'
import type { ClusterMember, ClusterPlan } from '../../ports/engine.ts'

/**
 * The plan that a node of a sharded group is given for its first start. In a group that has never been whole every node gets the whole
 * plan, primaries with stand-ins to take over from (docs/decisions/0005-engines.md), with the slots that the shards own. A node
 * that is added later starts alone, without slots, and is introduced by the others: they know the epochs of today, a plan would
 * not. So does one that has lost its folder, under the id by which the others know it, also where the spec has forgotten it.
 */
export const clusterPlan = (spec: GroupSpec, state: GroupState, node: NodeState): ClusterPlan | null => {
  if (node.clusterNodeId === null) return null
  const { clusterNodeId: myId, address, port } = node
  const alone: ClusterPlan = { myId, members: [{ id: myId, address, port, primaryId: null, slots: [], configEpoch: 0 }] }
  if (state.generation > 0 || node.joined) return alone
  const members = withPresentShards(spec, state).shards.flatMap((shard, index) => {
    const primary = state.nodes[state.shards[shard.id]?.primary ?? '']
    return shard.nodes.flatMap((entry): readonly ClusterMember[] => {
      const member = state.nodes[entry.id]
      if (member?.clusterNodeId == null) return []
      const isPrimary = member.id === primary?.id
      return [
        {
          id: member.clusterNodeId,
          address: member.address,
          port: member.port,
          primaryId: isPrimary ? null : (primary?.clusterNodeId ?? null),
          slots: isPrimary ? shard.slots : [],
          configEpoch: isPrimary ? index + 1 : 0,
        },
      ]
    })
  })
  return members.some(({ id }) => id === myId) ? { myId, members, standIns: true } : alone
}
