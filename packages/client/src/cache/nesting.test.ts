/** What applications do by mistake within a load, and what is not one. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Cache, type CacheOptions, createCache, isCacheError } from '../index.ts'
import { openProxy } from '../testing/proxy.ts'
import { openServers } from '../testing/servers.ts'

const servers = await openServers()
const server = await servers.start()
after(() => servers[Symbol.asyncDispose]())

const isNested = (error: unknown): boolean =>
  isCacheError(error, 'usage') && /found a read of '[jk]' \(a string\) within its load/.test(error.message)

let last = 0
const open = async (options: Partial<CacheOptions> = {}): Promise<Cache & AsyncDisposable> => {
  last += 1
  const cache = await createCache({ url: server.url, namespace: `nesting${last}`, waitTime: 60_000, ...options })
  return { ...cache, [Symbol.asyncDispose]: () => cache.close({ patience: 0 }) }
}

const bulk = async (cache: Cache, load: () => Promise<unknown>): Promise<unknown> =>
  (await cache.getMany(['j', 'k'], async () => ({ k: await load() }))).get('k')
const readers: Readonly<Record<string, (cache: Cache, load: () => Promise<unknown>) => Promise<unknown>>> = {
  get: (cache, load) => cache.get('k', load),
  'get with tags': (cache, load) => cache.get('k', load, { tags: ['t'] }),
  'get with a time': (cache, load) => cache.get('k', load, { timeout: 50_000 }),
  getMany: bulk,
  wrap: (cache, load) => cache.wrap(load, { key: () => 'k' })(),
}

for (const [outer, read] of Object.entries(readers))
  for (const [inner, again] of Object.entries(readers)) {
    test(`${inner} of a key within its own load by ${outer} is an error at once`, async () => {
      await using cache = await open()
      const nested = (): Promise<unknown> => read(cache, () => again(cache, async () => 1))
      await assert.rejects(nested(), isNested)
      await assert.rejects(
        read(cache, () => cache.get('other', () => again(cache, async () => 1))),
        isNested,
        'through the load of another key',
      )
      assert.equal(await read(cache, async () => 'afterwards'), 'afterwards')
    })
  }

test('it is an error around the cache too', async () => {
  await using proxy = await openProxy(server)
  await using cache = await open({ url: proxy.url, commandTimeout: 50 })
  proxy.set('hang')
  for (const read of Object.values(readers))
    await assert.rejects(
      read(cache, () => read(cache, async () => 1)),
      isNested,
    )
})

test('the same key of another cache, of a namespace, and after the load has ended, is none', async () => {
  await using cache = await open()
  await using other = await open()
  const value = await cache.get('k', async () => [
    await other.get('k', () => 'other'),
    await cache.namespace('n').get('k', () => 'namespace'),
    await cache.get('l', () => 'another key'),
  ])
  assert.deepEqual(value, ['other', 'namespace', 'another key'])
  let late: Promise<unknown> | undefined
  await cache.get('first', async () => {
    late = delay(50).then(() => cache.get('first', () => 'late'))
    return 'first'
  })
  await cache.delete('first')
  assert.equal(await late, 'late')
})

test('callers that wait for the load of somebody else are told nothing', async () => {
  await using cache = await open()
  let loads = 0
  const load = async (): Promise<number> => {
    await delay(50)
    loads += 1
    return loads
  }
  // Each within the load of a key of its own.
  const reads = Array.from({ length: 20 }, (_, n) => cache.get(`own${n}`, () => cache.get('k', load)))
  assert.deepEqual(new Set(await Promise.all(reads)), new Set([1]))
})

const warnings: Error[] = []
process.on('warning', (warning) => void warnings.push(warning))
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(() => setImmediate(resolve)))

test('500 reads with one signal warn of nothing, and end when it is aborted', async () => {
  await using cache = await open()
  warnings.length = 0
  const controller = new AbortController()
  const { signal } = controller
  const many = Array.from({ length: 500 }, (_, n) => n)
  await Promise.all(many.map((n) => cache.get(`k${n}`, () => delay(5, n), { signal, timeout: 60_000 })))
  await cache.getMany(
    many.map((n) => `m${n}`),
    async (keys) => new Map(keys.map((key) => [key, 1])),
    { signal },
  )
  const waiting = many.map((n) => cache.get(`w${n}`, () => new Promise(() => undefined), { signal }))
  const reason = new Error('nobody wants it any longer')
  controller.abort(reason)
  for (const one of await Promise.allSettled(waiting)) assert.equal(one.status === 'rejected' && one.reason, reason)
  await settled()
  assert.deepEqual(warnings, [])
})

test('a value that cannot be kept is given, and told once by a warning and by explain', async () => {
  await using cache = await open({ maxEntryBytes: 1_000 })
  warnings.length = 0
  for (const [key, value, why] of [
    ['big', { id: 10n }, /the codec cannot write it: .*BigInt/],
    ['function', () => 1, /the codec cannot write it: expected what JSON can hold, found a function/],
    ['long', 'x'.repeat(2_000), /it has 2002 bytes, and maxEntryBytes is 1000/],
  ] as const) {
    for (let turn = 0; turn < 3; turn += 1) assert.equal(await cache.get<unknown>(key, () => value), value)
    const { result, why: said } = await cache.explain(key)
    assert.equal(result, 'miss')
    assert.match(said, why)
  }
  await settled()
  assert.deepEqual(
    warnings.map(({ name, message }) => `${name}: ${message.slice(0, 33)}`),
    ['CacheWarning: A value of big cannot be kept, so'],
  )
  await cache.delete('big')
  assert.equal(await cache.get('big', () => 'small'), 'small')
  await cache.delete('big')
  assert.match((await cache.explain('big')).why, /nothing is stored/)
})
