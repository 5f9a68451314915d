import type { GroupSpec, GroupState, NodeSpec, NodeState, NodeStatus } from '../../model/group.ts'
import { zoneOfAddress } from '../../model/zones.ts'
import { nodeStatus } from './status.ts'

/** A group as the store has it: what is wanted, and what is (null: no controller has seen it yet). */
export interface GroupRecords {
  readonly spec: GroupSpec
  readonly state: GroupState | null
}

/** One node of a group, with what is known of it. */
export interface Member {
  readonly id: string
  readonly clusterId: string
  readonly cacheNodeId: string
  readonly shard: string
  readonly zone: string
  /** Null: the node is being removed. */
  readonly wanted: NodeSpec | null
  /** Null: the controller has not taken it up yet. */
  readonly node: NodeState | null
  readonly status: NodeStatus
}

/** The spec has forgotten a node that leaves; its id tells the rest (`mc.0002`, `rg-003`). */
const leaving = (spec: GroupSpec, state: GroupState | null, node: NodeState): Member => {
  const [clusterId = node.id, cacheNodeId = '0001'] = spec.kind === 'memcached' ? node.id.split('.') : [node.id]
  return {
    id: node.id,
    clusterId,
    cacheNodeId,
    shard: node.shard,
    zone: zoneOfAddress(spec.region, node.address) ?? '',
    wanted: null,
    node,
    status: nodeStatus(spec, state, null, node),
  }
}

/** Every node that the group is to have or still has: shard by shard in the order of the spec, those that leave last in their shard. */
export const membersOf = ({ spec, state }: GroupRecords): readonly Member[] => {
  const nodes = state?.nodes ?? {}
  const known = new Set(spec.shards.flatMap((shard) => shard.nodes.map((node) => node.id)))
  const leavers = Object.values(nodes).filter((node) => !known.has(node.id))
  return spec.shards.flatMap((shard) => [
    ...shard.nodes.map((wanted): Member => {
      const node = nodes[wanted.id] ?? null
      const { id, clusterId, cacheNodeId, zone } = wanted
      return { id, clusterId, cacheNodeId, shard: shard.id, zone, wanted, node, status: nodeStatus(spec, state, wanted, node) }
    }),
    ...leavers.filter((node) => node.shard === shard.id).map((node) => leaving(spec, state, node)),
  ])
}

/** The primary of a shard: who the controller says, and before it has said anything the first node, which will be the first primary. */
export const primaryOf = ({ spec, state }: GroupRecords, shardId: string): string | null =>
  state?.shards[shardId]?.primary ?? spec.shards.find((shard) => shard.id === shardId)?.nodes[0]?.id ?? null
