import type { GroupSpec, GroupState, NodeState } from '../../model/group.ts'
import type { ClusterMember, ClusterPlan } from '../../ports/engine.ts'

/**
 * The plan that a node of a sharded group is given for its first start. In a new group every node gets the whole plan, so the
 * cluster is formed when the processes run. A node that is added later starts alone, without slots, and is introduced by the others:
 * they know the epochs of today, a plan would not.
 */
export const clusterPlan = (spec: GroupSpec, state: GroupState, node: NodeState): ClusterPlan | null => {
  if (node.clusterNodeId === null) return null
  const isNew = Object.values(state.nodes).every((other) => !other.joined)
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
  return { myId: node.clusterNodeId, members: isNew ? members : alone }
}
