import type { GroupSpec, GroupState, NodeState } from '../../model/group.ts'
import type { ClusterMember, ClusterPlan } from '../../ports/engine.ts'

/**
 * The plan that a node of a sharded group is given for its first start. In a group that has never been whole every node gets the whole
 * plan, primaries with stand-ins to take over from (docs/decisions/0005-engines.md). A node that is added later starts alone, without
 * slots, and is introduced by the others: they know the epochs of today, a plan would not. So does one that has lost its folder, under the
 * id by which the others know it.
 */
export const clusterPlan = (spec: GroupSpec, state: GroupState, node: NodeState): ClusterPlan | null => {
  if (node.clusterNodeId === null) return null
  const isNew = state.generation === 0 && !node.joined
  const members = spec.shards.flatMap((shard, index) => {
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
  const mine = members.filter((member) => member.id === node.clusterNodeId)
  const alone = mine.map((member) => ({ ...member, primaryId: null, slots: [], configEpoch: 0 }))
  return isNew ? { myId: node.clusterNodeId, members, standIns: true } : { myId: node.clusterNodeId, members: alone }
}
