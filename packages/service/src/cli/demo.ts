/** The three groups of `larder up --demo`, made through the API like everybody else's. */
import {
  type CacheCluster,
  CreateCacheClusterCommand,
  CreateReplicationGroupCommand,
  DescribeCacheClustersCommand,
  DescribeReplicationGroupsCommand,
  type ElastiCacheClient,
  type Endpoint,
  type ReplicationGroup,
} from '@aws-sdk/client-elasticache'
import { LarderError } from '../errors.ts'

const nodeType = 'cache.t4g.small'
const deadlineMs = 60_000
const pollMs = 25

export interface DemoResult {
  readonly id: string
  readonly what: string
  readonly endpoint: string
  readonly readyAfterMs: number
  /** A line to try. */
  readonly example: string
}

const text = (endpoint: Endpoint | undefined): string => `${endpoint?.Address ?? ''}:${endpoint?.Port ?? ''}`

const until = async <T>(what: string, ask: () => Promise<T | undefined>): Promise<T> => {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    const found = await ask()
    if (found !== undefined) return found
    if (performance.now() > deadline)
      throw new LarderError('deadline', `${what} did not become available within ${deadlineMs / 1000} s; larder status says why`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

const availableGroup = async (client: ElastiCacheClient, id: string): Promise<ReplicationGroup | undefined> => {
  const { ReplicationGroups = [] } = await client.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }))
  return ReplicationGroups.find((group) => group.Status === 'available')
}

const availableCluster = async (client: ElastiCacheClient, id: string): Promise<CacheCluster | undefined> => {
  const { CacheClusters = [] } = await client.send(
    new DescribeCacheClustersCommand({ CacheClusterId: id, ShowCacheNodeInfo: true }),
  )
  return CacheClusters.find((cluster) => cluster.CacheClusterStatus === 'available')
}

const valkeyGroup = async (client: ElastiCacheClient): Promise<DemoResult> => {
  const started = performance.now()
  const id = 'demo'
  await client.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: id,
      ReplicationGroupDescription: 'Demo: one primary and two replicas in three zones',
      Engine: 'valkey',
      CacheNodeType: nodeType,
      NumCacheClusters: 3,
      AutomaticFailoverEnabled: true,
      MultiAZEnabled: true,
    }),
  )
  const group = await until(id, () => availableGroup(client, id))
  const primary = group.NodeGroups?.[0]?.PrimaryEndpoint
  return {
    id,
    what: 'Valkey, one primary and two replicas in three zones',
    endpoint: `${text(primary)} (primary), ${text(group.NodeGroups?.[0]?.ReaderEndpoint)} (reader)`,
    readyAfterMs: performance.now() - started,
    example: `npx larder connect ${id} SET greeting hello`,
  }
}

const shardedGroup = async (client: ElastiCacheClient): Promise<DemoResult> => {
  const started = performance.now()
  const id = 'demo-sharded'
  await client.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: id,
      ReplicationGroupDescription: 'Demo: three shards with a replica each',
      Engine: 'valkey',
      CacheNodeType: nodeType,
      NumNodeGroups: 3,
      ReplicasPerNodeGroup: 1,
      AutomaticFailoverEnabled: true,
      MultiAZEnabled: true,
    }),
  )
  const group = await until(id, () => availableGroup(client, id))
  return {
    id,
    what: 'Valkey in cluster mode, three shards with a replica each',
    endpoint: `${text(group.ConfigurationEndpoint)} (configuration)`,
    readyAfterMs: performance.now() - started,
    example: `npx larder connect ${id} CLUSTER SHARDS`,
  }
}

const memcachedCluster = async (client: ElastiCacheClient): Promise<DemoResult> => {
  const started = performance.now()
  const id = 'demo-memcached'
  await client.send(
    new CreateCacheClusterCommand({
      CacheClusterId: id,
      Engine: 'memcached',
      CacheNodeType: nodeType,
      NumCacheNodes: 2,
      AZMode: 'cross-az',
    }),
  )
  const cluster = await until(id, () => availableCluster(client, id))
  const { Address = '', Port = 11211 } = cluster.ConfigurationEndpoint ?? {}
  return {
    id,
    what: 'Memcached, two nodes',
    endpoint: `${Address}:${Port} (configuration)`,
    readyAfterMs: performance.now() - started,
    example: `npx larder connect ${id} config get cluster`,
  }
}

/** Makes them side by side; each is told as soon as it is there. A group that fails does not hold up the others: its error is told at the end. */
export const createDemo = async (client: ElastiCacheClient, onReady: (result: DemoResult) => void): Promise<void> => {
  const results = await Promise.allSettled(
    [valkeyGroup, shardedGroup, memcachedCluster].map(async (create) => onReady(await create(client))),
  )
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
