/** Groups that lose a node, or what a node has on disk, in the middle of a change; with real engines. */
import assert from 'node:assert/strict'
import { readlinkSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import {
  CreateReplicationGroupCommand,
  type CreateReplicationGroupCommandInput,
  DecreaseReplicaCountCommand,
  DescribeReplicationGroupsCommand,
  type ReplicationGroup,
} from '@aws-sdk/client-elasticache'
import { createClient } from '@redis/client'
import { Cluster } from 'ioredis'
import { startTestService, type TestService, until } from './support/service.ts'

/** The gate has a minute of chaos beside it. */
const deadlineMs = 60_000

const create = async (service: TestService, input: Partial<CreateReplicationGroupCommandInput>): Promise<ReplicationGroup> => {
  const client = service.client()
  await client.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: 'demo',
      ReplicationGroupDescription: 'demo',
      Engine: 'valkey',
      CacheNodeType: 'cache.t4g.micro',
      ...input,
    }),
  )
  client.destroy()
  return available(service)
}

const available = (service: TestService): Promise<ReplicationGroup> =>
  until(
    'the group at full health',
    async () => {
      const client = service.client()
      try {
        const { ReplicationGroups: [group] = [] } = await client.send(
          new DescribeReplicationGroupsCommand({ ReplicationGroupId: 'demo' }),
        )
        const isWhole = (await service.nodes()).every((node) => node.pid !== null && node.status === 'available')
        return group?.Status === 'available' && isWhole ? group : undefined
      } finally {
        client.destroy()
      }
    },
    deadlineMs,
  )

test('a primary dies while its last replica is being removed: it comes back with the data, and the replica goes', async () => {
  await using service = await startTestService()
  const group = await create(service, { NumCacheClusters: 2 })
  const { Address: host = '', Port: port = 0 } = group.NodeGroups?.[0]?.PrimaryEndpoint ?? {}
  const ask = async (...command: readonly string[]): Promise<unknown> => {
    const client = createClient({ socket: { host, port, reconnectStrategy: false } })
    client.on('error', () => undefined) // told by the command
    await client.connect()
    try {
      return await client.sendCommand(command)
    } finally {
      client.destroy()
    }
  }
  await ask('SET', 'kept', 'yes')
  assert.equal(await ask('WAIT', '1', '5000'), 1)
  const primary = (await service.nodes()).find((node) => node.role === 'primary')
  assert.ok(primary !== undefined && primary.pid !== null)
  const client = service.client()
  // While Larder is stopped both happen, and it learns of them at once.
  process.kill(service.pid(), 'SIGSTOP')
  const asked = client.send(
    new DecreaseReplicaCountCommand({ ReplicationGroupId: 'demo', NewReplicaCount: 0, ApplyImmediately: true }),
  )
  process.kill(primary.pid, 'SIGKILL')
  process.kill(service.pid(), 'SIGCONT')
  await asked
  client.destroy()
  const left = await available(service)
  assert.equal(left.MemberClusters?.length, 1)
  assert.equal((await service.nodes()).length, 1)
  assert.equal(await ask('GET', 'kept'), 'yes')
})

test('a node of a sharded group whose folder is lost comes back under its id, and copies the data', async () => {
  await using service = await startTestService()
  const group = await create(service, { NumNodeGroups: 2, ReplicasPerNodeGroup: 1, AutomaticFailoverEnabled: true })
  const { Address: host = '', Port: port = 0 } = group.ConfigurationEndpoint ?? {}
  const cluster = new Cluster([{ host, port }], { redisOptions: { connectTimeout: 2_000 }, clusterRetryStrategy: () => 50 })
  cluster.on('error', () => undefined) // told by the commands
  try {
    const keys = Array.from({ length: 50 }, (_, index) => `key:${index}`)
    for (const key of keys) await cluster.set(key, key)
    const replica = (await service.nodes()).find((node) => node.role === 'replica')
    assert.ok(replica !== undefined && replica.pid !== null)
    await service.kill()
    const folder = readlinkSync(`/proc/${replica.pid}/cwd`)
    assert.ok(folder.startsWith(service.home), folder)
    process.kill(replica.pid, 'SIGKILL')
    rmSync(folder, { recursive: true })
    await service.start()
    await available(service)
    const back = (await service.nodes()).find((node) => node.id === replica.id)
    assert.equal(back?.role, 'replica')
    for (const key of keys) assert.equal(await cluster.get(key), key)
  } finally {
    cluster.disconnect()
  }
})
