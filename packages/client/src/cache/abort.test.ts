/** Callers who give up: at once, together, while others wait. Nothing of theirs is left over. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { after, before, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isCacheError } from '../errors.ts'
import { type Cache, type CacheOptions, createCache } from '../index.ts'
import { openServers, type Server, type Servers } from '../testing/servers.ts'

const gone = /the user has left/
const left = (): AbortSignal => AbortSignal.abort(new Error('the user has left'))

let servers: Servers
let server: Server
const unhandled: unknown[] = []
const warnings: Error[] = []
const note = (error: unknown): void => void unhandled.push(error)
const warn = (warning: Error): void => void warnings.push(warning)
before(async () => {
  process.on('unhandledRejection', note)
  process.on('warning', warn)
  servers = await openServers()
  server = await servers.start()
})
after(async () => {
  process.off('unhandledRejection', note)
  process.off('warning', warn)
  await servers[Symbol.asyncDispose]()
})

const withCache = async (use: (cache: Cache) => Promise<void>, options: Partial<CacheOptions> = {}): Promise<void> => {
  const cache = await createCache({ url: server.url, ...options })
  try {
    await use(cache)
    await delay(20) // whatever is rejected that nobody waits for
    assert.deepEqual(unhandled.splice(0), [], 'a process ends by rejections that nobody handles')
  } finally {
    await cache.close()
  }
}

it('many are given up at once where nobody waits for them from the start, and nothing is rejected behind', () =>
  withCache(async (cache) => {
    const load = async (): Promise<Record<string, number>> => assert.fail('nobody wants it')
    await assert.rejects(cache.getMany(['a', 'b'], load, { signal: left() }), gone)
    await assert.rejects(cache.getMany(['a', 'b'], load, { timeout: 0.001, signal: left() }), gone)
  }))

it('many are given up while the cache is asked, while they load, and while others load them', () =>
  withCache(async (cache) => {
    for (const wait of [0, 1, 5, 30]) {
      const controller = new AbortController()
      const keys = [`a${wait}`, `b${wait}`]
      const other = cache.get(keys[0] ?? '', () => delay(60, 1))
      const all = cache.getMany(keys, () => delay(60).then(() => Promise.reject(new Error('the source is down'))), {
        signal: controller.signal,
      })
      setTimeout(() => controller.abort(new Error('the user has left')), wait)
      await assert.rejects(all, gone)
      assert.equal(await other, 1)
      await delay(70)
    }
  }))

it('where the cache is away nothing is rejected behind who has left before he asked', async () => {
  await using own = await openServers()
  const away = await own.start()
  await withCache(
    async (cache) => {
      await away.kill()
      await cache.get('opens the breaker', async () => 1)
      const load = () => delay(20).then(() => Promise.reject(new Error('the source is down')))
      const first = cache.get('k', load)
      await delay(5)
      const signal = left()
      const rest = [cache.get('k', load, { signal }), cache.get('k', load, { signal }), cache.getMany(['k'], load, { signal })]
      for (const one of rest) await assert.rejects(one, gone)
      await assert.rejects(first, /the source is down/)
      await delay(50)
    },
    { url: away.url, commandTimeout: 100, breaker: { failures: 1, wait: 60_000, longest: 60_000 } },
  )
})

it('leaves no listeners on a signal that lives long', () =>
  withCache(async (cache) => {
    const { signal } = new AbortController()
    for (let round = 0; round < 20; round += 1) {
      const one = (index: number) => cache.get(`long:${round}:${index}`, async () => index, { signal, timeout: 5_000 })
      await Promise.all(Array.from({ length: 50 }, (_, index) => one(index)))
      await cache.getMany([`long:${round}:1`, `longer:${round}`], async () => new Map(), { signal })
      await cache.getMany([`long:${round}:2`, `longer:${round}`], async () => new Map())
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0)
    assert.deepEqual(warnings, [])
  }))

it('one of several who wait gives up and the others get it; timeouts that make no sense are told', () =>
  withCache(async (cache) => {
    let aborts = 0
    const load = ({ signal }: { readonly signal: AbortSignal }) => {
      signal.addEventListener('abort', () => {
        aborts += 1
      })
      return delay(80, 'loaded')
    }
    const all = [
      cache.get('shared', load, { timeout: 10 }),
      cache.get('shared', load),
      cache.get('shared', load, { signal: left() }),
      cache.get('shared', load, { timeout: 5_000 }),
    ]
    const ended = await Promise.allSettled(all)
    assert.deepEqual(
      ended.map((one) => (one.status === 'fulfilled' ? one.value : isCacheError(one.reason) ? one.reason.code : 'left')),
      ['timeout', 'loaded', 'left', 'loaded'],
    )
    assert.equal(aborts, 0)
    for (const timeout of [Number.NaN, -1, Number.POSITIVE_INFINITY, 2 ** 31]) {
      const usage = (error: unknown) => isCacheError(error, 'usage')
      await assert.rejects(
        cache.get('patient', async () => 1, { timeout }),
        usage,
      )
      await assert.rejects(
        cache.getMany(['patient'], async () => new Map(), { timeout }),
        usage,
      )
    }
  }))
