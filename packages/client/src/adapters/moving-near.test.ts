/** What a process holds while the slots of what it rests on move to another shard: nothing of before an invalidation that has returned. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { keysOf } from '../cache/keys.ts'
import { slotOf } from '../connection/slot.ts'
import { isCacheError } from '../errors.ts'
import { createCache } from '../index.ts'
import { openServers } from '../testing/servers.ts'
import { move, moveWhole } from '../testing/slots.ts'
import { connectIoredis } from './ioredis.ts'
import { connectNodeRedis } from './node-redis.ts'

const keys = keysOf('cache')
const runFor = 6_000

for (const [name, connect] of [
  ['@redis/client', connectNodeRedis],
  ['ioredis', connectIoredis],
] as const)
  for (const how of ['key by key', 'whole'] as const)
    test(`${name}: slots that move ${how} revive nothing in a near cache`, async () => {
      await using servers = await openServers()
      const [a, b] = await servers.cluster(2)
      assert.ok(a && b)
      const own = (place: string) => slotOf(place) < 8_192
      const tag = Array.from({ length: 100 }, (_, index) => `tag${index}`).find((one) => own(keys.tag(one))) ?? ''
      const key = Array.from({ length: 100 }, (_, index) => `key${index}`).find((one) => own(keys.entry(one))) ?? ''
      const near = await createCache({ url: a.url, connect, near: { maxBytes: 100_000 } })
      const writer = await createCache({ url: b.url, connect })
      let [version, floor, told, isDone] = [0, 0, 0, false]
      const read = async () => {
        while (!isDone) {
          const least = floor
          const found = await near.get(key, async () => version, { tags: [tag] })
          assert.ok(found >= least, `${found} after an invalidation of ${least} has returned`)
          await delay(Math.random() < 0.1 ? 20 : 0)
        }
      }
      const write = async () => {
        while (!isDone) {
          version += 1
          const now = version
          try {
            await writer.invalidate([tag])
            floor = Math.max(floor, now)
            told += 1
          } catch (error) {
            if (!isCacheError(error, 'unavailable')) throw error
          }
          await delay(Math.random() * 20)
        }
      }
      const moving = async () => {
        const end = performance.now() + runFor
        for (let turn = 0; performance.now() < end; turn += 1) {
          const [from, to] = turn % 2 === 0 ? [a, b] : [b, a]
          for (const slot of [slotOf(keys.tag(tag)), slotOf(keys.entry(key))])
            if (how === 'whole') await moveWhole(slot, from, to)
            else await move(slot, from, to, [], () => delay(10))
          await delay(100)
        }
      }
      try {
        const all = Promise.all([read(), write()])
        await Promise.race([all, moving()])
        isDone = true
        await all
        assert.ok(told > 50 && near.counters().nearHits > 50, `${told} invalidations, ${near.counters().nearHits} near hits`)
      } finally {
        isDone = true
        await Promise.all([near.close(), writer.close()])
      }
    })
