/** Cluster mode is really a cluster: two cluster clients find every shard through the configuration endpoint. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CreateReplicationGroupCommand,
  DeleteReplicationGroupCommand,
  DescribeReplicationGroupsCommand,
  IncreaseReplicaCountCommand,
  waitUntilReplicationGroupAvailable,
} from '@aws-sdk/client-elasticache'
import { createCluster } from '@redis/client'
import { Cluster } from 'ioredis'
import { startTestService, until } from './support/service.ts'

const keys = Array.from({ length: 200 }, (_, index) => `key:${index}`)

for (const [engine, version] of [
  ['valkey', '9.1'],
  ['valkey', '8.1'],
  ['redis', '7.0'],
] as const) {
  test(`three shards of ${engine} ${version} serve cluster clients, take another replica each, and survive the loss of a primary`, async () => {
    await using service = await startTestService()
    const client = service.client()
    const id = 'sharded'
    await client.send(
      new CreateReplicationGroupCommand({
        ReplicationGroupId: id,
        ReplicationGroupDescription: 'x',
        Engine: engine,
        EngineVersion: version,
        CacheNodeType: 'cache.t4g.micro',
        NumNodeGroups: 3,
        ReplicasPerNodeGroup: 1,
        AutomaticFailoverEnabled: true,
      }),
    )
    const waiter = { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }
    await waitUntilReplicationGroupAvailable(waiter, { ReplicationGroupId: id })
    const { ReplicationGroups: [group] = [] } = await client.send(
      new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }),
    )
    assert.equal(group?.ClusterEnabled, true)
    assert.deepEqual(
      group?.NodeGroups?.map((shard) => shard.Slots),
      ['0-5461', '5462-10922', '10923-16383'],
    )
    assert.ok(group?.NodeGroups?.every((shard) => shard.PrimaryEndpoint === undefined))
    const { Address: host = '', Port: port = 0 } = group?.ConfigurationEndpoint ?? {}

    const io = new Cluster([{ host, port }], { redisOptions: { connectTimeout: 2_000 }, clusterRetryStrategy: () => 50 })
    for (const key of keys) await io.set(key, key)
    const node = createCluster({ rootNodes: [{ url: `redis://${host}:${port}` }] })
    node.on('error', () => undefined)
    await node.connect()
    for (const key of keys) assert.equal(await node.get(key), key)
    await node.close()

    await client.send(new IncreaseReplicaCountCommand({ ReplicationGroupId: id, NewReplicaCount: 2, ApplyImmediately: true }))
    await until(
      'nine nodes in sync',
      async () => {
        const { ReplicationGroups: [grown] = [] } = await client.send(
          new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }),
        )
        return grown?.Status === 'available' && grown.MemberClusters?.length === 9
      },
      30_000,
    )

    const primary = (await service.nodes()).find((entry) => entry.id === 'sharded-0002-001')
    assert.ok(primary?.pid)
    process.kill(primary.pid, 'SIGKILL')
    await until(
      'another primary of shard 2, and the lost node back as a replica',
      async () => {
        const nodes = (await service.nodes()).filter((entry) => entry.id.startsWith('sharded-0002-'))
        const former = nodes.find((entry) => entry.id === primary.id)
        return (
          nodes.length === 3 &&
          nodes.every((entry) => entry.status === 'available' && entry.pid !== null) &&
          former?.role === 'replica'
        )
      },
      // A minute of chaos runs beside it in the gate.
      60_000,
    )
    for (const key of keys) assert.equal(await io.get(key), key, 'no key is lost: replication was in sync')
    io.disconnect()

    await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id }))
    await until('nothing left', async () => (await service.nodes()).length === 0)
  })
}
