/** The cache is down, slow, or another one than before: the application goes on, and believes nothing that it should not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCacheError } from '../errors.ts'
import { type CacheEvent, createCache } from '../index.ts'
import { openServers, until } from '../testing/servers.ts'

test('it goes on with the source, never hangs, asks a dead server rarely, and believes nothing of before when it is back', async () => {
  await using servers = await openServers()
  const server = await servers.start()
  const events: CacheEvent[] = []
  const cache = await createCache({
    url: server.url,
    commandTimeout: 100,
    patience: 200,
    breaker: { failures: 2, wait: 100 },
    observe: (event) => events.push(event),
  })
  const get = (value: string) => cache.get('key', async () => value, { tags: ['tag'] })
  try {
    assert.equal(await get('one'), 'one')
    process.kill(server.pid, 'SIGSTOP')
    for (const value of ['two', 'three']) {
      const began = performance.now()
      assert.equal(await get(value), value)
      assert.ok(performance.now() - began < 1_000)
    }
    const began = performance.now()
    for (let turn = 0; turn < 50; turn += 1) assert.equal(await get(`turn ${turn}`), `turn ${turn}`)
    assert.ok(performance.now() - began < 1_000, 'the breaker is open')
    assert.ok(events.some((event) => event.type === 'bypass' && event.reason === 'open'))
    await assert.rejects(cache.invalidate(['tag']), (error: unknown) => isCacheError(error, 'unavailable'))
    await server.kill()
    assert.equal(await get('four'), 'four')
    await server.restart()
    const { hits } = cache.counters()
    await until('it is used again', async () => {
      await get('five')
      return cache.counters().hits > hits
    })
    assert.equal(await get('six'), 'five')
    const states = events.filter(({ type }) => type === 'away' || type === 'back').map(({ type }) => type)
    assert.deepEqual([states.at(0), states.at(-1)], ['away', 'back'])
    assert.equal(states.length % 2, 0)
  } finally {
    await cache.close()
  }
  await assert.rejects(get('seven'), (error: unknown) => isCacheError(error, 'closed'))
})

test('what could not be invalidated is read from the source by this process, and is told to the server as soon as it can be', async () => {
  await using servers = await openServers()
  const server = await servers.start()
  const cache = await createCache({ url: server.url, commandTimeout: 50, patience: 60, breaker: { failures: 1_000 } })
  const other = await createCache({ url: server.url, commandTimeout: 50 })
  let version = 1
  const get = (from: typeof cache) => from.get('key', async () => version, { tags: ['tag'] })
  try {
    assert.equal(await get(cache), 1)
    version = 2
    process.kill(server.pid, 'SIGSTOP')
    await assert.rejects(cache.invalidate(['tag']), (error: unknown) => isCacheError(error, 'unavailable'))
    process.kill(server.pid, 'SIGCONT')
    // The same server with the same data: the entry of before is still there.
    await until('it was told', async () => {
      assert.equal(await get(cache), 2)
      return (await cache.explain('key', { tags: ['tag'] }).catch(() => null))?.result === 'hit'
    })
    assert.equal(await get(cache), 2)
    assert.equal(await get(other), 2)
    await cache.put('put', 1, async () => undefined, { tags: ['tag'] })
    process.kill(server.pid, 'SIGSTOP')
    let wrote = false
    const write = async () => {
      wrote = true
    }
    await assert.rejects(cache.put('put', 2, write, { tags: ['tag'] }), (error: unknown) => isCacheError(error, 'unavailable'))
    assert.ok(wrote, 'the source is what counts')
    process.kill(server.pid, 'SIGCONT')
    await until('it was told', async () => (await other.get('put', async () => 2, { tags: ['tag'] })) === 2)
  } finally {
    await Promise.all([cache.close(), other.close()])
  }
})

test('after a failover that has lost an invalidation nothing of before is given', async () => {
  await using servers = await openServers()
  const [primary, replica] = [await servers.start(), await servers.start()]
  await replica.command('REPLICAOF', primary.address, String(primary.port))
  await until('it follows', async () => /master_link_status:up/.test(String(await replica.command('INFO', 'replication'))))
  const cache = await createCache({ url: primary.url })
  let version = 1
  await cache.get('key', async () => version, { tags: ['tag'] })
  await until('the replica has it', async () => Number(await replica.command('EXISTS', 'cache:t:tag')) === 1)
  // From here on nothing reaches it: as if the primary died before it could send it.
  await replica.command('REPLICAOF', 'NO', 'ONE')
  version = 2
  await cache.invalidate(['tag'])
  await cache.close()
  await primary.kill()
  assert.equal(Number(await replica.command('EXISTS', 'cache:t:tag')), 1, 'the invalidation was lost')
  const after = await createCache({ url: replica.url })
  assert.match((await after.explain('key', { tags: ['tag'] })).why, /failed over/)
  assert.equal(await after.get('key', async () => version, { tags: ['tag'] }), 2)
  await after.close()
})

test('an observer that throws disturbs nobody', async () => {
  await using servers = await openServers()
  const server = await servers.start()
  const observe = () => {
    throw new Error('an observer')
  }
  const cache = await createCache({ url: server.url, observe })
  assert.equal(await cache.get('k', async () => 1), 1)
  assert.ok(cache.counters().errors > 0)
  await cache.close()
})

test('the permissions that the documentation names are enough, near cache included, and one less is told', async () => {
  await using servers = await openServers()
  const server = await servers.start()
  const enough = ['on', '>secret', '~cache:*', '+@read', '+@write', '+@scripting', '+info', '+ping', '+client', '+wait', '+time']
  await server.command('ACL', 'SETUSER', 'app', ...enough)
  const url = server.url.replace('//', '//app:secret@')
  const cache = await createCache({ url, near: { maxBytes: 100_000 } })
  try {
    let version = 1
    const get = () => cache.get('key', async () => version, { tags: ['tag'] })
    await until('it is near', async () => (await get()) === 1 && cache.counters().nearHits > 0)
    version = 2
    await cache.invalidate(['tag'])
    assert.equal(await get(), 2)
    await cache.put('key', 3, async () => undefined, { tags: ['tag'] })
    assert.equal(await get(), 3)
  } finally {
    await cache.close()
  }
  assert.equal(cache.counters().errors, 0)
  await server.command('ACL', 'SETUSER', 'app', '-info')
  await assert.rejects(createCache({ url }), (error: unknown) => isCacheError(error, 'refused') && /info/.test(error.message))
})

test('a server without memory takes invalidations all the same, and keeps nothing until it has some', async () => {
  await using servers = await openServers()
  const server = await servers.start()
  const open = () => createCache({ url: server.url, near: { maxBytes: 1e6 } })
  const [cache, other] = [await open(), await open()]
  let version = 1
  const get = (from: typeof cache) => from.get('key', async () => version, { tags: ['tag'] })
  try {
    assert.equal(await get(cache), 1)
    assert.equal(await get(other), 1)
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    version = 2
    await cache.invalidate(['tag'])
    assert.equal(await get(other), 2)
    await cache.put('key', 3, async () => {
      version = 3
    })
    assert.equal(await get(other), 3)
    version = 4
    await cache.delete('key')
    assert.equal(await get(other), 4)
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    const { hits } = cache.counters()
    await until('it is used again', async () => {
      await get(cache)
      return cache.counters().hits > hits
    })
  } finally {
    await Promise.all([cache.close(), other.close()])
  }
})

test('an application starts without its cache, says so once, and uses it as soon as it answers', async () => {
  await using servers = await openServers()
  const server = await servers.start()
  await server.kill()
  const warnings: Error[] = []
  const warned = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warned)
  const began = performance.now()
  const cache = await createCache({ url: server.url, near: { maxBytes: 1e6 }, connectTimeout: 500, patience: 100 })
  try {
    assert.ok(performance.now() - began < 5_000)
    let version = 1
    const get = () => cache.get('key', async () => version, { tags: ['tag'] })
    assert.equal(await get(), 1)
    await assert.rejects(cache.invalidate(['tag']), (error: unknown) => isCacheError(error, 'unavailable'))
    version = 2
    assert.equal(await get(), 2)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]?.message ?? '', /the source is asked until it does/)
    await server.restart()
    await until('there are near hits', async () => {
      await get()
      return cache.counters().nearHits > 0
    })
    version = 3
    await cache.invalidate(['tag'])
    assert.equal(await get(), 3)
  } finally {
    process.off('warning', warned)
    await cache.close()
  }
})

test('a cache that is required rejects where nobody answers, and one that is closed before anybody does ends', async () => {
  await using servers = await openServers()
  const server = await servers.start()
  await server.kill()
  const options = { url: server.url, connectTimeout: 300 }
  await assert.rejects(createCache({ ...options, required: true }), (error: unknown) => isCacheError(error, 'unavailable'))
  const cache = await createCache(options)
  await cache.close()
  await assert.rejects(cache.invalidate(['tag']), (error: unknown) => isCacheError(error, 'closed'))
})

test('a cluster that answers only after the start is used as one', async () => {
  await using servers = await openServers()
  const nodes = await servers.cluster(3)
  await Promise.all(nodes.map((node) => node.kill()))
  const cache = await createCache({ url: nodes[0]?.url ?? '', connectTimeout: 500, near: { maxBytes: 1e6 } })
  try {
    const get = (key: string) => cache.get(key, async () => key, { tags: [key] })
    assert.equal(await get('key 0'), 'key 0')
    await Promise.all(nodes.map((node) => node.restart()))
    await until('keys of all shards are hit', async () => {
      const { hits } = cache.counters()
      for (let index = 0; index < 20; index += 1) assert.equal(await get(`key ${index}`), `key ${index}`)
      return cache.counters().hits === hits + 20
    })
  } finally {
    await cache.close()
  }
})

for (const [what, jump] of [
  ['back', -365 * 86_400_000],
  ['ahead', 365 * 86_400_000],
] as const)
  test(`a clock that jumps a year ${what} keeps nobody from the cache, and ends no load`, async (t) => {
    let wrong = 0
    const right = Date.now
    t.mock.method(Date, 'now', () => right() + wrong)
    await using servers = await openServers()
    const server = await servers.start()
    const breaker = { failures: 1, wait: 100 }
    const cache = await createCache({ url: server.url, commandTimeout: 100, patience: 200, waitTime: 2_000, breaker })
    try {
      process.kill(server.pid, 'SIGSTOP')
      assert.equal(await cache.get('key', async () => 'one'), 'one')
      wrong = jump
      process.kill(server.pid, 'SIGCONT')
      const { hits } = cache.counters()
      await until('it is used again', async () => {
        await cache.get('key', async () => 'two')
        return cache.counters().hits > hits
      })
      let loads = 0
      const load = async (): Promise<string> => {
        loads += 1
        wrong = wrong === 0 ? jump : 0
        await new Promise((resolve) => setTimeout(resolve, 300))
        return 'loaded'
      }
      const found = await Promise.all([cache.get('slow', load), cache.get('slow', load), cache.get('slow', load)])
      assert.deepEqual([found, loads <= 2], [['loaded', 'loaded', 'loaded'], true])
    } finally {
      await cache.close()
    }
  })
