/** Caches that are held against the source: ours, in all the ways it can be asked and connected, and what one would take instead. */
import { createClient } from '@redis/client'
import { Logger } from '@valkey/valkey-glide'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { connectGlide } from '../packages/client/src/adapters/glide.ts'
import { connectIoredis } from '../packages/client/src/adapters/ioredis.ts'
import { connectNodeRedis } from '../packages/client/src/adapters/node-redis.ts'
import type { Connect } from '../packages/client/src/connection/connection.ts'
import { type CacheOptions, createCache, type GetOptions } from '../packages/client/src/index.ts'

/** One row of the database: a number that only grows. */
export interface Source {
  read(): Promise<number>
  /** Gives the number that it has written. */
  increase(): Promise<number>
  /** Rejects where somebody else was faster. */
  setTo(version: number): Promise<void>
}

export interface Item {
  readonly key: string
  readonly tags: readonly string[]
  readonly source: Source
}

export interface Contestant {
  /** Of each item in turn. Null: the source did not answer, so nothing was read. */
  read(items: readonly Item[]): Promise<readonly (number | null)[]>
  /** Writes the source, makes what is cached void, and gives what it has written. Null: it was not written, or the cache could not be told. */
  write(item: Item): Promise<number | null>
  /** Reads that were answered by the cache. Null: it does not count them. */
  hits(): number | null
  close(): Promise<void>
}

export interface ContestantOptions {
  readonly url: string
  readonly random: () => number
  /** Now and then so many milliseconds at most between two steps. */
  readonly pause: () => Promise<void>
}

const ttl = 60_000
const failing = 0.02

/** Takes its time before it sends and before it gives the answer, and keeps the order, as a connection must. */
const hesitant =
  (connect: Connect, pause: () => Promise<void>): Connect =>
  async (options) => {
    const connection = await connect(options)
    let last: Promise<unknown> = Promise.resolve()
    return {
      ...connection,
      send: async (commands, sendOptions) => {
        const before = last
        const turn = (async () => {
          await pause()
          await before
        })()
        last = turn
        await turn
        const answers = connection.send(commands, sendOptions)
        return answers.finally(pause)
      },
    }
  }

class NoAnswer extends Error {}

/** Entries whose time is over soon, so that they are given stale, and loaded anew early and in the background. */
const anyOptions = (random: () => number): GetOptions => ({
  ttl: random() < 0.5 ? ttl : 50 + random() * 1_000,
  staleWhileRevalidate: random() < 0.5 ? 0 : random() * 1_000,
  staleIfError: random() < 0.5 ? 0 : random() * 1_000,
  earlyRefresh: random() < 0.5 ? 1 : random() * 20,
})

const larder =
  (options: Partial<CacheOptions>, by: Connect = connectNodeRedis) =>
  async ({ url, pause, random }: ContestantOptions): Promise<Contestant> => {
    Logger.init('off') // of GLIDE, which tells of each connection that is cut
    const cache = await createCache({ url, connect: hesitant(by, pause), commandTimeout: 300, patience: 1_000, ...options })
    const load = (source: Source) => async (): Promise<number> => {
      if (random() < failing) throw new NoAnswer('the source fails now and then')
      return source.read()
    }
    /** Whatever else goes wrong is a fault of the cache. */
    const unlessSourceFailed = (error: unknown): null => {
      if (error instanceof NoAnswer) return null
      throw error
    }
    const one = ({ key, tags, source }: Item): Promise<number | null> =>
      cache.get(key, load(source), { ...anyOptions(random), tags }).catch(unlessSourceFailed)
    const many = async (items: readonly Item[]): Promise<readonly (number | null)[]> => {
      const byKey = new Map(items.map((item) => [item.key, item]))
      const loadAll = async (keys: readonly string[]): Promise<Map<string, number>> => {
        const versions = keys.map(async (key) => {
          const item = byKey.get(key)
          if (item === undefined) throw new Error(`expected keys that were asked for, found ${key}`)
          return [key, await load(item.source)()] as const
        })
        return new Map(await Promise.all(versions))
      }
      const found = await cache
        .getMany(
          items.map(({ key }) => key),
          loadAll,
          { ...anyOptions(random), tags: (key) => byKey.get(key)?.tags ?? [] },
        )
        .catch(unlessSourceFailed)
      return items.map(({ key }) => found?.get(key) ?? null)
    }
    return {
      read: async (items) => (items.length === 1 ? Promise.all(items.map(one)) : many(items)),
      write: async ({ key, tags, source }) => {
        try {
          const how = random()
          if (how < 0.5) {
            const version = await source.increase()
            // Without tags there is only the key.
            if (tags.length === 0 || how < 0.1) await cache.delete(key)
            else await cache.invalidate(tags)
            return version
          }
          const version = (await source.read()) + 1
          await cache.put(key, version, () => source.setTo(version), { tags, ttl })
          return version
        } catch {
          return null // nothing is promised
        }
      },
      hits: () => cache.counters().hits,
      close: () => cache.close(),
    }
  }

/** Two tiers and a bus, as its documentation shows. */
const bento = async ({ url, pause }: ContestantOptions): Promise<Contestant> => {
  const { hostname: host, port } = new URL(url)
  const connection = { host, port: Number(port) }
  const cache = new BentoCache({
    default: 'tiers',
    stores: {
      tiers: bentostore()
        .useL1Layer(memoryDriver({ maxSize: '200kb' }))
        .useL2Layer(redisDriver({ connection }))
        .useBus(redisBusDriver({ connection })),
    },
  })
  return {
    read: (items) => Promise.all(items.map(({ key, source }) => cache.getOrSet({ key, ttl, factory: source.read }))),
    write: async ({ key, source }) => {
      const version = await source.increase()
      try {
        await pause()
        await cache.delete({ key })
        return version
      } catch {
        return null
      }
    },
    hits: () => null,
    close: async () => {
      await cache.disconnectAll()
    },
  }
}

/** By hand: look, load, set; and delete after writing. */
const cacheAside = async ({ url, pause }: ContestantOptions): Promise<Contestant> => {
  const client = createClient({ url, maintNotifications: 'disabled' })
  client.on('error', () => undefined) // told by the commands
  await client.connect()
  const one = async ({ key, source }: Item): Promise<number> => {
    const found = await client.get(key).catch(() => null)
    if (found !== null) return Number(found)
    const value = await source.read()
    await pause()
    await client.set(key, String(value), { expiration: { type: 'PX', value: ttl } }).catch(() => null)
    return value
  }
  return {
    read: (items) => Promise.all(items.map(one)),
    write: async ({ key, source }) => {
      const version = await source.increase()
      await pause()
      return client.del(key).then(
        () => version,
        () => null,
      )
    },
    hits: () => null,
    close: async () => client.destroy(),
  }
}

const near = { near: { maxBytes: 200_000 } }

export const contestants = {
  larder: larder({}),
  'larder near': larder(near),
  'larder near by ioredis': larder(near, connectIoredis),
  'larder by GLIDE': larder({}, connectGlide),
  'larder near, replicas': larder({ ...near, readFrom: 'replicas' }),
  bentocache: bento,
  'cache-aside': cacheAside,
} as const

export type ContestantName = keyof typeof contestants
