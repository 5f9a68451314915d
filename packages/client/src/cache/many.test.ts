/** Many at once: what is stale, what cannot be loaded, and a server that comes back. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Cache, type CacheOptions, createCache } from '../index.ts'
import { openServers, type Server, type Servers, until } from '../testing/servers.ts'

describe('many at once', () => {
  let servers: Servers
  let server: Server
  const opened: Cache[] = []
  const open = async (options: Partial<CacheOptions> = {}): Promise<Cache> => {
    const cache = await createCache({ url: server.url, ...options })
    opened.push(cache)
    return cache
  }
  before(async () => {
    servers = await openServers()
    server = await servers.start()
  })
  after(async () => {
    await Promise.all(opened.map((cache) => cache.close()))
    await servers[Symbol.asyncDispose]()
  })
  const valuesOf = (keys: readonly string[], turn: number) => new Map(keys.map((key) => [key, `${key} ${turn}`]))

  it('gives those whose time is over while all of them are loaded behind at once', async () => {
    const cache = await open()
    const keys = ['a', 'b', 'c']
    const asked: (readonly string[])[] = []
    const load = async (missing: readonly string[]) => {
      asked.push(missing)
      return valuesOf(missing, asked.length)
    }
    const options = { ttl: 30, staleWhileRevalidate: 10_000, earlyRefresh: 0, tags: (key: string) => [`tag ${key}`] }
    assert.deepEqual(await cache.getMany(keys, load, options), valuesOf(keys, 1))
    await delay(40)
    assert.deepEqual(await cache.getMany(keys, load, options), valuesOf(keys, 1))
    await until('they are loaded behind', () => asked.length === 2)
    assert.deepEqual([...(asked[1] ?? [])].sort(), keys)
    await until('the new ones are given', async () => (await cache.getMany(keys, load, options)).get('a') !== 'a 1')
    const before = asked.length
    await cache.invalidate(['tag b'])
    const found = await cache.getMany(keys, load, options)
    assert.ok(Number(found.get('b')?.split(' ')[1]) > before, 'never after an invalidation')
  })

  it('loads early, before their time is over', async () => {
    const cache = await open()
    let loads = 0
    const load = async (missing: readonly string[]) => {
      loads += 1
      await delay(5)
      return valuesOf(missing, loads)
    }
    await cache.getMany(['early 1', 'early 2'], load, { ttl: 10_000, earlyRefresh: 1e9 })
    await cache.getMany(['early 1', 'early 2'], load, { ttl: 10_000, earlyRefresh: 1e9 })
    await until('they are loaded again', () => loads === 2)
  })

  it('gives those whose time is over where the load fails, if there is one for each that is missing', async () => {
    const cache = await open()
    const options = { ttl: 20, staleIfError: 10_000, earlyRefresh: 0 }
    await cache.getMany(['x', 'y'], async (missing) => valuesOf(missing, 1), options)
    await delay(30)
    const fails = async (): Promise<Map<string, string>> => {
      throw new Error('the source is down')
    }
    assert.deepEqual(await cache.getMany(['x', 'y'], fails, options), valuesOf(['x', 'y'], 1))
    await assert.rejects(cache.getMany(['x', 'y', 'z'], fails, options), /the source is down/)
    await cache.delete('x')
    await assert.rejects(cache.getMany(['x', 'y'], fails, options), /the source is down/)
  })

  it('goes around a server that does not answer, gives the same as with it, and uses it again when it is back', async () => {
    const cache = await open({ commandTimeout: 50, breaker: { failures: 1, wait: 20, longest: 100 } })
    const date = new Date(0)
    const get = () => cache.getMany<unknown>(['k', 'l'], async (missing) => new Map(missing.map((key) => [key, date])))
    const expected = new Map([
      ['k', date.toJSON()],
      ['l', date.toJSON()],
    ])
    process.kill(server.pid, 'SIGSTOP')
    try {
      for (let turn = 0; turn < 3; turn += 1) assert.deepEqual(await get(), expected)
    } finally {
      process.kill(server.pid, 'SIGCONT')
    }
    await until('both are hit', async () => {
      const { hits } = cache.counters()
      assert.deepEqual(await get(), expected)
      return cache.counters().hits === hits + 2
    })
  })

  it('may be given up while the server does not answer', async () => {
    const cache = await open({ commandTimeout: 5_000, near: { maxBytes: 1e6 } })
    process.kill(server.pid, 'SIGSTOP')
    try {
      const began = performance.now()
      const work = cache.getMany(['m'], async () => ({ m: 1 }), { timeout: 50 })
      await assert.rejects(work, /within 50 ms/)
      assert.ok(performance.now() - began < 2_000)
    } finally {
      process.kill(server.pid, 'SIGCONT')
    }
  })

  it('explains an entry by the tags with which it is stored, unless others are given', async () => {
    const cache = await open()
    await cache.get('why', async () => 1, { tags: ['one', 'two'] })
    assert.equal((await cache.explain('why')).result, 'hit')
    assert.equal((await cache.explain('why', { tags: ['one'] })).difference?.kind, 'tags')
    await cache.invalidate(['two'])
    const { result, difference } = await cache.explain('why')
    assert.equal(result, 'miss')
    assert.deepEqual(difference, { kind: 'invalidated', tags: ['two'] })
  })
})
