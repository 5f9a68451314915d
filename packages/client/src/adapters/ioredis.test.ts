import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cacheContract } from '../cache/cache.contract.ts'
import { nearContract } from '../cache/near.contract.ts'
import { connectionContract, enginesContract } from '../connection/connection.contract.ts'
import { isCacheError } from '../errors.ts'
import { createCache } from '../index.ts'
import { openProxy } from '../testing/proxy.ts'
import { openServers, until } from '../testing/servers.ts'
import { connectIoredis } from './ioredis.ts'

connectionContract('ioredis', connectIoredis, { tracking: true, saysWhy: true })
enginesContract('ioredis', connectIoredis)
cacheContract('ioredis', connectIoredis, ['single', 'cluster'])
nearContract('ioredis', connectIoredis)

const near = { maxBytes: 100_000 }

test('ioredis: when the connection that tells of changes is lost, or says nothing, nothing is believed until there is another one', async () => {
  await using servers = await openServers()
  const server = await servers.start()
  await using proxy = await openProxy(server)
  const cache = await createCache({ url: proxy.url, connect: connectIoredis, near, commandTimeout: 200 })
  const get = () => cache.get('key', async () => 1, { tags: ['tag'] })
  const isNear = async () => {
    await get()
    return (await cache.explain('key', { tags: ['tag'] }).catch(() => ({ near: false }))).near
  }
  const ends: readonly (() => Promise<unknown>)[] = [
    () => server.command('CLIENT', 'KILL', 'TYPE', 'pubsub'),
    () => server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
    async () => proxy.set('hang'),
  ]
  try {
    for (const end of ends) {
      await until('it is near', isNear)
      await end()
      await until(
        'it has noticed',
        async () => (await cache.explain('key', { tags: ['tag'] }).catch(() => ({ near: false }))).near === false,
      )
    }
    proxy.set('open')
    await until('it is near again', isNear)
    const clients = String(await server.command('CLIENT', 'LIST', 'TYPE', 'pubsub'))
      .trim()
      .split('\n')
    assert.equal(clients.length, 1, 'none is left over')
  } finally {
    await cache.close()
  }
})

test('ioredis: two connections by one name that are to two servers are not taken for a pair', async () => {
  await using servers = await openServers()
  const [a, b] = [await servers.start(), await servers.start()]
  await using proxy = await openProxy(a, b)
  await assert.rejects(
    createCache({ url: proxy.url, connect: connectIoredis, near, connectTimeout: 400, required: true }),
    (error: unknown) => isCacheError(error, 'unavailable') && /two/.test(error.message),
  )
})

test('ioredis: the permissions that the documentation names are enough for a near cache, and without the channel it is told', async () => {
  await using servers = await openServers()
  const server = await servers.start()
  const enough = [
    'on',
    '>secret',
    '~cache:*',
    '+@read',
    '+@write',
    '+@scripting',
    '+info',
    '+ping',
    '+client',
    '+wait',
    '+time',
    '+subscribe',
  ]
  await server.command('ACL', 'SETUSER', 'app', 'reset', ...enough, '&__redis__:invalidate')
  const url = server.url.replace('//', '//app:secret@')
  const cache = await createCache({ url, connect: connectIoredis, near })
  try {
    await until('it is near', async () => {
      await cache.get('key', async () => 1, { tags: ['tag'] })
      return cache.counters().nearHits > 0
    })
    await cache.invalidate(['tag'])
  } finally {
    await cache.close()
  }
  assert.equal(cache.counters().errors, 0)
  await server.command('ACL', 'SETUSER', 'app', 'resetchannels')
  await assert.rejects(
    createCache({ url, connect: connectIoredis, near, connectTimeout: 400 }),
    (error: unknown) => isCacheError(error, 'refused') && /channel/.test(error.message),
  )
})
