/** A load that never ends: it keeps waiting who has asked for it, and nobody else for longer than may be waited for others. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createCache } from '../index.ts'
import { openServers, type Server, type Servers, until } from '../testing/servers.ts'

let servers: Servers
let server: Server
before(async () => {
  servers = await openServers()
  server = await servers.start()
})
after(() => servers[Symbol.asyncDispose]())

const waitTime = 200
const hangs = () => new Promise<string>(() => undefined)
const inTime = async <T>(work: Promise<T>, milliseconds: number): Promise<T | 'it hangs'> =>
  Promise.race([work, delay(milliseconds, 'it hangs' as const)])

it('others go to the source, in this process and in another, and it is cached again', { timeout: 30_000 }, async () => {
  const [cache, other] = [await createCache({ url: server.url, waitTime }), await createCache({ url: server.url, waitTime })]
  let isAborted = false
  cache
    .get('k', ({ signal }) => {
      signal.addEventListener('abort', () => {
        isAborted = true
      })
      return hangs()
    })
    .catch(() => undefined)
  await until('it is loaded', async () => Number(await server.command('EXISTS', 'cache:l:{k}')) === 1)
  const both = [cache, other].map((one) =>
    inTime(
      one.get('k', async () => 'of the source'),
      5_000,
    ),
  )
  assert.deepEqual(await Promise.all(both), ['of the source', 'of the source'])
  assert.equal(isAborted, false, 'who has begun it waits still')
  await until('it is cached again', async () => {
    const found = await inTime(
      cache.get('k', async () => 'anew'),
      5_000,
    )
    return found === 'anew' && (await cache.explain('k')).result === 'hit'
  })
  await Promise.all([cache.close(), other.close()])
})

it('where the cache is away the next one does not wait for it without end, and a load is told when nobody waits for it', {
  timeout: 30_000,
}, async () => {
  await using own = await openServers()
  const away = await own.start()
  const breaker = { failures: 1, wait: 60_000, longest: 60_000 }
  const cache = await createCache({ url: away.url, commandTimeout: 100, waitTime, breaker })
  await away.kill()
  await cache.get('opens the breaker', async () => 1)
  let isAborted = false
  const load = ({ signal }: { readonly signal: AbortSignal }): Promise<string> => {
    signal.addEventListener('abort', () => {
      isAborted = true
    })
    return hangs()
  }
  await assert.rejects(cache.get('k', load, { timeout: 20 }))
  await until('it is told', () => isAborted)
  const rest = Array.from({ length: 3 }, () =>
    inTime(
      cache.get('k', async () => 'of the source'),
      5_000,
    ),
  )
  assert.deepEqual(await Promise.all(rest), ['of the source', 'of the source', 'of the source'])
  await cache.close()
})
