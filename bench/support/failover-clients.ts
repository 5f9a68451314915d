/**
 * Ordinary clients, set up as their documentation has it, with one change: they try again after 10 ms; beside them, at an endpoint, the same
 * clients without that change (`as it is`: both wait 50 ms and up to 200 ms more, by chance, before they connect again). Their offline queues are on, and a write
 * that was under way when its connection ended is sent again or failed as each library does by itself (ioredis sends it again, @redis/client
 * fails it).
 */
import { createClient, createCluster, createSentinel } from '@redis/client'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { Place } from './asking.ts'

/**
 * A sharded group has `@redis/client` twice: it looks for another primary only when it has tried to reach the lost one again for 5 s, or when that
 * one is back and sends it away. Told to look at once it finds the new primary itself.
 */
export type Library = 'ioredis' | '@redis/client' | '@redis/client, 5 s' | 'ioredis as it is' | '@redis/client as it is'

/** What they cost is shown; no aim holds for them. */
export const withoutAim: ReadonlySet<Library> = new Set(['@redis/client, 5 s', 'ioredis as it is', '@redis/client as it is'])

/** Where the client is pointed at: one endpoint, nodes of a cluster, or Sentinels and the name of their primary. */
export type Target =
  | { readonly kind: 'endpoint'; readonly place: Place }
  | { readonly kind: 'cluster'; readonly places: readonly Place[] }
  | { readonly kind: 'sentinel'; readonly places: readonly Place[]; readonly name: string }

const librariesOf: Readonly<Record<Target['kind'], readonly Library[]>> = {
  cluster: ['ioredis', '@redis/client', '@redis/client, 5 s'],
  endpoint: ['ioredis', '@redis/client', 'ioredis as it is', '@redis/client as it is'],
  sentinel: ['ioredis', '@redis/client'],
}
export const librariesFor = ({ kind }: Target): readonly Library[] => librariesOf[kind]

/** What a client learns of its connections, the moment it learns it. */
export interface Told {
  ended(): void
  connected(): void
}

export interface Connection {
  set(key: string, value: string): Promise<unknown>
  /** Of these, how many are there now? */
  count(keys: readonly string[]): Promise<number>
  close(): void
}

const retryMs = 10
const connectTimeout = 1_000
/** Both clients give up on a write after some tries by themselves; the writer would try it again at once. */
const withoutEnd = 10_000

const quiet = (): void => undefined // a write that fails tells it too

const ioredisClient = (target: Target): Redis | Cluster => {
  if (target.kind === 'cluster')
    return new Cluster(
      target.places.map(({ address, port }) => ({ host: address, port })),
      {
        clusterRetryStrategy: () => retryMs,
        retryDelayOnFailover: retryMs,
        retryDelayOnClusterDown: retryMs,
        retryDelayOnTryAgain: retryMs,
        maxRedirections: withoutEnd,
        slotsRefreshTimeout: 1_000,
        redisOptions: { connectTimeout },
      },
    )
  const options = { retryStrategy: () => retryMs, maxRetriesPerRequest: null, connectTimeout } satisfies RedisOptions
  if (target.kind === 'endpoint') return new Redis({ host: target.place.address, port: target.place.port, ...options })
  return new Redis({
    ...options,
    sentinels: target.places.map(({ address, port }) => ({ host: address, port })),
    name: target.name,
    sentinelRetryStrategy: () => retryMs,
    // Without these two it stays with a primary that hangs, or that has become a replica.
    failoverDetector: true,
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? 2 : false),
  })
}

const openIoredis = (client: Redis | Cluster, told: Told): Connection => {
  client.on('error', quiet)
  const listen = (node: Redis): void => {
    node.on('close', told.ended)
    node.on('connect', told.connected)
  }
  if (client instanceof Cluster) client.on('+node', listen)
  else listen(client)
  return {
    set: (key, value) => client.set(key, value),
    count: (keys) => client.exists(...keys),
    close: () => client.disconnect(),
  }
}

const socket = { reconnectStrategy: retryMs, connectTimeout }

const openCluster = async (
  places: readonly Place[],
  told: Told,
  refresh: { readonly ms: number } | null,
): Promise<Connection> => {
  const client = createCluster({
    rootNodes: places.map(({ address, port }) => ({ socket: { ...socket, host: address, port } })),
    defaults: { socket },
    maxCommandRedirections: withoutEnd,
    ...(refresh === null ? {} : { topologyRefreshOnReconnectionAttemptStrategy: refresh.ms }),
  })
  client.on('error', quiet)
  client.on('node-error', told.ended)
  client.on('node-connect', told.connected)
  await client.connect()
  return {
    set: (key, value) => client.set(key, value),
    count: (keys) => client.exists([...keys]),
    close: () => client.destroy(),
  }
}

const openSentinel = async (places: readonly Place[], name: string, told: Told): Promise<Connection> => {
  const client = createSentinel({
    name,
    sentinelRootNodes: places.map(({ address, port }) => ({ host: address, port })),
    nodeClientOptions: { socket },
    sentinelClientOptions: { socket },
    maxCommandRediscovers: withoutEnd,
  })
  client.on('error', quiet)
  client.on('client-error', told.ended)
  client.on('ready', told.connected)
  await client.connect()
  return {
    set: (key, value) => client.set(key, value),
    count: (keys) => client.exists([...keys]),
    close: () => void client.destroy().catch(quiet),
  }
}

const openSingle = async ({ address, port }: Place, told: Told, own: object = socket): Promise<Connection> => {
  const client = createClient({ socket: { host: address, port, ...own } })
  client.on('error', told.ended)
  client.on('connect', told.connected)
  await client.connect()
  return {
    set: (key, value) => client.set(key, value),
    count: (keys) => client.exists([...keys]),
    close: () => client.destroy(),
  }
}

export const openConnection = async (library: Library, target: Target, told: Told): Promise<Connection> => {
  if (library === 'ioredis') return openIoredis(ioredisClient(target), told)
  if (target.kind === 'endpoint' && library === 'ioredis as it is')
    return openIoredis(new Redis({ host: target.place.address, port: target.place.port }), told)
  if (target.kind === 'endpoint' && library === '@redis/client as it is') return openSingle(target.place, told, {})
  if (target.kind === 'cluster') return openCluster(target.places, told, library === '@redis/client' ? { ms: retryMs } : null)
  return target.kind === 'sentinel' ? openSentinel(target.places, target.name, told) : openSingle(target.place, told)
}
