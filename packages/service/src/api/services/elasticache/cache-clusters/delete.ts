import type { DeleteCacheClusterMessage, DeleteCacheClusterResult } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import type { GroupSpec } from '../../../../model/group.ts'
import { primaryOf } from '../../../../model/members.ts'
import type { Action, ActionContext } from '../../../action.ts'
import { untilWritten } from '../../../writing.ts'
import { finalSnapshot } from '../groups/final-snapshot.ts'
import { findCacheCluster, recordsOf, type StoredCluster } from '../groups/find.ts'
import { requireAvailableCluster, requireDeletableCluster } from '../groups/guards.ts'
import { labelsWithout } from '../groups/labels.ts'
import { tellWithoutEffect } from '../groups/without-effect.ts'
import { nodesOf, type SpecChange, writeChangedGroup } from '../groups/write-group.ts'
import { cacheClusterView } from '../views/cache-cluster.ts'

const refused = (message: string): Fault => new Fault('InvalidCacheClusterStateFault', message)

/** Which nodes of a replication group cannot be deleted alone, in AWS's words. Throws `InvalidCacheClusterStateFault`. */
const checkReplica = (cluster: StoredCluster): void => {
  const { clusterId } = cluster
  const records = recordsOf(cluster)
  const { spec } = records
  if (spec.kind === 'cme') {
    throw refused(
      `Cache cluster ${clusterId} belongs to the replication group ${spec.id}, which has cluster mode enabled; use DecreaseReplicaCount.`,
    )
  }
  const nodes = nodesOf(spec)
  if (nodes.length === 1) throw awsTexts.onlyMember()
  if (primaryOf(records, spec.shards[0]?.id ?? '') === clusterId) {
    throw awsTexts.primaryNotDeleted(clusterId, spec.id)
  }
  if (nodes.length === 2 && (spec.automaticFailover || spec.pending?.automaticFailover === true)) {
    throw refused(
      `Cannot delete the cache cluster because it is the only read replica for replication group ${spec.id} which has autofailover enabled or pending. You can disable autofailover and then delete this cache cluster. Alternatively, to delete the entire replication group, use DeleteReplicationGroup.`,
    )
  }
  if (spec.multiAz)
    throw refused(
      `Cache cluster ${clusterId} belongs to the replication group ${spec.id}, which has Multi-AZ enabled; use DecreaseReplicaCount.`,
    )
}

const without = (spec: GroupSpec, clusterId: string): GroupSpec => ({
  ...spec,
  labels: labelsWithout(spec.labels, new Set([clusterId])),
  shards: spec.shards.map((shard) => ({ ...shard, nodes: shard.nodes.filter((node) => node.clusterId !== clusterId) })),
})

const next = (context: ActionContext, cluster: StoredCluster, input: DeleteCacheClusterMessage): SpecChange => {
  const spec = cluster.spec.value
  const deletion = { requestedAt: context.clock.now(), retainPrimary: false, ...finalSnapshot(input, spec) }
  if (spec.space === 'rg') {
    requireAvailableCluster(cluster)
    checkReplica(cluster)
    const events = tellWithoutEffect(context, spec, { ...spec, deletion })
    return { spec: without(spec, cluster.clusterId), events }
  }
  requireDeletableCluster(cluster)
  return { spec: { ...spec, pending: null, deletion } }
}

/** Deletes a Memcached cluster, a single node, or a replica of a group without cluster mode. */
export const deleteCacheCluster: Action<DeleteCacheClusterMessage, DeleteCacheClusterResult> = (input, context) =>
  untilWritten(`cache cluster ${input.CacheClusterId}`, async () => {
    const cluster = await findCacheCluster(context, input.CacheClusterId)
    const written = await writeChangedGroup(context, cluster, next(context, cluster, input))
    if (written === null) return null
    return { CacheCluster: cacheClusterView(recordsOf(written), cluster.clusterId, context.account, false) }
  })
