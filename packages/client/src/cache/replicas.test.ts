/** Entries that are read from replicas: what is behind revives nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Logger } from '@valkey/valkey-glide'
import { connectGlide } from '../adapters/glide.ts'
import { connectIoredis } from '../adapters/ioredis.ts'
import { connectNodeRedis } from '../adapters/node-redis.ts'
import { isCacheError } from '../errors.ts'
import { type Cache, createCache } from '../index.ts'
import { openServers, type Server, until } from '../testing/servers.ts'

Logger.init('off')

const getsOf = async (server: Server): Promise<number> =>
  Number(/^cmdstat_get:calls=(\d+)/m.exec(String(await server.command('INFO', 'commandstats')))?.[1] ?? 0)

for (const [name, connect] of [
  ['@redis/client', connectNodeRedis],
  ['ioredis', connectIoredis],
  ['GLIDE', connectGlide],
] as const) {
  for (const kind of ['single', 'cluster'] as const)
    test(`${name}, ${kind}: hits come from the replica, and nothing of before an invalidation does when it is behind`, async () => {
      await using servers = await openServers()
      const [primary, replica] = kind === 'cluster' ? await servers.cluster(1, 1) : [await servers.start(), await servers.start()]
      assert.ok(primary && replica)
      if (kind === 'single') {
        await replica.command('REPLICAOF', primary.address, String(primary.port))
        await until('it follows', async () => /master_link_status:up/.test(String(await replica.command('INFO', 'replication'))))
      }
      const readFrom = kind === 'cluster' ? 'replicas' : { url: replica.url }
      const [cache, writer] = [
        await createCache({ url: primary.url, connect, readFrom }),
        await createCache({ url: primary.url, connect }),
      ]
      try {
        let version = 1
        const get = (tags: readonly string[] = ['t']) => cache.get(`k${tags.join()}`, async () => version, { tags })
        await until('it is read from the replica', async () => {
          await get()
          await get([])
          return (await getsOf(replica)) > 2 && cache.counters().hits > 2
        })
        // From here on the replica keeps what it has.
        process.kill(replica.pid, 'SIGSTOP')
        const slow = await get()
        assert.equal(slow, 1)
        process.kill(replica.pid, 'SIGCONT')
        await until('it answers again', async () => (await replica.command('PING')) === 'PONG')
        if (kind === 'single') await replica.command('REPLICAOF', 'NO', 'ONE')
        version = 2
        await writer.invalidate(['t'])
        assert.equal(await get(), 2)
        assert.equal(await get(), 2)
        await writer.put('k', 3, async () => undefined)
        version = 3
        assert.equal(await get([]), 3)
        await writer.delete('k')
        version = 4
        assert.equal(await get([]), 4)
      } finally {
        await Promise.all([cache.close(), writer.close()])
      }
    })

  test(`${name}: replicas of the own zone are asked, others where there are none, and the primary where none answers`, async () => {
    await using servers = await openServers()
    const primary = await servers.start()
    const replicas = await Promise.all(
      ['us-east-1a', 'us-east-1b'].map((zone) =>
        servers.start(['--availability-zone', zone, '--replicaof', `${primary.address} ${primary.port}`]),
      ),
    )
    const [a, b] = replicas
    assert.ok(a && b)
    for (const one of replicas)
      await until('it follows', async () => /master_link_status:up/.test(String(await one.command('INFO', 'replication'))))
    const open = (zone: string) =>
      createCache({ url: primary.url, connect, commandTimeout: 200, readFrom: { url: replicas.map(({ url }) => url) }, zone })
    const [here, elsewhere] = [await open('us-east-1b'), await open('us-east-1c')]
    const get = (cache: Cache) => cache.get('k', async () => 1)
    try {
      await until('both replicas answer', async () => {
        await get(elsewhere)
        return (await getsOf(a)) > 0 && (await getsOf(b)) > 0
      })
      await until('the own zone is known', async () => {
        const before = await getsOf(a)
        for (let turn = 0; turn < 20; turn += 1) await get(here)
        return (await getsOf(a)) === before
      })
      const hits = here.counters().hits
      await b.kill()
      await until('another one answers', async () => {
        const before = await getsOf(a)
        await get(here)
        return (await getsOf(a)) > before
      })
      await a.kill()
      await until('the primary answers', async () => {
        await get(here)
        return (await getsOf(primary)) > 3
      })
      assert.ok(here.counters().hits > hits)
    } finally {
      await Promise.all([here.close(), elsewhere.close()])
    }
  })

  test(`${name}: a replica that hangs is not asked any longer, until it answers again`, async () => {
    await using servers = await openServers()
    const primary = await servers.start()
    const replica = await servers.start(['--replicaof', `${primary.address} ${primary.port}`])
    await until('it follows', async () => /master_link_status:up/.test(String(await replica.command('INFO', 'replication'))))
    const cache = await createCache({ url: primary.url, connect, commandTimeout: 200, readFrom: { url: replica.url } })
    const isFromReplica = async (): Promise<boolean> => {
      const before = await getsOf(replica)
      await cache.get('k', async () => 1)
      return (await getsOf(replica)) > before
    }
    try {
      await until('it is asked', isFromReplica)
      process.kill(replica.pid, 'SIGSTOP')
      await until('it is left alone', async () => {
        const [hits, began] = [cache.counters().hits, performance.now()]
        await cache.get('k', async () => 1)
        return performance.now() - began < 100 && cache.counters().hits > hits
      })
      process.kill(replica.pid, 'SIGCONT')
      await until('it is asked again', isFromReplica)
    } finally {
      await cache.close()
    }
  })
}

test('URLs of replicas are for groups without cluster mode, `replicas` is for the others', async () => {
  await using servers = await openServers()
  const [single, [node]] = [await servers.start(), await servers.cluster(1)]
  for (const options of [
    { url: single.url, readFrom: 'replicas' } as const,
    { url: node?.url ?? '', readFrom: { url: single.url } },
  ])
    await assert.rejects(createCache(options), (error: unknown) => isCacheError(error, 'usage') && /readFrom/.test(error.message))
})
