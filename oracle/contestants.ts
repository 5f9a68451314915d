/** Caches that are held against the source: ours, with and without a near cache, and what one would take instead. */
import { createClient } from '@redis/client'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { connectNodeRedis } from '../packages/client/src/adapters/node-redis.ts'
import type { Connection, ConnectionOptions } from '../packages/client/src/connection.ts'
import { createCache } from '../packages/client/src/index.ts'

/** One row of the database: a number that only grows. */
export interface Source {
  read(): Promise<number>
  /** Gives the number that it has written. */
  increase(): Promise<number>
  /** Rejects where somebody else was faster. */
  setTo(version: number): Promise<void>
}

export interface Contestant {
  get(key: string, tag: string, source: Source): Promise<number>
  /** Writes the source, makes what is cached void, and gives what it has written. Null: it was not written, or the cache could not be told. */
  write(key: string, tag: string, source: Source): Promise<number | null>
  close(): Promise<void>
}

export interface ContestantOptions {
  readonly url: string
  readonly random: () => number
  /** Now and then so many milliseconds at most between two steps. */
  readonly pause: () => Promise<void>
}

const ttl = 60_000

/** Takes its time before it sends and before it gives the answer, and keeps the order, as a connection must. */
const hesitant =
  (pause: () => Promise<void>) =>
  async (options: ConnectionOptions): Promise<Connection> => {
    const connection = await connectNodeRedis(options)
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

const larder =
  (near: boolean) =>
  async ({ url, pause, random }: ContestantOptions): Promise<Contestant> => {
    const cache = await createCache({
      url,
      connect: hesitant(pause),
      commandTimeout: 300,
      patience: 1_000,
      ...(near ? { near: { maxBytes: 200_000 } } : {}),
    })
    return {
      get: (key, tag, source) => cache.get(key, source.read, { tags: [tag], ttl }),
      write: async (key, tag, source) => {
        try {
          if (random() < 0.5) {
            const version = await source.increase()
            await cache.invalidate([tag])
            return version
          }
          const version = (await source.read()) + 1
          await cache.put(key, version, () => source.setTo(version), { tags: [tag], ttl })
          return version
        } catch {
          return null // nothing is promised
        }
      },
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
    get: (key, _tag, source) => cache.getOrSet({ key, ttl, factory: source.read }),
    write: async (key, _tag, source) => {
      const version = await source.increase()
      try {
        await pause()
        await cache.delete({ key })
        return version
      } catch {
        return null
      }
    },
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
  return {
    get: async (key, _tag, source) => {
      const found = await client.get(key).catch(() => null)
      if (found !== null) return Number(found)
      const value = await source.read()
      await pause()
      await client.set(key, String(value), { expiration: { type: 'PX', value: ttl } }).catch(() => null)
      return value
    },
    write: async (key, _tag, source) => {
      const version = await source.increase()
      await pause()
      return client.del(key).then(
        () => version,
        () => null,
      )
    },
    close: async () => client.destroy(),
  }
}

export const contestants = {
  larder: larder(false),
  'larder near': larder(true),
  bentocache: bento,
  'cache-aside': cacheAside,
} as const

export type ContestantName = keyof typeof contestants
