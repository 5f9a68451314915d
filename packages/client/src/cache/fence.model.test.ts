/**
 * Several caches read and change the same keys, by every way there is, while packets are late, keys are evicted one by one, scripts are forgotten and connections are cut:
 * nobody is given what is older than the last change that had returned before he asked.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isCacheError } from '../errors.ts'
import { type Cache, createCache } from '../index.ts'
import { openServers, type Server, until } from '../testing/servers.ts'

const milliseconds = 3_000
const keys = ['a', 'b', 'c']

const seeded = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A way to the server on which everything is late by chance, and nothing overtakes. */
const openLateWay = async ({ port, address }: Server, random: () => number) => {
  const sockets = new Set<Socket>()
  const lag = (from: Socket, to: Socket): void => {
    const queue: { readonly at: number; readonly packet: Buffer }[] = []
    let last = 0
    const flush = (): void => {
      for (let [first] = queue; first !== undefined; [first] = queue) {
        const left = first.at - performance.now()
        if (left > 0) return void setTimeout(flush, left)
        queue.shift()
        if (!to.destroyed) to.write(first.packet)
      }
    }
    from.on('data', (packet: Buffer) => {
      const late = random() < 0.5 ? 0 : random() * (random() < 0.05 ? 60 : 4)
      last = Math.max(last, performance.now() + late)
      queue.push({ at: last, packet })
      if (queue.length === 1) flush()
    })
  }
  const listener = createServer((client) => {
    const server = connect(port, address)
    const end = (): void => {
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      sockets.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        end()
        sockets.delete(socket)
      })
    }
    lag(client, server)
    lag(server, client)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `redis://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    cut,
    close: async (): Promise<void> => {
      listener.close()
      cut()
      await once(listener, 'close')
    },
  }
}

interface World {
  readonly nodes: readonly Server[]
  readonly caches: readonly Cache[]
  readonly cuts: readonly (() => void)[]
  readonly random: () => number
  readonly tagsOf: (key: string) => readonly string[]
}

const play = async ({ nodes, caches, cuts, random, tagsOf }: World) => {
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T
  const source = new Map<string, number>(keys.map((key) => [key, 0]))
  /** What has been made void is older than this. */
  const floor = new Map<string, number>(keys.map((key) => [key, 0]))
  let clock = 0
  let reads = 0
  let changes = 0
  const problems: string[] = []
  const has = (key: string): number => source.get(key) ?? 0
  const least = (key: string): number => floor.get(key) ?? 0
  const raise = (key: string, to: number): void => void floor.set(key, Math.max(least(key), to))
  const change = (key: string): number => {
    clock += 1
    source.set(key, clock)
    return clock
  }
  const nap = async (): Promise<void> => {
    if (random() > 0.3) await delay(random() * (random() < 0.1 ? 60 : 6))
  }
  const load = async (key: string): Promise<{ readonly at: number }> => {
    await nap()
    const at = has(key)
    await nap()
    if (random() < 0.05) throw new Error('the source is down')
    return { at }
  }
  const options = () => ({
    ttl: pick([5, 50, 1_000, 60_000]),
    staleWhileRevalidate: pick([0, 0, 1_000]),
    staleIfError: pick([0, 1_000]),
    earlyRefresh: pick([0, 1, 50]),
    ...(random() < 0.1 ? { timeout: random() * 20 } : {}),
  })
  const check = (key: string, asked: number, found: number): void => {
    reads += 1
    if (found < asked) problems.push(`${key} of ${found} was given to who asked after ${asked}`)
  }
  const readOnce = async (cache: Cache): Promise<void> => {
    if (random() < 0.7) {
      const key = pick(keys)
      const asked = least(key)
      check(key, asked, (await cache.get(key, () => load(key), { ...options(), tags: tagsOf(key) })).at)
      return
    }
    const asked = keys.map(least)
    const loadMany = async (wanted: readonly string[]) =>
      new Map(await Promise.all(wanted.map(async (key) => [key, await load(key)] as const)))
    const found = await cache.getMany(keys, loadMany, { ...options(), tags: tagsOf })
    for (const [index, key] of keys.entries()) check(key, asked[index] ?? 0, found.get(key)?.at ?? -1)
  }
  const changeOnce = async (cache: Cache): Promise<void> => {
    const key = pick(keys)
    const [first, ...shared] = tagsOf(key)
    const by = random()
    const before = keys.map((one) => [one, has(one)] as const)
    if (by < 0.4) {
      const value = { at: 0 }
      const write = async (): Promise<void> => {
        await nap()
        value.at = change(key)
        await nap()
      }
      await cache.put(key, value, write, { ttl: pick([50, 60_000]), tags: tagsOf(key) })
      raise(key, value.at)
      if (shared.length > 0) for (const [one, at] of before) raise(one, at)
    } else if (by < 0.6 || first === undefined) {
      const at = change(key)
      await cache.delete(key)
      raise(key, at)
    } else if (by < 0.85) {
      const at = change(key)
      await cache.invalidate([first])
      raise(key, at)
    } else {
      const all = keys.map((one) => [one, change(one)] as const)
      await cache.invalidate(shared)
      for (const [one, at] of all) raise(one, at)
    }
    changes += 1
  }

  const end = performance.now() + milliseconds
  const repeat = async (what: () => Promise<void>): Promise<void> => {
    while (performance.now() < end) await what()
  }
  const reader = (cache: Cache) =>
    repeat(async () => {
      try {
        await readOnce(cache)
      } catch (error) {
        const isExpected = isCacheError(error, 'timeout') || /the source is down/.test(String(error))
        if (!isExpected) problems.push(`a read rejects because of the cache: ${String(error)}`)
      }
      await delay(random() < 0.3 ? random() * 5 : 0)
    })
  const writer = (cache: Cache) =>
    repeat(async () => {
      await delay(random() * 10)
      // What could not be told promises nothing.
      await changeOnce(cache).catch((error: unknown) => {
        if (!isCacheError(error, 'unavailable')) problems.push(`a change rejects: ${String(error)}`)
      })
    })
  const own = keys.flatMap((key) => [`cache:e:{${key}}`, `cache:l:{${key}}`, `cache:t:of ${key}`])
  let trouble = 0
  const troubles = repeat(async () => {
    await delay(random() * 20)
    trouble += 1
    const evicted = trouble % 240 === 239 ? pick(['cache:{near}:members', 'cache:{near}:clock']) : pick([...own, 'cache:t:all'])
    for (const node of nodes) await node.command('DEL', evicted).catch(() => undefined) // of another node
    if (trouble % 40 === 20) for (const node of nodes) await node.command('SCRIPT', 'FLUSH')
    // Near caches that are cut off are waited for, for up to a second: not too often.
    if (trouble % 150 === 149 && cuts.length > 0) pick(cuts)()
  })
  await Promise.all([...caches.flatMap((cache) => [reader(cache), reader(cache), writer(cache), writer(cache)]), troubles])
  return { reads, changes, problems }
}

describe('nothing of before a change that has returned', () => {
  const seed = Number(process.env['SEED'] ?? 1)
  const tagged = (key: string): readonly string[] => [`of ${key}`, 'all']
  const run = async (
    nodes: readonly Server[],
    tagsOf: (key: string) => readonly string[],
    options: { readonly isLate: boolean; readonly readFrom?: 'replicas' | { readonly url: string } },
  ): Promise<void> => {
    const random = seeded(seed)
    const [first] = nodes
    assert.ok(first)
    // A server that has just started does not know yet who has a near cache.
    await until('it has run for a while', async () => {
      const up = /uptime_in_seconds:(\d+)/.exec(String(await first.command('INFO', 'server')))?.[1]
      return Number(up) >= 2
    })
    const ways = options.isLate ? await Promise.all([0, 1, 2].map(() => openLateWay(first, random))) : []
    const { readFrom } = options
    const caches = await Promise.all(
      [0, 1, 2].map((index) =>
        createCache({
          url: ways[index]?.url ?? first.url,
          commandTimeout: 300,
          patience: 1_000,
          breaker: { failures: 3, wait: 20, longest: 50 },
          ...(index === 1 ? {} : { near: { maxBytes: 1_000_000 } }),
          ...(readFrom === undefined ? {} : { readFrom }),
        }),
      ),
    )
    try {
      const { reads, changes, problems } = await play({ nodes, caches, random, tagsOf, cuts: ways.map(({ cut }) => cut) })
      assert.deepEqual(problems.slice(0, 5), [], `seed ${seed}`)
      assert.ok(reads > 200 && changes > 5, `${reads} reads, ${changes} changes`)
    } finally {
      await Promise.all(caches.map((cache) => cache.close()))
      await Promise.all(ways.map(({ close }) => close()))
    }
  }

  it('with tags, on one server', { timeout: 60_000 }, async () => {
    await using servers = await openServers()
    await run([await servers.start()], tagged, { isLate: true })
  })

  it('without tags, on one server', { timeout: 60_000 }, async () => {
    await using servers = await openServers()
    await run([await servers.start()], () => [], { isLate: true })
  })

  it('without tags, read from a replica, which is behind', { timeout: 60_000 }, async () => {
    await using servers = await openServers()
    const [primary, replica] = [await servers.start(), await servers.start()]
    // What the primary tells it is late.
    const way = await openLateWay(primary, seeded(seed))
    const { hostname, port } = new URL(way.url)
    await replica.command('REPLICAOF', hostname, port)
    await until('it follows', async () => /master_link_status:up/.test(String(await replica.command('INFO', 'replication'))))
    await run([primary], () => [], { isLate: true, readFrom: { url: replica.url } })
    await replica.command('REPLICAOF', 'NO', 'ONE')
    await way.close()
  })

  it('on a cluster, where tags are in other shards than entries, read from replicas', { timeout: 60_000 }, async () => {
    await using servers = await openServers()
    const nodes = await servers.cluster(3, 1)
    await run(nodes.slice(0, 3), tagged, { isLate: false, readFrom: 'replicas' })
  })
})
