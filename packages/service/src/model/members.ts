/** The nodes of a group: those that it is to have, and those that it still has. Whoever shows, decides about or starts a node finds it here. */
import type { GroupSpec, GroupState, NodeSpec, NodeState, NodeStatus } from './group.ts'
import { nodeStatus } from './status.ts'
import { zoneOfAddress } from './zones.ts'

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

/** What a node was meant to be that the spec has forgotten, since it is being removed: its id (`mc.0002`, `rg-003`) and its address tell it. */
export const leavingNode = (spec: GroupSpec, node: NodeState): NodeSpec => {
  const [clusterId = node.id, cacheNodeId = '0001'] = spec.kind === 'memcached' ? node.id.split('.') : [node.id]
  const zone = zoneOfAddress(spec.region, node.address) ?? ''
  return { id: node.id, clusterId, cacheNodeId, zone, createdAt: 0, reboots: node.rebootsDone }
}

const memberOf = (
  { spec, state }: GroupRecords,
  shard: string,
  { id, clusterId, cacheNodeId, zone }: NodeSpec,
  wanted: NodeSpec | null,
): Member => {
  const node = state?.nodes[id] ?? null
  return { id, clusterId, cacheNodeId, shard, zone, wanted, node, status: nodeStatus(spec, state, wanted, node) }
}

/** Nodes of the state that the spec no longer has. */
export const leaversOf = ({ spec, state }: GroupRecords): readonly NodeState[] => {
  const known = new Set(spec.shards.flatMap((shard) => shard.nodes.map((node) => node.id)))
  return Object.values(state?.nodes ?? {}).filter((node) => !known.has(node.id))
}

/**
 * Every node that the group is to have or still has: shard by shard in the order of the spec, those that leave last in their shard, and after them those of
 * shards that leave.
 */
export const membersOf = (group: GroupRecords): readonly Member[] => {
  const leavers = leaversOf(group)
  const leaving = (node: NodeState): Member => memberOf(group, node.shard, leavingNode(group.spec, node), null)
  const known = new Set(group.spec.shards.map((shard) => shard.id))
  return [
    ...group.spec.shards.flatMap((shard) => [
      ...shard.nodes.map((wanted) => memberOf(group, shard.id, wanted, wanted)),
      ...leavers.filter((node) => node.shard === shard.id).map(leaving),
    ]),
    ...leavers.filter((node) => !known.has(node.shard)).map(leaving),
  ]
}

/** The primary of a shard: the one that the controller names; before it has named any, the first node, which will be the first primary. */
export const primaryOf = ({ spec, state }: GroupRecords, shardId: string): string | null =>
  state?.shards[shardId]?.primary ?? spec.shards.find((shard) => shard.id === shardId)?.nodes[0]?.id ?? null
