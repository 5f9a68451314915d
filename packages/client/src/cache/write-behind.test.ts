/** Write-behind on a real server: everybody reads the value at once, and the source gets it in the order in which it was put. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isCacheError } from '../errors.ts'
import { type Cache, createCache } from '../index.ts'
import { openServers, type Server, type Servers, until } from '../testing/servers.ts'

const never = (key: string, _value: unknown, error: unknown): void => assert.fail(`${key} was lost: ${String(error)}`)

describe('write-behind', () => {
  let servers: Servers
  let server: Server
  let cache: Cache
  let other: Cache
  const source = new Map<string, number>()
  const written: [string, number][] = []
  const read = (from: Cache, key: string) => from.get(key, async () => source.get(key) ?? null, { tags: [key] })
  const write = async (key: string, value: number): Promise<void> => {
    await delay(5)
    source.set(key, value)
    written.push([key, value])
  }
  before(async () => {
    servers = await openServers()
    server = await servers.start()
    cache = await createCache({ url: server.url, near: { maxBytes: 1e6 } })
    other = await createCache({ url: server.url, near: { maxBytes: 1e6 } })
  })
  after(async () => {
    await Promise.all([cache.close(), other.close()])
    await servers[Symbol.asyncDispose]()
  })

  it('is read by everybody at once, and written later, the last value of a key at the end', async () => {
    const queue = cache.writeBehind<number>({ write, onLost: never, linger: 20 })
    for (let value = 1; value <= 20; value += 1) {
      await queue.put('a', value, { tags: ['a'] })
      assert.equal(await read(other, 'a'), value)
      assert.equal(await read(cache, 'a'), value)
    }
    await queue.flush()
    assert.equal(source.get('a'), 20)
    assert.equal(queue.size(), 0)
    const own = written.filter(([key]) => key === 'a').map(([, value]) => value)
    assert.deepEqual(
      own,
      [...own].sort((a, b) => a - b),
    )
    assert.ok(own.length < 20, 'later values take the place of those that wait')
    assert.equal(await read(other, 'a'), 20)
    await queue.close()
  })

  it('lets nobody store over it what he has loaded from the source before it was written', async () => {
    let open: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const queue = cache.writeBehind<number>({
      write: async (key, value) => {
        await gate
        source.set(key, value)
      },
      onLost: never,
    })
    source.set('b', 1)
    assert.equal(await read(other, 'b'), 1)
    await queue.put('b', 2, { tags: ['b'] })
    // Evicted: whoever asks goes to the source, and keeps nothing of it.
    await server.command('DEL', 'cache:e:{b}')
    assert.equal(await read(other, 'b'), 1)
    assert.equal(await read(cache, 'b'), 2, 'who wrote it reads it all the same')
    const many = await cache.getMany<number | null>(['b'], async () => new Map([['b', 1]]), { tags: (key) => [key] })
    assert.equal(many.get('b'), 2)
    assert.equal((await cache.explain('b', { tags: ['b'] })).result, 'hit')
    open()
    await queue.flush()
    assert.equal(await read(other, 'b'), 2)
    assert.equal(await read(cache, 'b'), 2)
    await queue.close()
  })

  it('tries again, gives up in the end, and says what is lost', async () => {
    const lost: [string, number][] = []
    let tries = 0
    const queue = cache.writeBehind<number>({
      write: async (key, value) => {
        tries += 1
        if (key === 'never' || tries < 3) throw new Error('the source is down')
        source.set(key, value)
      },
      retries: 2,
      onLost: (key, value) => lost.push([key, value]),
    })
    await queue.put('late', 1)
    await queue.flush()
    assert.equal(source.get('late'), 1)
    await queue.put('never', 1)
    assert.equal(await read(other, 'never'), null, 'another tag than it was put with')
    await queue.flush()
    assert.deepEqual(lost, [['never', 1]])
    assert.equal(await other.get('never', async () => 'of the source'), 'of the source')
    await queue.close()
  })

  it('is not read any longer when the process that had it is gone', async () => {
    const own = await createCache({ url: server.url })
    const queue = own.writeBehind<number>({ write: () => new Promise(() => undefined), onLost: never })
    source.set('gone', 1)
    await queue.put('gone', 2, { tags: ['gone'] })
    assert.equal(await read(other, 'gone'), 2)
    await delay(2_500)
    assert.equal(await read(other, 'gone'), 2, 'as long as it lives it is read')
    await own.close()
    await until('its lock ends', async () => (await read(other, 'gone')) === 1)
  })

  it('takes no more than it may, and closes with everything written', async () => {
    const queue = cache.writeBehind<number>({ write, onLost: never, most: 4, atOnce: 2 })
    let most = 0
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        await queue.put(`c${index}`, index)
        most = Math.max(most, queue.size())
      }),
    )
    await queue.close()
    assert.ok(most <= 4, `${most}`)
    for (let index = 0; index < 30; index += 1) assert.equal(source.get(`c${index}`), index)
    await assert.rejects(queue.put('x', 1), (error: unknown) => isCacheError(error, 'closed'))
  })

  it('queues nothing where the cache cannot be told', async () => {
    await using own = await openServers()
    const away = await own.start()
    const one = await createCache({ url: away.url, commandTimeout: 100 })
    const queue = one.writeBehind<number>({ write, onLost: never })
    await away.kill()
    await assert.rejects(queue.put('k', 1), (error: unknown) => isCacheError(error, 'unavailable'))
    assert.equal(queue.size(), 0)
    await queue.close()
    await one.close()
    assert.equal(source.get('k'), undefined)
    await until('nothing waits', () => queue.size() === 0)
  })
})
