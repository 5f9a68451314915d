/** An event loop that is held up, and values that take long on their way: the cache is not given up for either. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connectGlide } from '../adapters/glide.ts'
import { connectIoredis } from '../adapters/ioredis.ts'
import { type CacheEvent, type Connect, connectNodeRedis, createCache } from '../index.ts'
import { openServers, patience } from '../testing/servers.ts'
import { openSlow } from '../testing/slow.ts'
import { standStill } from '../testing/standing-still.ts'

const servers = await openServers()
const server = await servers.start()
const shards = await servers.cluster(3)
after(() => servers[Symbol.asyncDispose]())

const clients: Readonly<Record<string, Connect>> = {
  '@redis/client': connectNodeRedis,
  ioredis: connectIoredis,
  '@valkey/valkey-glide': connectGlide,
}
const places = { 'one server': server.url, 'a cluster': shards[0]?.url ?? '' }

const isTrouble = ({ type }: CacheEvent): boolean => type === 'bypass' || type === 'error' || type === 'away' || type === 'miss'

for (const [client, connect] of Object.entries(clients))
  for (const [where, url] of Object.entries(places))
    test(`${client}, ${where}: reads while the event loop is held up are hits`, async () => {
      const events: CacheEvent[] = []
      const cache = await createCache({ url, connect, namespace: client, observe: (event) => void events.push(event) })
      try {
        const keys = Array.from({ length: 12 }, (_, n) => `k${n}`)
        for (const key of keys) await cache.get(key, () => key, { tags: ['t'] })
        events.length = 0
        const gone = async (): Promise<string> => assert.fail('the source was asked')
        const read = async (): Promise<void> => {
          const found = await Promise.all(keys.map((key) => cache.get(key, gone, { tags: ['t'] })))
          assert.deepEqual(found, keys)
        }
        for (const milliseconds of [600, 900]) {
          // Before the question has left, while it is on its way, and over the time of a check.
          const early = read()
          standStill(milliseconds)
          await early
          const late = read()
          await new Promise(setImmediate)
          standStill(milliseconds)
          await late
          const twice = read()
          await Promise.resolve()
          standStill(milliseconds)
          await new Promise(setImmediate)
          standStill(milliseconds)
          await twice
          await delay(20)
        }
        assert.deepEqual(events.filter(isTrouble), [])
      } finally {
        await cache.close()
      }
    })

const large = 'x'.repeat(14_700_000)
/** By default, in milliseconds (adapters/settings.ts). */
const usualCommandTimeout = 500

// Of GLIDE nothing is seen until all answers of a packet have come.
const seen = Object.entries({ '@redis/client': connectNodeRedis, ioredis: connectIoredis })
for (const [client, connect] of seen)
  test(`${client}: small values are read while large ones come and go`, async () => {
    const events: CacheEvent[] = []
    const cache = await createCache({
      url: server.url,
      connect,
      namespace: `large ${client}`,
      compressAbove: 1e9,
      // A busy machine is given what an idle one has: 88 MB are read and written beside the small values.
      commandTimeout: usualCommandTimeout * patience,
      observe: (event) => void events.push(event),
    })
    try {
      const [bigs, smalls] = [6, 20].map((many) => Array.from({ length: many }, (_, n) => `${many}-${n}`)) as [string[], string[]]
      const all = [...bigs, ...smalls]
      await Promise.all(
        all.map((key) => cache.get(key, () => (bigs.includes(key) ? large : key), { ttl: 600_000, earlyRefresh: 0 })),
      )
      events.length = 0
      const gone = async (): Promise<string> => assert.fail('the source was asked')
      for (let turn = 0; turn < 2; turn += 1) {
        const found = await Promise.all(all.map((key) => cache.get(key, gone, { ttl: 600_000, earlyRefresh: 0 })))
        assert.deepEqual(
          found.map((value) => value.length),
          all.map((key) => (bigs.includes(key) ? large : key).length),
        )
      }
      assert.deepEqual(events.filter(isTrouble), [])
    } finally {
      await cache.close()
    }
  })

for (const [client, connect] of seen)
  test(`${client}: a value that takes longer than an answer may, byte by byte, is waited for, and the connection is kept`, async () => {
    await using road = await openSlow(server)
    const events: CacheEvent[] = []
    const cache = await createCache({
      url: road.url,
      connect,
      namespace: `slow ${client}`,
      compressAbove: 1e9,
      commandTimeout: 300,
      observe: (event) => void events.push(event),
    })
    try {
      const value = 'y'.repeat(4_000_000)
      const options = { ttl: 600_000, earlyRefresh: 0 }
      await cache.get('k', () => value, options)
      await cache.get('s', () => 1, options)
      events.length = 0
      const opened = road.opened
      road.slow(2_000_000)
      const began = performance.now()
      const gone = async (): Promise<string> => assert.fail('the source was asked')
      assert.deepEqual(await Promise.all([cache.get('k', gone, options), cache.get('s', gone, options)]), [value, 1])
      assert.ok(performance.now() - began > 1_500, 'it took long')
      assert.deepEqual(events.filter(isTrouble), [])
      assert.equal(road.opened, opened)
      // What does not come any more is still given up.
      road.slow(0)
      assert.equal(await cache.get('s', () => 'from the source', options), 'from the source')
    } finally {
      await cache.close({ patience: 0 })
    }
  })
