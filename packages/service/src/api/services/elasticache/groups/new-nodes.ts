/** Names and zones of nodes that join a group. */
import { placeNodes, type ZoneLoad } from '../../../../decide/placement.ts'
import type { GroupSpec, GroupState, NodeSpec, ShardSpec } from '../../../../model/group.ts'
import { nodeIds } from '../../../../model/names.ts'

/** The number at the end of a node's id; 0 where it has none (a member that was given a name of its own). */
const ordinalOf = (spec: GroupSpec, shard: string, id: string): number => {
  const prefix = nodeIds(spec, shard, 1).id.replace(/\d+$/, '')
  const rest = id.startsWith(prefix) ? id.slice(prefix.length) : ''
  return /^\d+$/.test(rest) ? Number(rest) : 0
}

/**
 * The ids of nodes that join a shard: numbers go on above the highest that is in use, also by nodes that are on their way out or only
 * pending. What `isTaken` says of an id (somebody gave it to another cluster) is passed over.
 */
const freeIds = (
  spec: GroupSpec,
  shard: string,
  inUse: readonly string[],
  count: number,
  isTaken: (clusterId: string) => boolean,
): readonly ReturnType<typeof nodeIds>[] => {
  const ids: ReturnType<typeof nodeIds>[] = []
  const highest = Math.max(inUse.length, ...inUse.map((id) => ordinalOf(spec, shard, id)))
  for (let ordinal = highest + 1; ids.length < count; ordinal += 1) {
    const candidate = nodeIds(spec, shard, ordinal)
    if (!isTaken(candidate.clusterId)) ids.push(candidate)
  }
  return ids
}

export interface Joining {
  readonly spec: GroupSpec
  readonly state: GroupState | null
  readonly shard: ShardSpec
  /** The nodes that stand before: those of the shard, or those that are pending. */
  readonly present: readonly NodeSpec[]
  /** Zone of each new node; undefined: any. */
  readonly wanted: readonly (string | undefined)[]
  /** In which zones nodes may stand. */
  readonly zones: readonly string[]
  readonly load: ZoneLoad
  readonly now: number
  readonly isTaken: (clusterId: string) => boolean
}

export const joiningNodes = (joining: Joining): readonly NodeSpec[] => {
  const { spec, state, shard, present, wanted, zones, load, now, isTaken } = joining
  const leaving = Object.values(state?.nodes ?? {}).filter((node) => node.shard === shard.id)
  const inUse = [...new Set([...present, ...shard.nodes, ...leaving].map((node) => node.id))]
  const placed = placeNodes(
    zones,
    load,
    present.map((node) => node.zone),
    wanted,
  )
  return freeIds(spec, shard.id, inUse, wanted.length, isTaken).map(
    (ids, index): NodeSpec => ({ ...ids, zone: placed[index] ?? '', createdAt: now, reboots: 0 }),
  )
}
