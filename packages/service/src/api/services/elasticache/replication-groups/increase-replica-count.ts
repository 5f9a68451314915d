import type { IncreaseReplicaCountMessage, IncreaseReplicaCountResult } from '@aws-sdk/client-elasticache'
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import type { ShardSpec } from '../../../../model/group.ts'
import type { Action } from '../../../action.ts'
import { untilWritten } from '../../../writing.ts'
import { findReplicationGroup, recordsOf } from '../groups/find.ts'
import { clustersNamed } from '../groups/free.ts'
import { requireAvailableGroup } from '../groups/guards.ts'
import { joiningNodes } from '../groups/new-nodes.ts'
import { subnetGroupFor } from '../groups/references.ts'
import { checkNodesInGroup, roomForNodes } from '../groups/region.ts'
import { nodesOf, writeChangedGroup } from '../groups/write-group.ts'
import { checkZones, zonesUp } from '../groups/zones.ts'
import { replicationGroupView } from '../views/replication-group.ts'
import { noOperation, replicaTargets, requireImmediately, type ShardTarget, withNodes, zonesLeft } from './replica-counts.ts'

/** How many nodes a shard lacks. Throws `InvalidParameterValueException` where it has more already. */
const lacking = ({ shard, replicas }: ShardTarget): number => {
  const present = shard.nodes.length - 1
  if (replicas < present) {
    throw invalidValue(`Node group ${shard.id} has ${present} replicas, more than ${replicas}; use DecreaseReplicaCount.`)
  }
  return replicas - present
}

export const increaseReplicaCount: Action<IncreaseReplicaCountMessage, IncreaseReplicaCountResult> = (input, context) =>
  untilWritten(`replication group ${input.ReplicationGroupId}`, async () => {
    const group = await findReplicationGroup(context, input.ReplicationGroupId)
    requireImmediately(input)
    requireAvailableGroup(group)
    const spec = group.spec.value
    const targets = replicaTargets(spec, input)
    if (targets === null) throw invalidCombination('NewReplicaCount or ReplicaConfiguration must be provided.')
    const growing = targets.filter((target) => lacking(target) > 0)
    if (growing.length === 0) throw noOperation()
    const added = growing.reduce((sum, target) => sum + lacking(target), 0)
    checkNodesInGroup(nodesOf(spec).length + added)

    const subnetGroup = await subnetGroupFor(context, spec.subnetGroup ?? undefined)
    for (const target of growing) checkZones(subnetGroup.value, target.zones ?? [])
    const load = await roomForNodes(context, added)
    const zones = await zonesUp(
      context,
      subnetGroup.value,
      growing.flatMap((target) => (target.zones === null ? [] : zonesLeft(target.shard, target.zones))),
    )
    const names = await clustersNamed(context, `${spec.id}-`)
    const own = new Set(nodesOf(spec).map((node) => node.clusterId))
    const joined = (target: ShardTarget): ShardSpec['nodes'] => [
      ...target.shard.nodes,
      ...joiningNodes({
        spec,
        state: group.state?.value ?? null,
        shard: target.shard,
        present: target.shard.nodes,
        wanted:
          target.zones === null
            ? Array.from({ length: lacking(target) }, () => undefined)
            : zonesLeft(target.shard, target.zones),
        zones,
        load,
        now: context.clock.now(),
        isTaken: (id) => names.has(id) && !own.has(id),
      }),
    ]
    const written = await writeChangedGroup(context, group, {
      spec: withNodes(spec, new Map(growing.map((target) => [target.shard.id, joined(target)]))),
      conditions: subnetGroup.conditions,
    })
    return written === null ? null : { ReplicationGroup: replicationGroupView(recordsOf(written), context.account) }
  })
