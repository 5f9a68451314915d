/** The address that was given is that of any node of a cluster, as a configuration endpoint is. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { Logger } from '@valkey/valkey-glide'
import type { Connect } from '../connection/connection.ts'
import { isCacheError } from '../errors.ts'
import { createCache } from '../index.ts'
import { openServers, type Servers } from '../testing/servers.ts'
import { connectGlide } from './glide.ts'
import { connectIoredis } from './ioredis.ts'
import { connectNodeRedis } from './node-redis.ts'

Logger.init('off')

let servers: Servers
before(async () => {
  servers = await openServers()
})
after(() => servers[Symbol.asyncDispose]())

const clients: readonly (readonly [string, Connect])[] = [
  ['@redis/client', connectNodeRedis],
  ['ioredis', connectIoredis],
  ['GLIDE', connectGlide],
]

it('a cluster is found by the address of a replica, and a replica without a cluster is no place for a cache', async () => {
  const nodes = await servers.cluster(3, 1)
  const primary = await servers.start()
  const replica = await servers.start(['--replicaof', `${primary.address} ${primary.port}`])
  for (const [name, connect] of clients) {
    const cache = await createCache({ url: nodes[4]?.url ?? '', connect, namespace: name, required: true })
    for (let index = 0; index < 10; index += 1) await cache.get(`key ${index}`, async () => index, { tags: ['seed'] })
    for (let index = 0; index < 10; index += 1)
      await cache.get(`key ${index}`, () => assert.fail(`${name}: it is kept`), { tags: ['seed'] })
    await cache.close()
    await assert.rejects(
      createCache({ url: replica.url, connect, required: true, connectTimeout: 500 }),
      (error: unknown) => isCacheError(error, 'unavailable') && /found a replica|No primary node/.test(error.message),
      name,
    )
  }
})
