/** What shows the nodes opens no connection to them, and tells the truth also when the service hangs or is away. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CreateReplicationGroupCommand } from '@aws-sdk/client-elasticache'
import { createClient } from '@redis/client'
import { type StatusReport, startTestService, until } from './support/service.ts'

/** The service is asked, and is not waited for longer than this when it hangs; the rest is the start of a process on a loaded machine. */
const hungBoundMs = 15_000

test('status and metrics ask over the connections that are open; a service that hangs or is away is said', async () => {
  await using service = await startTestService()
  const api = service.client()
  await api.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: 'shop',
      ReplicationGroupDescription: 'shop',
      Engine: 'valkey',
      CacheNodeType: 'cache.t4g.micro',
      NumCacheClusters: 2,
    }),
  )
  api.destroy()
  await until('the group is available', async () => (await service.status()).groups[0]?.status === 'available')
  const [first] = await service.nodes()
  assert.ok(first)
  const client = createClient({ url: `redis://${first.address}:${first.port}` })
  try {
    await client.connect()
    const received = async (): Promise<string | undefined> =>
      /total_connections_received:(\d+)/.exec(await client.info('stats'))?.[1]
    const before = await received()
    for (let round = 0; round < 3; round += 1) {
      const { groups } = JSON.parse(service.larder('status', '--json')) as StatusReport
      const shown = groups.flatMap(({ shards }) => shards.flatMap(({ nodes }) => nodes))
      assert.deepEqual(
        shown.map(({ id, pid, status }) => [id, pid, status]),
        (await service.nodes()).map(({ id, pid }) => [id, pid, 'available']),
      )
      assert.match(await (await fetch(`${service.url()}/metrics`)).text(), /larder_node_memory_bytes\{/)
    }
    assert.equal(await received(), before, 'connections that the node has seen')
    assert.match(service.larder('status'), new RegExp(`^${service.url()}\n`))

    process.kill(service.pid(), 'SIGSTOP')
    try {
      const began = performance.now()
      const shown = service.larder('status')
      assert.ok(performance.now() - began < hungBoundMs)
      assert.match(shown, /does not answer; what is shown was asked of the engines themselves/)
      assert.match(shown, /shop-001 {2}primary {2}available/)
    } finally {
      process.kill(service.pid(), 'SIGCONT')
    }
    await service.end()
    assert.match(service.larder('status'), /does not run; what is shown was asked of the engines themselves/)
  } finally {
    client.destroy()
  }
})
