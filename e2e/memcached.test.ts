/** A Memcached cluster with discovery, and a client that finds its nodes by it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { test } from 'node:test'
import {
  CreateCacheClusterCommand,
  DeleteCacheClusterCommand,
  DescribeCacheClustersCommand,
  ModifyCacheClusterCommand,
  RebootCacheClusterCommand,
  waitUntilCacheClusterAvailable,
} from '@aws-sdk/client-elasticache'
import { Memcache } from 'memcache'
import { startTestService, until } from './support/service.ts'

const ask = (host: string, port: number, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.end(`${text}\r\nquit\r\n`))
    let answer = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })

test('a cluster of three nodes is discovered, changes its size with a new version, and has the threads of its node type', async () => {
  await using service = await startTestService()
  const client = service.client()
  const id = 'mc'
  await client.send(
    new CreateCacheClusterCommand({
      CacheClusterId: id,
      Engine: 'memcached',
      CacheNodeType: 'cache.m7g.xlarge',
      NumCacheNodes: 3,
      AZMode: 'cross-az',
    }),
  )
  const waiter = { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }
  await waitUntilCacheClusterAvailable(waiter, { CacheClusterId: id })
  const { CacheClusters: [cluster] = [] } = await client.send(
    new DescribeCacheClustersCommand({ CacheClusterId: id, ShowCacheNodeInfo: true }),
  )
  assert.equal(cluster?.NumCacheNodes, 3)
  assert.deepEqual(
    cluster?.CacheNodes?.map((node) => node.CacheNodeId),
    ['0001', '0002', '0003'],
  )
  const { Address: host = '', Port: port = 0 } = cluster?.ConfigurationEndpoint ?? {}
  assert.equal(port, 11211)

  const answer = await ask(host, port, 'config get cluster')
  const [, size = '', version = '', list = ''] =
    /^CONFIG cluster 0 (\d+)\r\n((\d+)\n([^\n]*)\n)\r\nEND\r\n$/.exec(answer)?.slice(0) ?? []
  assert.equal(Number(size), Buffer.byteLength(version), answer)
  const addresses = (cluster?.CacheNodes ?? [])
    .map((node) => `${node.Endpoint?.Address}|${node.Endpoint?.Address}|${node.Endpoint?.Port}`)
    .sort()
  assert.deepEqual(answer.split('\n')[2]?.split(' '), addresses)
  assert.ok(list)
  const first = Number(version.split('\n')[0])

  for (const node of await service.nodes()) {
    const commandLine = readFileSync(`/proc/${node.pid}/cmdline`, 'utf8').split('\0')
    assert.equal(commandLine[commandLine.indexOf('-t') + 1], '4', 'as many threads as the node type has processors')
    assert.equal(await ask(node.address, node.port, 'config get cluster'), answer, 'a node tells what the endpoint tells')
    const key = answer.replace('CONFIG cluster', 'VALUE AmazonElastiCache:cluster')
    // Nothing that clients do to the key can be seen.
    for (const harm of ['version', 'flush_all', 'delete AmazonElastiCache:cluster', 'set AmazonElastiCache:cluster 0 0 1\r\nx'])
      assert.ok((await ask(node.address, node.port, `${harm}\r\nget AmazonElastiCache:cluster`)).endsWith(`\r\n${key}`), harm)
  }

  const memcache = new Memcache({
    nodes: (cluster?.CacheNodes ?? []).map((node) => `${node.Endpoint?.Address}:${node.Endpoint?.Port}`),
  })
  for (let index = 0; index < 50; index += 1) assert.equal(await memcache.set(`key${index}`, `value${index}`), true)
  for (let index = 0; index < 50; index += 1) assert.equal(await memcache.get(`key${index}`), `value${index}`)
  await memcache.disconnect()
  assert.equal(await ask(host, port, 'set through 0 0 3\r\nyes\r\nget through'), 'STORED\r\nVALUE through 0 3\r\nyes\r\nEND\r\n')

  await client.send(
    new ModifyCacheClusterCommand({
      CacheClusterId: id,
      NumCacheNodes: 2,
      CacheNodeIdsToRemove: ['0002'],
      ApplyImmediately: true,
    }),
  )
  await until('two nodes and a newer list', async () => {
    const text = await ask(host, port, 'config get cluster')
    return Number(text.split('\n')[1]) > first && text.split('\n')[2]?.split(' ').length === 2
  })
  await waitUntilCacheClusterAvailable(waiter, { CacheClusterId: id })
  assert.deepEqual(
    (await service.nodes()).map((node) => node.id),
    ['mc.0001', 'mc.0003'],
  )
  const shorter = await ask(host, port, 'config get cluster')
  for (const node of await service.nodes()) assert.equal(await ask(node.address, node.port, 'config get cluster'), shorter)

  const before = (await service.nodes()).find((node) => node.id === 'mc.0003')?.pid
  await client.send(new RebootCacheClusterCommand({ CacheClusterId: id, CacheNodeIdsToReboot: ['0003'] }))
  await until('another process for the rebooted node', async () => {
    const node = (await service.nodes()).find((entry) => entry.id === 'mc.0003')
    return node?.pid !== null && node?.pid !== before && node?.status === 'available'
  })

  await client.send(new DeleteCacheClusterCommand({ CacheClusterId: id }))
  await until('nothing left', async () => (await service.nodes()).length === 0)
  await assert.rejects(ask(host, port, 'version'))
})
