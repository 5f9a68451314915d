/** Entries that are read from replicas: what is behind revives nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectIoredis } from './adapters/ioredis.ts'
import { connectNodeRedis } from './adapters/node-redis.ts'
import { createCache } from './index.ts'
import { openServers, type Server, until } from './testing/servers.ts'

const getsOf = async (server: Server): Promise<number> =>
  Number(/^cmdstat_get:calls=(\d+)/m.exec(String(await server.command('INFO', 'commandstats')))?.[1] ?? 0)

for (const [name, connect] of [
  ['@redis/client', connectNodeRedis],
  ['ioredis', connectIoredis],
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
}
