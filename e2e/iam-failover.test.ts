/** A primary dies under clients that log in by IAM: they come back with tokens of their own, and the new primary lets in nobody else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient, createCluster } from '@redis/client'
import { cache, create, login, tokens, user } from './support/iam-logins.ts'
import { startTestService, until } from './support/service.ts'

const minute = 60_000
/** Of both shards, where there are two. */
const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

for (const isSharded of [false, true])
  test(`cluster mode ${isSharded ? 'enabled' : 'disabled'}: a client goes on at the new primary with a fresh token`, async () => {
    await using service = await startTestService()
    const place = await create(service, isSharded ? { NumNodeGroups: 2, NumCacheClusters: undefined } : {})
    const primaries = async () => (await service.nodes()).filter(({ role }) => role === 'primary')
    const [[before], token] = [await primaries(), tokens(service)]
    assert.ok(before?.pid)
    // `orders-0001-` of `orders-0001-002`.
    const shard = before.id.slice(0, -3)
    let made = 0
    const options = {
      socket: { tls: true as const, ca: place.ca, reconnectStrategy: 50 },
      disableOfflineQueue: true,
      credentialsProvider: {
        type: 'async-credentials-provider' as const,
        credentials: async () => {
          made += 1
          return { username: user, password: await token() }
        },
      },
    }
    const { host, port } = place
    const client = isSharded
      ? createCluster({ rootNodes: [{ socket: { ...options.socket, host, port } }], defaults: options, RESP: 3 })
      : createClient({ ...options, socket: { ...options.socket, host, port }, RESP: 3 })
    client.on('error', () => undefined) // told by the commands
    try {
      await client.connect()
      for (const key of keys) assert.equal(await client.set(key, 'before'), 'OK')
      const madeBefore = made
      process.kill(before.pid, 'SIGKILL')
      const promoted = await until('another primary', async () => {
        const now = (await primaries()).find(({ id }) => id.startsWith(shard))
        return now?.id === before.id ? undefined : now
      })
      const at = { ...place, host: promoted.address, port: promoted.port }
      assert.equal(await login(at, user, await token()), 'OK', 'at once')
      assert.equal(await login(at, user, await token({ cache: `${cache}2` })), 'WRONGPASS')
      assert.equal(await login(at, user, await token({ at: Date.now() - 16 * minute })), 'WRONGPASS')
      for (const key of keys) await until(`the client writes ${key} again`, async () => (await client.set(key, 'after')) === 'OK')
      assert.ok(made > madeBefore, 'with a token of its own')
    } finally {
      client.destroy()
    }
  })
