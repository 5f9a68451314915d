/** What others have left in the cache, and codecs that fail: nobody is kept from his value by it. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { deflateRawSync } from 'node:zlib'
import { type Cache, type CacheOptions, createCache } from '../index.ts'
import { openServers, type Server, type Servers } from '../testing/servers.ts'
import { binaryCodec, type Codec, jsonCodec } from './codec.ts'
import { decodeEntry, encodeEntry } from './entry.ts'

let servers: Servers
let server: Server
before(async () => {
  servers = await openServers()
  server = await servers.start()
})
after(() => servers[Symbol.asyncDispose]())
const withCaches = async (
  options: readonly Partial<CacheOptions>[],
  use: (...caches: readonly Cache[]) => Promise<void>,
): Promise<void> => {
  const caches = await Promise.all(options.map((one) => createCache({ url: server.url, ...one })))
  try {
    await use(...caches)
  } finally {
    await Promise.all(caches.map((cache) => cache.close()))
  }
}
const nobody = async () => assert.fail('it is there')

it('a process with another codec, as in the middle of a change to a new version, loads what it cannot read', () =>
  withCaches([{ namespace: 'codec', codec: binaryCodec }, { namespace: 'codec' }], async (old, young) => {
    const first = old?.get('k', () => delay(80, 'old'))
    await delay(30)
    // Waits for the load of the old one, and cannot read what that has stored.
    assert.equal(await young?.get('k', async () => 'young'), 'young')
    assert.equal(await first, 'old')
    assert.equal(await young?.get('k', nobody), 'young')
    assert.equal(await old?.get('k', async () => 'old again'), 'old again')
  }))

it('a load that fails is told as it is, where the stale value cannot be read', () =>
  withCaches([{ namespace: 'stale', codec: binaryCodec }, { namespace: 'stale' }], async (old, young) => {
    const options = { ttl: 20, staleIfError: 10_000, earlyRefresh: 0 }
    await old?.get('k', async () => 'old', options)
    await delay(40)
    const down = () => Promise.reject(new Error('the source is down'))
    assert.equal(await old?.get('k', down, options), 'old')
    await assert.rejects(young?.get('k', down, options) ?? Promise.resolve(), /the source is down/)
  }))

it('a codec that cannot read what it has written keeps nobody from his value', () => {
  const broken: Codec = {
    encode: jsonCodec.encode,
    decode: () => {
      throw new Error('a codec')
    },
  }
  return withCaches([{ namespace: 'broken', codec: broken }], async (cache) => {
    assert.equal(await cache?.get('k', async () => 'loaded'), 'loaded')
    assert.equal(await cache?.get('k', async () => 'loaded'), 'loaded')
    assert.deepEqual(await cache?.getMany(['k'], async () => ({ k: 'many' })), new Map([['k', 'many']]))
  })
})

it('values that the codec cannot write are given, and kept by nobody', () =>
  withCaches([{ namespace: 'unwritable' }, { namespace: 'unwritable', codec: binaryCodec }], async (json, binary) => {
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    for (const value of [1n, cyclic]) {
      assert.equal(await json?.get('k', () => value), value)
      assert.equal((await json?.explain('k'))?.result, 'miss')
      await json?.put('put', value, async () => undefined)
      assert.equal(await json?.get('put', async () => 'loaded'), 'loaded')
      await json?.delete('put')
    }
    assert.equal(await binary?.get('cyclic', () => 1n), 1n)
    const copy = await binary?.get<Record<string, unknown>>('cyclic too', () => cyclic)
    assert.equal(copy?.['self'], copy)
    const work = (): string => {
      throw new TypeError('at once')
    }
    assert.equal(await binary?.get('function', () => work), work)
    for (const cache of [json, binary]) {
      await assert.rejects(cache?.get('throws', work) ?? Promise.resolve(), /TypeError: at once/)
      await assert.rejects(cache?.getMany(['throws'], work as never) ?? Promise.resolve(), /TypeError: at once/)
      assert.equal(await cache?.get('throws', () => 'not any longer'), 'not any longer')
      await cache?.delete('throws')
    }
  }))

it('what has been changed in the cache is loaded anew: cut off, of another kind, blown up', () =>
  withCaches([{ namespace: 'changed', compressAbove: 10, maxEntryBytes: 10_000 }], async (cache) => {
    const key = 'changed:e:{k}'
    const text = 'abc '.repeat(1_000)
    const load = async () => text
    assert.equal(await cache?.get('k', load), text)
    const { connectNodeRedis } = await import('../adapters/node-redis.ts')
    const connection = await connectNodeRedis({ url: server.url })
    const [answer] = await connection.send([{ key, args: ['GET', key] }])
    const bytes = answer?.value as Buffer
    const entry = decodeEntry(bytes)
    assert.ok(entry?.compressed)
    const { stamp, id, storedAt, freshUntil, loadTime } = entry
    const bomb = { stamp, id, storedAt, freshUntil, loadTime, compressed: true, value: deflateRawSync(Buffer.alloc(50_000_000)) }
    const changes = [
      ...[0, 1, 3, 51, 52, 60, bytes.length - 1].map((length) => bytes.subarray(0, length)),
      Buffer.concat([bytes.subarray(0, 48), Buffer.from([255, 255, 255, 255]), bytes.subarray(52)]),
      Buffer.concat([bytes.subarray(0, bytes.length - 4), Buffer.from('zzzz')]),
      encodeEntry(bomb),
    ]
    for (const [index, change] of changes.entries()) {
      await connection.send([{ key, args: ['SET', key, change] }])
      assert.equal(await cache?.get('k', async () => 'anew'), 'anew', `${index}`)
      await cache?.delete('k')
    }
    for (const name of [key, 'changed:l:{k}', 'changed:t:t']) {
      await connection.send([{ key, args: ['DEL', key, 'changed:l:{k}', 'changed:t:t'] }])
      await connection.send([{ key: name, args: ['RPUSH', name, 'a list'] }])
      for (let turn = 0; turn < 10; turn += 1) assert.equal(await cache?.get('k', async () => turn, { tags: ['t'] }), turn)
      assert.equal(await cache?.get(`beside ${name}`, async () => 1), 1)
      assert.equal(await cache?.get(`beside ${name}`, nobody), 1, 'the others are cached all the same')
    }
    await connection.close()
  }))
