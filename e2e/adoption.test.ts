/** Larder may be killed at any instant: clients notice nothing, and the next start goes on with the same processes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CreateCacheClusterCommand,
  CreateReplicationGroupCommand,
  waitUntilCacheClusterAvailable,
  waitUntilReplicationGroupAvailable,
} from '@aws-sdk/client-elasticache'
import { createClient } from '@redis/client'
import { startTestService, type TestService, until } from './support/service.ts'
import { signalEngine } from './support/signals.ts'

const group = (id: string, shape: object) => ({
  ReplicationGroupId: id,
  ReplicationGroupDescription: 'x',
  Engine: 'valkey',
  CacheNodeType: 'cache.t4g.micro',
  AutomaticFailoverEnabled: true,
  ...shape,
})

const createAll = async (service: TestService): Promise<void> => {
  const client = service.client()
  const waiter = { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }
  await client.send(new CreateReplicationGroupCommand(group('plain', { NumCacheClusters: 3 })))
  await client.send(new CreateReplicationGroupCommand(group('sharded', { NumNodeGroups: 2, ReplicasPerNodeGroup: 1 })))
  await client.send(
    new CreateCacheClusterCommand({
      CacheClusterId: 'mc',
      Engine: 'memcached',
      CacheNodeType: 'cache.t4g.micro',
      NumCacheNodes: 2,
    }),
  )
  for (const id of ['plain', 'sharded']) await waitUntilReplicationGroupAvailable(waiter, { ReplicationGroupId: id })
  await waitUntilCacheClusterAvailable(waiter, { CacheClusterId: 'mc' })
}

test('a killed service is not noticed by clients, and its next start adopts every process', async () => {
  await using service = await startTestService()
  await createAll(service)
  const before = new Map((await service.nodes()).map((node) => [node.id, node.pid]))
  const primary = (await service.nodes()).find((node) => node.id === 'plain-001')
  const client = createClient({ url: `redis://${primary?.address}:${primary?.port}` })
  const errors: unknown[] = []
  client.on('error', (error) => errors.push(error))
  await client.connect()
  let commands = 0
  let going = true
  const load = (async () => {
    while (going) {
      await client.incr('counter')
      commands += 1
    }
  })()
  for (let round = 0; round < 3; round += 1) {
    const at = commands
    await service.kill()
    await until('traffic while the service is away', () => commands > at + 100)
    await service.start()
  }
  going = false
  await load
  assert.equal(Number(await client.get('counter')), commands, 'every command was carried out once')
  client.destroy()
  assert.deepEqual(errors, [])
  assert.deepEqual(new Map((await service.nodes()).map((node) => [node.id, node.pid])), before)
})

test('a primary that died while the service was away comes back as a replica of the one that has the data', async () => {
  await using service = await startTestService()
  await createAll(service)
  const plain = (await service.nodes()).find((node) => node.id === 'plain-001')
  const client = createClient({ url: `redis://${plain?.address}:${plain?.port}` })
  client.on('error', () => undefined)
  await client.connect()
  await client.set('kept', 'yes')
  await client.sendCommand(['WAIT', '2', '2000'])
  client.destroy()
  await service.kill()
  const lost = (await service.nodes()).filter(
    (node) => node.id === 'plain-001' || node.id === 'sharded-0001-001' || node.id === 'mc.0001',
  )
  for (const node of lost) signalEngine(service.home, node.pid, 'SIGKILL')
  await service.start()
  await until(
    'every node back',
    async () => (await service.nodes()).every((node) => node.pid !== null && node.status === 'available'),
    30_000,
  )
  const nodes = await service.nodes()
  assert.equal(nodes.find((node) => node.id === 'plain-001')?.role, 'replica')
  assert.equal(nodes.find((node) => node.id === 'sharded-0001-001')?.role, 'replica')
  const primary = nodes.find((node) => node.id.startsWith('plain-') && node.role === 'primary')
  const reader = createClient({ url: `redis://${primary?.address}:${primary?.port}` })
  await reader.connect()
  assert.equal(await reader.get('kept'), 'yes')
  reader.destroy()
})

test('after a clean stop, and after the loss of every process, everything comes back without a first call', async () => {
  await using service = await startTestService()
  await createAll(service)
  const plain = (await service.nodes()).find((node) => node.id === 'plain-001')
  const write = async (key: string): Promise<void> => {
    const client = createClient({ url: `redis://${plain?.address}:${plain?.port}` })
    await client.connect()
    await client.set(key, 'yes')
    client.destroy()
  }
  await write('before-down')
  const addresses = (await service.nodes()).map((node) => node.address)
  service.larder('down')
  assert.ok((await service.nodes()).every((node) => node.pid === null))
  await service.kill()
  await service.start()
  await until(
    'all nodes',
    async () => (await service.nodes()).every((node) => node.pid !== null && node.status === 'available'),
    30_000,
  )
  assert.deepEqual(
    (await service.nodes()).map((node) => node.address),
    addresses,
  )
  const client = createClient({ url: `redis://${plain?.address}:${plain?.port}` })
  await client.connect()
  assert.equal(await client.get('before-down'), 'yes', 'a clean stop keeps the data')
  client.destroy()

  await service.kill()
  for (const node of await service.nodes()) signalEngine(service.home, node.pid, 'SIGKILL')
  await service.start()
  await until(
    'all nodes again',
    async () => (await service.nodes()).every((node) => node.pid !== null && node.status === 'available'),
    30_000,
  )
})
