import type { DecreaseReplicaCountMessage, DecreaseReplicaCountResult } from '@aws-sdk/client-elasticache'
import { chooseLeaving } from '../../../../decide/placement.ts'
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import type { GroupSpec, NodeSpec, ShardSpec } from '../../../../model/group.ts'
import { type GroupRecords, primaryOf } from '../../../../model/members.ts'
import type { Action } from '../../../action.ts'
import { untilWritten } from '../../../writing.ts'
import { cacheClusterNotFound, findReplicationGroup, recordsOf } from '../groups/find.ts'
import { requireAvailableGroup } from '../groups/guards.ts'
import { labelsWithout } from '../groups/labels.ts'
import { writeChangedGroup } from '../groups/write-group.ts'
import { replicationGroupView } from '../views/replication-group.ts'
import { checkFailover } from './failover.ts'
import { noOperation, replicaTargets, requireImmediately, type ShardTarget, withNodes } from './replica-counts.ts'

type Input = DecreaseReplicaCountMessage

/** The nodes that the request names, by shard; a primary hands over to a replica before it goes. Throws `CacheClusterNotFoundFault`. */
const namedReplicas = (group: GroupRecords, ids: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> => {
  const named = new Map<string, Set<string>>()
  for (const text of ids) {
    const id = text.toLowerCase()
    const shard = group.spec.shards.find((candidate) => candidate.nodes.some((node) => node.id === id))
    if (shard === undefined) throw cacheClusterNotFound(text)
    named.set(shard.id, (named.get(shard.id) ?? new Set()).add(id))
  }
  return named
}

/** Those that stay are the ones that `zones` has a place for, the primary first; a primary outside of them hands over before it goes. */
const outsideZones = (shard: ShardSpec, primary: string | null, zones: readonly string[]): readonly string[] => {
  const places = [...zones]
  const byPrimary = shard.nodes.toSorted((a, b) => Number(b.id === primary) - Number(a.id === primary))
  const gone: string[] = []
  for (const node of byPrimary) {
    const index = places.indexOf(node.zone)
    if (index >= 0) places.splice(index, 1)
    else gone.push(node.id)
  }
  if (places.length > 0) {
    throw invalidCombination(
      `PreferredAvailabilityZones must be zones of present nodes; those of ${shard.id} are ${shard.nodes.map((node) => node.zone).join(', ')}.`,
    )
  }
  return gone
}

/** How many nodes a shard loses by its number. Throws `InvalidParameterValueException` where it has fewer. */
const surplus = ({ shard, replicas }: ShardTarget): number => {
  const present = shard.nodes.length - 1
  if (replicas > present) {
    throw invalidValue(`Node group ${shard.id} has ${present} replicas, fewer than ${replicas}; use IncreaseReplicaCount.`)
  }
  return present - replicas
}

const leavingOf = (group: GroupRecords, target: ShardTarget, named: ReadonlySet<string> | undefined): readonly string[] => {
  const { shard } = target
  const count = surplus(target)
  const primary = primaryOf(group, shard.id)
  if (named !== undefined) {
    if (named.size !== count) {
      throw invalidCombination(
        `ReplicasToRemove names ${named.size} replicas of node group ${shard.id}, and the new count takes ${count} away.`,
      )
    }
    return [...named]
  }
  if (target.zones !== null && count > 0) return outsideZones(shard, primary, target.zones)
  return chooseLeaving(shard.nodes, new Set(primary === null ? [] : [primary]), count)
}

/** What is left must be allowed. AWS's words for it differ from those at the creation. */
const checkLeft = (spec: GroupSpec): void => {
  if (spec.kind === 'cmd' && spec.automaticFailover && !spec.multiAz && spec.shards.some((shard) => shard.nodes.length < 2)) {
    throw awsTexts.replicaNeeded()
  }
  checkFailover(spec)
}

/** Which nodes go. Without ReplicasToRemove they are chosen so that the rest stays spread over the zones; never a primary. */
const leavingNodes = (group: GroupRecords, input: Input): ReadonlySet<string> => {
  const { spec } = group
  const removals = input.ReplicasToRemove ?? []
  const named = namedReplicas(group, removals)
  const targets = replicaTargets(spec, input)
  if (targets === null && removals.length === 0) {
    throw invalidCombination('NewReplicaCount, ReplicaConfiguration or ReplicasToRemove must be provided.')
  }
  if (targets === null) return new Set([...named.values()].flatMap((ids) => [...ids]))
  const stray = [...named.keys()].find((shard) => !targets.some((target) => target.shard.id === shard))
  if (stray !== undefined)
    throw invalidCombination(`ReplicasToRemove names a replica of node group ${stray}, which ReplicaConfiguration does not.`)
  return new Set(targets.flatMap((target) => leavingOf(group, target, named.get(target.shard.id))))
}

/** Somebody with the data must stay where a primary goes. */
const checkHeirs = (group: GroupRecords, leaving: ReadonlySet<string>): void => {
  for (const shard of group.spec.shards) {
    const primary = primaryOf(group, shard.id)
    if (primary === null || !leaving.has(primary)) continue
    if (shard.nodes.some((node) => !leaving.has(node.id) && group.state?.nodes[node.id]?.joined === true)) continue
    throw invalidCombination(`${primary} is the primary of node group ${shard.id}, and no replica that stays has its data.`)
  }
}

export const decreaseReplicaCount: Action<Input, DecreaseReplicaCountResult> = (input, context) =>
  untilWritten(`replication group ${input.ReplicationGroupId}`, async () => {
    const group = await findReplicationGroup(context, input.ReplicationGroupId)
    requireImmediately(input)
    requireAvailableGroup(group)
    const records = recordsOf(group)
    const leaving = leavingNodes(records, input)
    if (leaving.size === 0) throw noOperation()
    checkHeirs(records, leaving)
    const stay = (nodes: readonly NodeSpec[]): readonly NodeSpec[] => nodes.filter((node) => !leaving.has(node.id))
    const left = withNodes(records.spec, new Map(records.spec.shards.map((shard) => [shard.id, stay(shard.nodes)])))
    const spec = { ...left, labels: labelsWithout(left.labels, leaving) }
    checkLeft(spec)
    const written = await writeChangedGroup(context, group, { spec })
    return written === null ? null : { ReplicationGroup: replicationGroupView(recordsOf(written), context.account) }
  })
