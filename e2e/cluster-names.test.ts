/** Clients of a sharded group are told of every replica as soon as the group is available: some die of a map without them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DescribeReplicationGroupsCommand,
  type ElastiCacheClient,
  IncreaseReplicaCountCommand,
} from '@aws-sdk/client-elasticache'
import { Redis } from 'ioredis'
import { createRequest } from './support/groups.ts'
import { type StatusNode, startTestService, until } from './support/service.ts'

const id = 'sharded'

/** Asked of the API alone, and often: whoever waits for the status connects at once. */
const untilAvailable = (client: ElastiCacheClient, nodes: number): Promise<unknown> =>
  until(
    `${nodes} nodes available`,
    async () => {
      const { ReplicationGroups: [group] = [] } = await client.send(
        new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }),
      )
      return group?.Status === 'available' && group.MemberClusters?.length === nodes
    },
    30_000,
  )

/** What this node tells clients: the nodes that CLUSTER SLOTS names, and those that CLUSTER SHARDS calls online. */
const told = async ({ address, port }: StatusNode): Promise<{ readonly named: number; readonly online: number }> => {
  const client = new Redis({ host: address, port, lazyConnect: true, retryStrategy: null })
  try {
    await client.connect()
    const slots = (await client.call('CLUSTER', 'SLOTS')) as readonly (readonly unknown[])[]
    const shards = JSON.stringify(await client.call('CLUSTER', 'SHARDS'))
    const named = new Set(slots.flatMap((range) => range.slice(2).map((node) => String((node as readonly unknown[])[2]))))
    return { named: named.size, online: shards.split('"health","online"').length - 1 }
  } finally {
    client.disconnect()
  }
}

for (const [engine, version] of [
  ['valkey', '9.1'],
  ['valkey', '8.0'],
  ['redis', '7.0'],
] as const) {
  test(`every node of a sharded group of ${engine} ${version} names every replica once the group is available`, async () => {
    await using service = await startTestService()
    const client = service.client()
    const all = async (): Promise<readonly unknown[]> => Promise.all((await service.nodes()).map(told))
    const whole = (nodes: number): readonly unknown[] => Array.from({ length: nodes }, () => ({ named: nodes, online: nodes }))

    await client.send(createRequest(id, { Engine: engine, EngineVersion: version, NumNodeGroups: 3 }))
    await untilAvailable(client, 6)
    assert.deepEqual(await all(), whole(6), 'a new group')

    await client.send(new IncreaseReplicaCountCommand({ ReplicationGroupId: id, NewReplicaCount: 2, ApplyImmediately: true }))
    await untilAvailable(client, 9)
    assert.deepEqual(await all(), whole(9), 'a group that has grown')

    const lost = (await service.nodes()).find((node) => node.id === `${id}-0002-003`)
    assert.ok(lost?.pid)
    process.kill(lost.pid, 'SIGKILL')
    await until('the lost replica is back', async () => {
      const node = (await service.nodes()).find((each) => each.id === lost.id)
      return node?.status === 'available' && node.pid !== null && node.pid !== lost.pid
    })
    assert.deepEqual(await all(), whole(9), 'a group whose replica came back')
    client.destroy()
  })
}
