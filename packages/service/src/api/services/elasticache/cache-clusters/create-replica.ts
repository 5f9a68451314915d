/** CreateCacheCluster with ReplicationGroupId: one more replica, under a name of its own, in a group without cluster mode. */
import type { CreateCacheClusterMessage, CreateCacheClusterResult } from '@aws-sdk/client-elasticache'
import { placeNodes } from '../../../../decide/placement.ts'
import { Fault, invalidCombination } from '../../../../errors.ts'
import type { GroupSpec, NodeSpec } from '../../../../model/group.ts'
import { cacheClusterId } from '../../../../model/names.ts'
import { nodesInShard } from '../../../../model/quotas.ts'
import { checkTags } from '../../../../model/tags.ts'
import { securityGroupsOf } from '../../../../model/used-security-groups.ts'
import type { ActionContext } from '../../../action.ts'
import { untilWritten } from '../../../writing.ts'
import { checkSameEngine } from '../groups/engine.ts'
import { findReplicationGroup, recordsOf } from '../groups/find.ts'
import { checkClusterFree } from '../groups/free.ts'
import { requireAvailableGroup } from '../groups/guards.ts'
import { subnetGroupFor } from '../groups/references.ts'
import { roomForNodes } from '../groups/region.ts'
import { nodesOf, writeChangedGroup } from '../groups/write-group.ts'
import { checkZones, zonesUp } from '../groups/zones.ts'
import { cacheClusterView } from '../views/cache-cluster.ts'
import { zoneWish } from './node-zones.ts'

type Input = CreateCacheClusterMessage

/**
 * A replica is like the other nodes of its group: a request may repeat what they are, and not ask for something else.
 * AutoMinorVersionUpgrade alone is not compared: Terraform sends it always, and the group's own setting is the one that counts.
 */
const checkRepeated = (input: Input, group: GroupSpec): void => {
  checkSameEngine(group, input.Engine, input.EngineVersion)
  const repeated: readonly (readonly [name: string, asked: string | number | undefined, present: string | number | null])[] = [
    ['NumCacheNodes', input.NumCacheNodes, 1],
    ['CacheNodeType', input.CacheNodeType, group.nodeType],
    ['CacheParameterGroupName', input.CacheParameterGroupName?.toLowerCase(), group.parameterGroup],
    ['CacheSubnetGroupName', input.CacheSubnetGroupName?.toLowerCase(), group.subnetGroup ?? 'default'],
    ['Port', input.Port, group.port],
    ['PreferredMaintenanceWindow', input.PreferredMaintenanceWindow?.toLowerCase(), group.labels.maintenanceWindow],
    ['SnapshotWindow', input.SnapshotWindow, group.labels.snapshotWindow],
    ['SnapshotRetentionLimit', input.SnapshotRetentionLimit, group.labels.snapshotRetentionLimit],
    ['NotificationTopicArn', input.NotificationTopicArn, group.labels.notificationTopicArn],
    ['SecurityGroupIds', input.SecurityGroupIds?.toSorted().join(), securityGroupsOf(group).toSorted().join()],
    [
      'CacheSecurityGroupNames',
      input.CacheSecurityGroupNames?.map((name) => name.toLowerCase())
        .toSorted()
        .join(),
      group.labels.cacheSecurityGroupNames.toSorted().join(),
    ],
  ]
  for (const [name, asked, present] of repeated) {
    if (asked === undefined || asked === '' || asked === present) continue
    throw invalidCombination(
      `${name}=${asked} differs from the replication group ${group.id}, whose nodes all have ${present ?? 'none'}.`,
    )
  }
  if ((input.PreferredAvailabilityZones ?? []).length > 0)
    throw invalidCombination('PreferredAvailabilityZones can be given only for Memcached.')
}

const checkRoom = (group: GroupSpec): void => {
  if (group.kind === 'cme') {
    throw invalidCombination(`Replication group ${group.id} has cluster mode enabled; use IncreaseReplicaCount to add replicas.`)
  }
  const nodes = nodesOf(group).length
  if (nodes < nodesInShard) return
  throw new Fault(
    'NodeQuotaForClusterExceededFault',
    `Replication group ${group.id} has ${nodes} nodes, and can have no more than ${nodesInShard}.`,
  )
}

export const createReplica = (input: Input, context: ActionContext): Promise<CreateCacheClusterResult> =>
  untilWritten(`replication group ${input.ReplicationGroupId}`, async () => {
    const id = cacheClusterId(input.CacheClusterId)
    await checkClusterFree(context, id)
    const group = await findReplicationGroup(context, input.ReplicationGroupId)
    const spec = group.spec.value
    checkRoom(spec)
    requireAvailableGroup(group)
    checkRepeated(input, spec)
    const tags = input.Tags === undefined || input.Tags.length === 0 ? null : checkTags([], input.Tags)
    const subnetGroup = await subnetGroupFor(context, spec.subnetGroup ?? undefined)
    const { zones: wanted } = zoneWish(input, 1)
    checkZones(subnetGroup.value, wanted)
    const load = await roomForNodes(context, 1)
    const placed = placeNodes(
      await zonesUp(context, subnetGroup.value, wanted),
      load,
      nodesOf(spec).map((node) => node.zone),
      wanted,
    )
    const added = placed.map(
      (zone): NodeSpec => ({ id, clusterId: id, cacheNodeId: '0001', zone, createdAt: context.clock.now(), reboots: 0 }),
    )
    const written = await writeChangedGroup(context, group, {
      spec: { ...spec, shards: spec.shards.map((shard) => ({ ...shard, nodes: [...shard.nodes, ...added] })) },
      conditions: subnetGroup.conditions,
      index: tags === null ? {} : { tags },
    })
    return written === null ? null : { CacheCluster: cacheClusterView(recordsOf(written), id, context.account, false) }
  })
