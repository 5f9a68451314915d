/** Attacks on the engines of a running service: from the network, and by clients that are logged in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CreateCacheClusterCommand,
  CreateReplicationGroupCommand,
  DescribeCacheClustersCommand,
  DescribeReplicationGroupsCommand,
  type ElastiCacheClient,
  type Endpoint,
  ModifyReplicationGroupCommand,
} from '@aws-sdk/client-elasticache'
import { findTool } from '../../packages/service/src/engines/tools.ts'
import { canUseNftables } from '../../packages/service/src/host/nftables-try.ts'
import { startTestService, type TestService, until } from '../support/service.ts'
import { disguises } from './command-rows.ts'
import { type EngineTarget, engineAttacks } from './engine-rows.ts'
import { memcachedAttacks } from './memcached-rows.ts'
import { otherAttacks } from './other-rows.ts'
import { restoreAttacks } from './restore-rows.ts'
import { runAttacks } from './table.ts'
import { busAttacks, plainBusAttacks, tlsAttacks } from './tls-rows.ts'
import { unreadAttacks } from './unread-rows.ts'
import { command } from './wire.ts'

const capability = await canUseNftables(findTool('nft', process.env))
const skip = capability.ok ? false : `needs nftables: ${capability.reason}`

const versions = ['9.1', '8.1', '7.0'] as const
const idOf = (version: string): string => `safe-${version.replace('.', '-')}`
const tokenOf = (id: string, turn: 'old' | 'new'): string => `token-of-${id}-${turn}`

const available = (client: ElastiCacheClient, id: string) =>
  until(`${id} available`, async () => {
    const { ReplicationGroups: [group] = [] } = await client.send(
      new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }),
    )
    return group?.Status === 'available' ? group : undefined
  })

const create = async (client: ElastiCacheClient, id: string, version: string, sharded: boolean) => {
  await client.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: id,
      ReplicationGroupDescription: id,
      Engine: version === '7.0' ? 'redis' : 'valkey',
      EngineVersion: version,
      CacheNodeType: 'cache.t4g.micro',
      TransitEncryptionEnabled: true,
      AuthToken: tokenOf(id, 'old'),
      ...(sharded ? { NumNodeGroups: 2, ReplicasPerNodeGroup: 0, AutomaticFailoverEnabled: true } : { NumCacheClusters: 1 }),
    }),
  )
  await available(client, id)
  for (const AuthTokenUpdateStrategy of ['ROTATE', 'SET'] as const) {
    const input = { ReplicationGroupId: id, AuthToken: tokenOf(id, 'new'), AuthTokenUpdateStrategy, ApplyImmediately: true }
    await client.send(new ModifyReplicationGroupCommand(input))
    await available(client, id)
  }
}

const memcachedPlaces = async (client: ElastiCacheClient, CacheClusterId: string) => {
  const { CacheClusters: [cluster] = [] } = await client.send(
    new DescribeCacheClustersCommand({ CacheClusterId, ShowCacheNodeInfo: true }),
  )
  const placeOf = (found: Endpoint | undefined) => ({ host: found?.Address ?? '', port: found?.Port ?? 0 })
  return { node: placeOf(cluster?.CacheNodes?.[0]?.Endpoint), endpoint: placeOf(cluster?.ConfigurationEndpoint) }
}

const pidsOf = async (service: TestService): Promise<readonly string[]> =>
  (await service.nodes()).map(({ id, status, pid }) => `${id} ${status} ${pid}`)

test('nobody gets into an engine, and no client gets out of what it may do', async (context) => {
  await using service = await startTestService()
  const client = service.client()
  const ids = [
    ...versions.map((version) => [idOf(version), version, false] as const),
    ...versions.map((version) => [`shard-${version.replace('.', '-')}`, version, true] as const),
  ]
  const memcached = { Engine: 'memcached', CacheNodeType: 'cache.t4g.micro', NumCacheNodes: 1 }
  await client.send(new CreateCacheClusterCommand({ ...memcached, CacheClusterId: 'mc' }))
  await client.send(new CreateCacheClusterCommand({ ...memcached, CacheClusterId: 'mc-safe', TransitEncryptionEnabled: true }))
  await client.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: 'plain',
      ReplicationGroupDescription: 'plain',
      Engine: 'valkey',
      CacheNodeType: 'cache.t4g.micro',
      ...{ NumNodeGroups: 2, ReplicasPerNodeGroup: 0, AutomaticFailoverEnabled: true },
    }),
  )
  await Promise.all(ids.map(([id, version, sharded]) => create(client, id, version, sharded)))
  await until('all available', async () => (await service.status()).groups.every(({ status }) => status === 'available'))
  const ca = service.larder('ca')
  const before = await pidsOf(service)
  const nodes = await service.nodes()

  for (const [id, version, sharded] of ids) {
    const node = nodes.find((each) => each.id.startsWith(id))
    assert.ok(node)
    const target: EngineTarget = {
      place: { host: node.address, port: node.port, ca },
      token: tokenOf(id, 'new'),
      oldToken: tokenOf(id, 'old'),
      otherToken: tokenOf(ids.find(([other]) => other !== id)?.[0] ?? '', 'new'),
    }
    const login = command('AUTH', target.token)
    await context.test(`${node.engine} ${version}${sharded ? ', sharded' : ''}`, async (each) => {
      await runAttacks(each, { place: target.place, login, sharded }, disguises)
      if (sharded) await runAttacks(each, target, busAttacks)
      else await runAttacks(each, target, [...engineAttacks, ...unreadAttacks, ...restoreAttacks, ...tlsAttacks, ...otherAttacks])
    })
    assert.deepEqual(await pidsOf(service), before, 'every node lives, and is the same process')
  }
  await context.test('sharded, without TLS', { skip }, async (each) => {
    const node = nodes.find(({ id }) => id.startsWith('plain'))
    assert.ok(node)
    const place = { host: node.address, port: node.port }
    await runAttacks(each, { place, token: '', oldToken: '', otherToken: '' }, plainBusAttacks)
  })
  await context.test('memcached', async (each) => {
    const { node, endpoint } = await memcachedPlaces(client, 'mc')
    await runAttacks(each, { node, endpoint }, memcachedAttacks)
    const safe = await memcachedPlaces(client, 'mc-safe')
    const nobody = { token: 'x', oldToken: 'x', otherToken: 'x' }
    await each.test('with TLS', (node) => runAttacks(node, { place: { ...safe.node, ca }, ...nobody }, tlsAttacks))
    await each.test('its endpoint', (endpoint) =>
      runAttacks(endpoint, { place: { ...safe.endpoint, ca }, ...nobody }, tlsAttacks),
    )
  })
  assert.deepEqual(await pidsOf(service), before, 'every node lives, and is the same process')
  client.destroy()
})
