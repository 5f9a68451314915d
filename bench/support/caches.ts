/** The caches that are held beside each other, each used as its documentation shows. */
import KeyvRedis from '@keyv/redis'
import { createClient } from '@redis/client'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { createCache as createCacheManager } from 'cache-manager'
import { Cacheable } from 'cacheable'
import { Keyv } from 'keyv'
import { createCache } from '../../packages/client/src/index.ts'

export interface ComparedCache {
  get(key: number, load: () => Promise<unknown>): Promise<unknown>
  close(): Promise<unknown>
}
interface Contestant {
  readonly name: string
  open(url: string): Promise<ComparedCache>
}

const ttl = 3_600_000
const bytes = 50_000_000

const larder =
  (namespace: string, near: boolean, tagged: boolean) =>
  async (url: string): Promise<ComparedCache> => {
    const cache = await createCache({ url, namespace, ...(near ? { near: { maxBytes: bytes } } : {}) })
    return {
      get: (key, load) => cache.get(`k:${key}`, load, tagged ? { ttl, tags: [`t:${key}`] } : { ttl }),
      close: () => cache.close(),
    }
  }

const byHand = async (url: string): Promise<ComparedCache> => {
  const client = createClient({ url, maintNotifications: 'disabled' })
  await client.connect()
  return {
    get: async (key, load) => {
      const found = await client.get(`hand:${key}`)
      if (found !== null) return JSON.parse(found) as unknown
      const value = await load()
      await client.set(`hand:${key}`, JSON.stringify(value), { expiration: { type: 'PX', value: ttl } })
      return value
    },
    close: async () => client.destroy(),
  }
}

/** What the fence is on top of: a GET by the same client, and nothing done with what it gives. */
const plainGet = async (url: string): Promise<ComparedCache> => {
  const client = createClient({ url, maintNotifications: 'disabled' })
  await client.connect()
  return {
    get: async (key, load) =>
      (await client.get(`plain:${key}`)) ?? (await client.set(`plain:${key}`, JSON.stringify(await load()))),
    close: async () => client.destroy(),
  }
}

const bento =
  (tiers: boolean) =>
  async (url: string): Promise<ComparedCache> => {
    const { hostname: host, port } = new URL(url)
    const connection = { host, port: Number(port) }
    const remote = redisDriver({ connection })
    const store = tiers
      ? bentostore()
          .useL1Layer(memoryDriver({ maxSize: bytes }))
          .useL2Layer(remote)
          .useBus(redisBusDriver({ connection }))
      : bentostore().useL2Layer(remote)
    const cache = new BentoCache({ default: 'one', prefix: tiers ? 'bento-tiers' : 'bento', stores: { one: store } })
    return {
      get: (key, load) => cache.getOrSet({ key: `k:${key}`, ttl, factory: load }),
      close: () => cache.disconnectAll(),
    }
  }

const manager = async (url: string): Promise<ComparedCache> => {
  const store = new Keyv({ store: new KeyvRedis(url), namespace: 'manager' })
  const cache = createCacheManager({ stores: [store], ttl })
  return { get: (key, load) => cache.wrap(`k:${key}`, load), close: () => store.disconnect() }
}

const cacheable =
  (near: boolean) =>
  async (url: string): Promise<ComparedCache> => {
    const remote = new Keyv({ store: new KeyvRedis(url), namespace: near ? 'cacheable-tiers' : 'cacheable' })
    const cache = near ? new Cacheable({ secondary: remote, ttl }) : new Cacheable({ primary: remote, ttl })
    return { get: (key, load) => cache.getOrSet(`k:${key}`, load), close: () => remote.disconnect() }
  }

export const remoteContestants: readonly Contestant[] = [
  { name: 'larder', open: larder('plain', false, false) },
  { name: 'larder with a tag', open: larder('tagged', false, true) },
  { name: 'cache-aside by hand', open: byHand },
  { name: 'a GET and nothing else', open: plainGet },
  { name: 'bentocache', open: bento(false) },
  { name: 'cache-manager with keyv', open: manager },
  { name: 'cacheable', open: cacheable(false) },
]

export const nearContestants: readonly Contestant[] = [
  { name: 'larder', open: larder('near', true, true) },
  { name: 'bentocache, two tiers', open: bento(true) },
  { name: 'cacheable, two tiers', open: cacheable(true) },
]

export const stampedeContestants = {
  larder: larder('herd', false, true),
  'cache-aside by hand': byHand,
  'bentocache, two tiers': bento(true),
  'cache-manager with keyv': manager,
  'cacheable, two tiers': cacheable(true),
} as const

export type StampedeName = keyof typeof stampedeContestants
