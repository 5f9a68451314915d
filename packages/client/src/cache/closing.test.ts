/** Closing: what is running may end, and what does not end keeps nobody. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isCacheError } from '../errors.ts'
import { type Cache, createCache } from '../index.ts'
import { openServers, type Server, type Servers } from '../testing/servers.ts'

describe('a cache that is closed', () => {
  let servers: Servers
  let server: Server
  let cache: Cache
  const open = () => createCache({ url: server.url, patience: 1_000 })
  before(async () => {
    servers = await openServers()
    server = await servers.start()
    cache = await open()
  })
  after(async () => {
    await cache.close()
    await servers[Symbol.asyncDispose]()
  })

  it('lets writes end that are running, and tells who comes later', async () => {
    const closing = await open()
    await cache.get('closing', async () => 'old', { tags: ['closing'] })
    let source = 'old'
    const write = async (): Promise<void> => {
      await delay(100)
      source = 'new'
    }
    const put = closing.put('closing', 'new', write, { tags: ['closing'] })
    const queue = closing.writeBehind<string>({ write: () => delay(50), onLost: () => assert.fail('it was lost') })
    await queue.put('behind', 'x')
    const closed = closing.close()
    await assert.rejects(closing.invalidate(['closing']), (error: unknown) => isCacheError(error, 'closed'))
    await Promise.all([put, closed])
    assert.equal(queue.size(), 0)
    assert.equal(source, 'new')
    assert.equal(await cache.get('closing', async () => source, { tags: ['closing'] }), 'new')
  })

  it('tells of no error where nothing has gone wrong, also in the middle of what near caches are told', async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      const errors: unknown[] = []
      const closing = await createCache({
        url: server.url,
        near: { maxBytes: 1e6 },
        observe: (event) => void (event.type === 'error' && errors.push(event.error)),
      })
      await closing.get('key', async () => 1, { tags: ['told'] })
      const told = closing.invalidate(['told'])
      await delay(turn / 10)
      await closing.close()
      await told
      assert.deepEqual(errors, [])
    }
  })

  it('waits no longer than it may for a write that does not end', async () => {
    const closing = await open()
    let end: () => void = () => undefined
    const never = new Promise<void>((resolve) => {
      end = resolve
    })
    const put = closing.put('stuck', 1, () => never)
    const began = performance.now()
    await closing.close({ patience: 50 })
    assert.ok(performance.now() - began < 2_000)
    end()
    await assert.rejects(put, (error: unknown) => isCacheError(error, 'closed'))
  })

  it('still tells the server what it could not be told before, if it comes back in time', async () => {
    const closing = await createCache({ url: server.url, commandTimeout: 50, patience: 60, breaker: { failures: 1_000 } })
    assert.equal(await cache.get('untold', async () => 'old', { tags: ['untold'] }), 'old')
    process.kill(server.pid, 'SIGSTOP')
    try {
      await assert.rejects(closing.invalidate(['untold']), (error: unknown) => isCacheError(error, 'unavailable'))
    } finally {
      setTimeout(() => process.kill(server.pid, 'SIGCONT'), 200)
    }
    await closing.close({ patience: 10_000 })
    assert.equal(await cache.get('untold', async () => 'new', { tags: ['untold'] }), 'new')
  })
})
