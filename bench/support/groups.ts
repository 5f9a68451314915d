/** Groups of a service under measurement. */
import {
  CreateCacheClusterCommand,
  CreateReplicationGroupCommand,
  DescribeCacheClustersCommand,
  DescribeReplicationGroupsCommand,
} from '@aws-sdk/client-elasticache'
import { type TestService, until } from '../../e2e/support/service.ts'

export const replicated = (id: string, nodes: number, nodeType = 'cache.t4g.micro') => ({
  ReplicationGroupId: id,
  ReplicationGroupDescription: 'benchmark',
  Engine: 'valkey',
  CacheNodeType: nodeType,
  AutomaticFailoverEnabled: nodes > 1,
  NumCacheClusters: nodes,
})

/** Resolves when all of them are available. */
export const createGroups = async (service: TestService, ids: readonly string[], nodes: number): Promise<void> => {
  const client = service.client()
  try {
    for (const id of ids) await client.send(new CreateReplicationGroupCommand(replicated(id, nodes)))
    await until(
      'all groups available',
      async () => {
        const { ReplicationGroups: groups = [] } = await client.send(new DescribeReplicationGroupsCommand({}))
        return groups.length === ids.length && groups.every((group) => group.Status === 'available')
      },
      90_000,
    )
  } finally {
    client.destroy()
  }
}

export const createMemcached = async (service: TestService, id: string, nodes: number): Promise<void> => {
  const client = service.client()
  try {
    await client.send(
      new CreateCacheClusterCommand({
        CacheClusterId: id,
        Engine: 'memcached',
        CacheNodeType: 'cache.t4g.micro',
        NumCacheNodes: nodes,
      }),
    )
    await until('the Memcached cluster available', async () => {
      const { CacheClusters: [cluster] = [] } = await client.send(new DescribeCacheClustersCommand({ CacheClusterId: id }))
      return cluster?.CacheClusterStatus === 'available'
    })
  } finally {
    client.destroy()
  }
}
