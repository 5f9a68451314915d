/** A replication group without cluster mode, made by the unmodified SDK and used by clients that nobody here wrote. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CreateCacheClusterCommand,
  CreateCacheParameterGroupCommand,
  CreateReplicationGroupCommand,
  DecreaseReplicaCountCommand,
  DeleteReplicationGroupCommand,
  DescribeCacheClustersCommand,
  DescribeEventsCommand,
  DescribeReplicationGroupsCommand,
  IncreaseReplicaCountCommand,
  ModifyCacheParameterGroupCommand,
  type ReplicationGroup,
  waitUntilReplicationGroupAvailable,
  waitUntilReplicationGroupDeleted,
} from '@aws-sdk/client-elasticache'
import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import { startTestService, type TestService, until } from './support/service.ts'

const describe = async (service: TestService, id: string): Promise<ReplicationGroup> => {
  const { ReplicationGroups = [] } = await service.client().send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }))
  const [group] = ReplicationGroups
  assert.ok(group)
  return group
}

const available = async (service: TestService, id: string): Promise<ReplicationGroup> => {
  const waiter = { client: service.client(), maxWaitTime: 60, minDelay: 1, maxDelay: 1 }
  const { state } = await waitUntilReplicationGroupAvailable(waiter, { ReplicationGroupId: id })
  assert.equal(state, 'SUCCESS')
  return describe(service, id)
}

test('a group of one primary and two replicas serves, grows, shrinks, follows its parameter group, and goes', async () => {
  await using service = await startTestService()
  const client = service.client()
  await client.send(
    new CreateCacheParameterGroupCommand({
      CacheParameterGroupName: 'pg',
      CacheParameterGroupFamily: 'valkey9',
      Description: 'test',
    }),
  )
  const created = await client.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: 'Shop',
      ReplicationGroupDescription: 'sessions',
      Engine: 'valkey',
      EngineVersion: '9.1',
      CacheNodeType: 'cache.t4g.micro',
      CacheParameterGroupName: 'pg',
      NumCacheClusters: 3,
      AutomaticFailoverEnabled: true,
      MultiAZEnabled: true,
      Port: 6400,
      Tags: [{ Key: 'team', Value: 'web' }],
    }),
  )
  assert.equal(created.ReplicationGroup?.Status, 'creating')
  const group = await available(service, 'shop')
  const shard = group.NodeGroups?.[0]
  assert.deepEqual(group.MemberClusters, ['shop-001', 'shop-002', 'shop-003'])
  const zones = new Set(shard?.NodeGroupMembers?.map((member) => member.PreferredAvailabilityZone))
  assert.equal(zones.size, 3, 'one node in each zone')
  assert.equal(shard?.PrimaryEndpoint?.Port, 6400)

  // The ordinary client of today, through the primary endpoint.
  const { Address: primary = '', Port: port = 0 } = shard?.PrimaryEndpoint ?? {}
  const writer = createClient({ url: `redis://${primary}:${port}` })
  await writer.connect()
  await writer.set('greeting', 'hello')

  // Another one, through the reader endpoint: replicas answer, and both of them.
  const seen = new Set<string>()
  await until('both replicas to answer at the reader endpoint', async () => {
    const reader = new Redis({ host: shard?.ReaderEndpoint?.Address ?? '', port, lazyConnect: true, retryStrategy: () => null })
    await reader.connect()
    const info = await reader.info('replication')
    assert.match(info, /role:slave/)
    seen.add(/process_id:(\d+)/.exec(await reader.info('server'))?.[1] ?? '')
    reader.disconnect()
    return seen.size === 2
  })
  const reader = new Redis({ host: shard?.ReaderEndpoint?.Address ?? '', port })
  await until('the write to be at the replicas', async () => (await reader.get('greeting')) === 'hello')
  await assert.rejects(reader.set('greeting', 'x'), /READONLY/)
  reader.disconnect()

  // What AWS blocks is blocked, what it allows works.
  for (const blocked of [
    ['CONFIG', 'GET', 'dir'],
    ['REPLICAOF', 'NO', 'ONE'],
    ['DEBUG', 'SLEEP', '0'],
    ['ACL', 'SETUSER', 'x'],
    ['SHUTDOWN'],
    ['BGSAVE'],
    ['MODULE', 'LIST'],
  ]) {
    await assert.rejects(writer.sendCommand(blocked), /NOPERM|not allowed/, blocked.join(' '))
  }
  assert.equal(await writer.sendCommand(['ACL', 'WHOAMI']), 'default')

  // A parameter that applies at once reaches running engines: expired events are published without CONFIG.
  const subscriber = writer.duplicate()
  await subscriber.connect()
  const events: string[] = []
  await subscriber.subscribe('__keyevent@0__:set', (key) => events.push(key))
  await client.send(
    new ModifyCacheParameterGroupCommand({
      CacheParameterGroupName: 'pg',
      ParameterNameValues: [{ ParameterName: 'notify-keyspace-events', ParameterValue: 'KEA' }],
    }),
  )
  await until('a keyspace event', async () => {
    await writer.set('watched', '1')
    return events.includes('watched')
  })
  subscriber.destroy()

  // One that needs a reboot is pending until then.
  await client.send(
    new ModifyCacheParameterGroupCommand({
      CacheParameterGroupName: 'pg',
      ParameterNameValues: [{ ParameterName: 'databases', ParameterValue: '32' }],
    }),
  )
  await until('pending-reboot', async () => {
    const { CacheClusters = [] } = await client.send(new DescribeCacheClustersCommand({ CacheClusterId: 'shop-001' }))
    return CacheClusters[0]?.CacheParameterGroup?.ParameterApplyStatus === 'pending-reboot'
  })

  await client.send(new IncreaseReplicaCountCommand({ ReplicationGroupId: 'shop', NewReplicaCount: 3, ApplyImmediately: true }))
  const grown = await available(service, 'shop')
  assert.equal(grown.MemberClusters?.length, 4)
  await client.send(new CreateCacheClusterCommand({ CacheClusterId: 'shop-extra', ReplicationGroupId: 'shop' }))
  const withExtra = await available(service, 'shop')
  assert.ok(withExtra.MemberClusters?.includes('shop-extra'))
  assert.match(await writer.info('replication'), /connected_slaves:4/)
  await client.send(new DecreaseReplicaCountCommand({ ReplicationGroupId: 'shop', NewReplicaCount: 1, ApplyImmediately: true }))
  const shrunk = await available(service, 'shop')
  assert.equal(shrunk.MemberClusters?.length, 2)
  assert.equal((await service.nodes()).length, 2)
  assert.equal(await writer.get('greeting'), 'hello')
  writer.destroy()

  const { Events = [] } = await client.send(
    new DescribeEventsCommand({ SourceType: 'replication-group', SourceIdentifier: 'shop' }),
  )
  assert.ok(Events.some((event) => event.Message === 'Replication group shop created'))

  await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: 'shop' }))
  const waiter = { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }
  assert.equal((await waitUntilReplicationGroupDeleted(waiter, { ReplicationGroupId: 'shop' })).state, 'SUCCESS')
  assert.deepEqual(await service.nodes(), [])
})

test('the same name in two regions is two groups, and an engine version that is not there is refused with those that are', async () => {
  await using service = await startTestService()
  const request = {
    ReplicationGroupId: 'twin',
    ReplicationGroupDescription: 'x',
    Engine: 'redis',
    EngineVersion: '7.0',
    CacheNodeType: 'cache.t3.micro',
    NumCacheClusters: 1,
    AutomaticFailoverEnabled: false,
  }
  for (const region of ['us-east-1', 'eu-central-1']) {
    const client = service.client(region)
    await client.send(new CreateReplicationGroupCommand(request))
    const waiter = { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }
    await waitUntilReplicationGroupAvailable(waiter, { ReplicationGroupId: 'twin' })
  }
  assert.equal((await service.status()).groups.length, 2)
  assert.deepEqual(new Set((await service.nodes()).map((node) => node.version)), new Set(['7.0.15']))
  await assert.rejects(
    service.client().send(new CreateReplicationGroupCommand({ ...request, ReplicationGroupId: 'other', EngineVersion: '5.0.7' })),
    {
      name: 'InvalidParameterValueException',
      message: /Cannot find version 5\.0\.7 for redis: AWS has .*7\.0, 7\.1; installed are 7\.0\.15/,
    },
  )
})
