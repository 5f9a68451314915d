/**
 * Members whose processes are slow in all that they are told, on a real server that loses what it knows of them: when an invalidation has returned nobody
 * believes what he has read before.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connectIoredis } from '../adapters/ioredis.ts'
import { connectNodeRedis } from '../adapters/node-redis.ts'
import type { Connect, Connection, Tracking } from '../connection/connection.ts'
import { openServers, until } from '../testing/servers.ts'
import { keysOf } from './keys.ts'
import { createSettling, joinMembers } from './near-members.ts'

const keys = keysOf('cache')
const lease = 60
const runFor = 5_000
const members = 4
const writers = 3
const name = 'cache:x'

/** The same numbers for the same seed. */
const randomFrom = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Whatever comes in comes in its order and late. */
const lateness = (random: () => number, often: number) => {
  let last: Promise<void> = Promise.resolve()
  return (): Promise<void> => {
    const before = last
    const lag = random() < often ? random() * 2 * lease : random() < 0.3 ? random() * 5 : 0
    last = (async () => {
      await before
      if (lag > 0) await delay(lag)
    })()
    return last
  }
}

/** Answers, and what is told: both in one order where they come by one connection. */
const late = (connection: Connection, random: () => number): Connection => {
  const { tracking } = connection
  assert.ok(tracking)
  const turn = lateness(random, 0.02)
  // Late by itself, so that what was asked later is answered before.
  const told = tracking.isInOrder ? turn : lateness(random, 0.1)
  const slow: Tracking = {
    isInOrder: tracking.isInOrder,
    onInvalidated: (listener) =>
      tracking.onInvalidated((names) => {
        told().then(
          () => listener(names),
          () => undefined, // it does not reject
        )
      }),
    onLost: (listener) =>
      tracking.onLost(() => {
        told().then(listener, () => undefined) // it does not reject
      }),
    settle: async () => {
      await tracking.settle()
      await told()
    },
  }
  return {
    ...connection,
    tracking: slow,
    send: async (...args) => {
      // Answers of one packet come together.
      const answers = connection.send(...args)
      const [found] = await Promise.allSettled([answers])
      await turn()
      if (found.status === 'rejected') throw found.reason
      return found.value
    },
  }
}

interface Model {
  /** What would be given now without asking the server. */
  believed(): number | null
  read(): Promise<void>
  close(): Promise<void>
}

const openMember = async (connect: Connect, url: string, random: () => number): Promise<Model> => {
  const open = await connect({ url, track: true, commandTimeout: 5_000 })
  const connection = late(open, random)
  let held: number | null = null
  let reading: { isDirty: boolean } | null = null
  const membership = joinMembers({
    connection,
    keys,
    lease,
    drop: (names) => {
      if (names !== null && !names.includes(name)) return
      held = null
      if (reading !== null) reading.isDirty = true
    },
    failed: () => undefined, // tried again
  })
  return {
    believed: () => (membership.trustedUntil() > performance.now() ? held : null),
    read: async () => {
      const own = { isDirty: false }
      reading = own
      const found = await connection.send([{ key: name, args: ['GET', name] }]).catch(() => null)
      if (found !== null && !own.isDirty && reading === own) held = Number(found[0]?.value ?? 0)
    },
    close: async () => {
      await membership.close()
      await open.close()
    },
  }
}

for (const [game, by, connect] of [
  ['keys that are lost', '@redis/client', connectNodeRedis],
  ['connections that are cut', '@redis/client', connectNodeRedis],
  ['keys that are lost', 'ioredis', connectIoredis],
  ['connections that are cut', 'ioredis', connectIoredis],
] as const)
  test(`nobody believes what was invalidated, with slow members by ${by} and ${game}`, { timeout: 60_000 }, async () => {
    await using servers = await openServers()
    const server = await servers.start()
    const seed = Math.floor(Math.random() * 2 ** 32)
    const random = randomFrom(seed)
    const said = `seed ${seed}`
    await server.command('SET', name, '0')
    await until(
      'the server is not new',
      async () => Number(/uptime_in_seconds:(\d+)/.exec(String(await server.command('INFO')))?.[1]) >= 2,
    )
    const models: Model[] = await Promise.all(Array.from({ length: members }, () => openMember(connect, server.url, random)))
    const connections = await Promise.all(
      Array.from({ length: writers }, () => connectNodeRedis({ url: server.url, commandTimeout: 5_000 })),
    )
    const ended = performance.now() + runFor
    let [floor, settled, believed] = [0, 0, 0]
    const check = (): void => {
      for (const model of models) {
        const value = model.believed()
        if (value === null) continue
        believed += 1
        assert.ok(
          value >= floor,
          `${said}: ${value} is believed after ${settled} invalidations, of which one of ${floor} has returned`,
        )
      }
    }
    const writing = connections.map(async (connection) => {
      const settle = createSettling(connection, keys, lease)
      while (performance.now() < ended) {
        let own = 0
        const remove = async (): Promise<void> => {
          const [answer] = await connection.send([{ key: name, args: ['INCR', name] }])
          own = Number(answer?.value)
        }
        const isTold = await settle(remove).then(
          () => true,
          () => false, // cut off: nothing is promised
        )
        if (isTold) {
          settled += 1
          floor = Math.max(floor, own)
        }
        check()
        await delay(random() * 10)
      }
    })
    const reading = models.map(async (_, index) => {
      while (performance.now() < ended) {
        await models[index]?.read()
        check()
        // What is held is not always new.
        await delay(random() < 0.2 ? random() * 2 * lease : random() * 4)
      }
    })
    const disturbing = (async () => {
      while (performance.now() < ended) {
        await delay(random() * 1.5 * lease)
        const which = random()
        if (game === 'connections that are cut') {
          // Those that have asked, or those that are told.
          await server.command('CLIENT', 'KILL', 'TYPE', which < 0.6 ? 'normal' : 'pubsub', 'SKIPME', 'yes')
          if (which < 0.3) await server.command('DEL', keys.nearMembers)
        } else if (which < 0.4) await server.command('DEL', keys.nearMembers)
        else if (which < 0.7) await server.command('DEL', keys.nearClock)
        else await server.command('DEL', keys.nearMembers, keys.nearClock)
        // Somebody leaves, and another one comes.
        const gone = Math.floor(random() * members)
        const leaving = models[gone]
        if (random() < 0.1 && leaving !== undefined) {
          models[gone] = await openMember(connect, server.url, random)
          await leaving.close()
        }
      }
    })()
    try {
      await Promise.all([...writing, ...reading, disturbing])
    } finally {
      await Promise.all([...models, ...connections].map((one) => one.close()))
    }
    assert.ok(settled > 20 && believed > 100, `${settled} invalidations, ${believed} times something was believed`)
  })
