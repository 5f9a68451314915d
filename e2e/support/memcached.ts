/** Memcached clusters that speak TLS, as tests make and reach them. */
import assert from 'node:assert/strict'
import {
  type CacheCluster,
  CreateCacheClusterCommand,
  type CreateCacheClusterCommandInput,
  DescribeCacheClustersCommand,
} from '@aws-sdk/client-elasticache'
import { type TestService, until } from './service.ts'
import type { Place } from './tls.ts'

export const available = async (service: TestService, id: string): Promise<CacheCluster> => {
  const client = service.client()
  try {
    return await until(`${id} available`, async () => {
      const { CacheClusters: [cluster] = [] } = await client.send(
        new DescribeCacheClustersCommand({ CacheClusterId: id, ShowCacheNodeInfo: true }),
      )
      if (cluster?.CacheClusterStatus !== 'available') return undefined
      return (await service.nodes()).every((node) => node.status === 'available') ? cluster : undefined
    })
  } finally {
    client.destroy()
  }
}

export const create = async (
  service: TestService,
  id: string,
  count: number,
  more: Partial<CreateCacheClusterCommandInput> = {},
): Promise<CacheCluster> => {
  const client = service.client()
  await client.send(
    new CreateCacheClusterCommand({
      CacheClusterId: id,
      Engine: 'memcached',
      CacheNodeType: 'cache.t4g.micro',
      NumCacheNodes: count,
      TransitEncryptionEnabled: true,
      ...more,
    }),
  )
  client.destroy()
  return available(service, id)
}

export const placesOf = (cluster: CacheCluster): { readonly configuration: Place; readonly nodes: readonly Place[] } => {
  const endpoints = [cluster.ConfigurationEndpoint, ...(cluster.CacheNodes ?? []).map((node) => node.Endpoint)]
  const [configuration, ...nodes] = endpoints.map((endpoint) => ({ host: endpoint?.Address ?? '', port: endpoint?.Port ?? 0 }))
  assert.ok(configuration)
  return { configuration, nodes }
}
