import type { RebootCacheClusterMessage, RebootCacheClusterResult } from '@aws-sdk/client-elasticache'
import { Fault, invalidValue } from '../../../../errors.ts'
import type { GroupSpec } from '../../../../model/group.ts'
import type { Action } from '../../../action.ts'
import { requiredList } from '../../../required.ts'
import { untilWritten } from '../../../writing.ts'
import { findCacheCluster, recordsOf } from '../groups/find.ts'
import { requireAvailableCluster } from '../groups/guards.ts'
import { nodesOf, writeChangedGroup } from '../groups/write-group.ts'
import { cacheClusterView } from '../views/cache-cluster.ts'

const checkNodes = (spec: GroupSpec, clusterId: string, asked: ReadonlySet<string>): void => {
  const present = nodesOf(spec)
    .filter((node) => node.clusterId === clusterId)
    .map((node) => node.cacheNodeId)
  const unknown = [...asked].find((id) => !present.includes(id))
  if (unknown !== undefined) {
    throw invalidValue(
      `Cache node ${unknown.slice(0, 40)} is not in the cache cluster ${clusterId}; its nodes are ${present.join(', ')}.`,
    )
  }
}

const rebooted = (spec: GroupSpec, clusterId: string, asked: ReadonlySet<string>): GroupSpec => ({
  ...spec,
  shards: spec.shards.map((shard) => ({
    ...shard,
    nodes: shard.nodes.map((node) =>
      node.clusterId === clusterId && asked.has(node.cacheNodeId) ? { ...node, reboots: node.reboots + 1 } : node,
    ),
  })),
})

/** Restarts nodes, which then have the parameters that wait for a reboot. As on AWS not for groups with cluster mode. */
export const rebootCacheCluster: Action<RebootCacheClusterMessage, RebootCacheClusterResult> = (input, context) =>
  untilWritten(`cache cluster ${input.CacheClusterId}`, async () => {
    const cluster = await findCacheCluster(context, input.CacheClusterId)
    const asked = new Set(requiredList('CacheNodeIdsToReboot', input.CacheNodeIdsToReboot))
    const spec = cluster.spec.value
    if (spec.kind === 'cme') {
      throw new Fault(
        'InvalidCacheClusterStateFault',
        `Cache cluster ${cluster.clusterId} belongs to a replication group with cluster mode enabled and cannot be rebooted.`,
      )
    }
    checkNodes(spec, cluster.clusterId, asked)
    requireAvailableCluster(cluster)
    const written = await writeChangedGroup(context, cluster, { spec: rebooted(spec, cluster.clusterId, asked) })
    return written === null
      ? null
      : { CacheCluster: cacheClusterView(recordsOf(written), cluster.clusterId, context.account, false) }
  })
