/** Ordinary clients that write one key after the other, and how long they could not. */
import { setTimeout as delay } from 'node:timers/promises'
import { createClient, createCluster, createSentinel } from '@redis/client'
import { Cluster, Redis } from 'ioredis'
import type { Place } from './asking.ts'

export type Library = 'ioredis' | '@redis/client'
export const libraries: readonly Library[] = ['ioredis', '@redis/client']

/** Where the client is pointed at: one endpoint, nodes of a cluster, or Sentinels and the name of their primary. */
export type Target =
  | { readonly kind: 'endpoint'; readonly place: Place }
  | { readonly kind: 'cluster'; readonly places: readonly Place[] }
  | { readonly kind: 'sentinel'; readonly places: readonly Place[]; readonly name: string }

const retryMs = 10
const everyMs = 1
const longWriteMs = 10_000
/** All keys of a writer are in one slot, so that it is known which shard it needs. */
const tag = '{writes}'

interface Connection {
  set(key: string, value: string): Promise<unknown>
  /** Of these, how many are there now? */
  count(keys: readonly string[]): Promise<number>
  close(): void
}

const quiet = (): void => undefined // a write that fails tells it too

const openIoredis = (target: Target): Connection => {
  const redisOptions = { connectTimeout: 1_000 }
  const client =
    target.kind === 'cluster'
      ? new Cluster(
          target.places.map(({ address, port }) => ({ host: address, port })),
          {
            clusterRetryStrategy: () => retryMs,
            retryDelayOnFailover: retryMs,
            retryDelayOnClusterDown: retryMs,
            retryDelayOnTryAgain: retryMs,
            maxRedirections: 10_000,
            slotsRefreshTimeout: 1_000,
            redisOptions,
          },
        )
      : target.kind === 'sentinel'
        ? new Redis({
            sentinels: target.places.map(({ address, port }) => ({ host: address, port })),
            name: target.name,
            retryStrategy: () => retryMs,
            sentinelRetryStrategy: () => retryMs,
            maxRetriesPerRequest: null,
            reconnectOnError: (error) => (error.message.includes('READONLY') ? 2 : false),
            ...redisOptions,
          })
        : new Redis({
            host: target.place.address,
            port: target.place.port,
            retryStrategy: () => retryMs,
            maxRetriesPerRequest: null,
            ...redisOptions,
          })
  client.on('error', quiet)
  return {
    set: (key, value) => client.set(key, value),
    count: (keys) => client.exists(...keys),
    close: () => client.disconnect(),
  }
}

const openRedisClient = async (target: Target): Promise<Connection> => {
  const socket = { reconnectStrategy: retryMs, connectTimeout: 1_000 }
  if (target.kind === 'sentinel') {
    const client = createSentinel({
      name: target.name,
      sentinelRootNodes: target.places.map(({ address, port }) => ({ host: address, port })),
      nodeClientOptions: { socket },
      sentinelClientOptions: { socket },
      scanInterval: 100,
    })
    client.on('error', quiet)
    await client.connect()
    return {
      set: (key, value) => client.set(key, value),
      count: (keys) => client.exists([...keys]),
      close: () => client.destroy(),
    }
  }
  if (target.kind === 'cluster') {
    const client = createCluster({
      rootNodes: target.places.map(({ address, port }) => ({ url: `redis://${address}:${port}` })),
      defaults: { socket },
      maxCommandRedirections: 10_000,
    })
    client.on('error', quiet)
    await client.connect()
    return {
      set: (key, value) => client.set(key, value),
      count: (keys) => client.exists([...keys]),
      close: () => client.destroy(),
    }
  }
  const client = createClient({ socket: { host: target.place.address, port: target.place.port, ...socket } })
  client.on('error', quiet)
  await client.connect()
  return { set: (key, value) => client.set(key, value), count: (keys) => client.exists([...keys]), close: () => client.destroy() }
}

export interface Gap {
  /** Longest time between two acknowledged writes, in milliseconds. */
  readonly ms: number
  /** From the mark to the first failed write; null: none failed. */
  readonly firstErrorMs: number | null
  readonly failed: number
}

export interface Writer extends AsyncDisposable {
  readonly library: Library
  /** From here on the gap is measured. */
  mark(): void
  /** Has a write been acknowledged that was begun after the mark, or after the fault where there was one? */
  readonly goesOn: boolean
  /** The fault has happened. */
  struck(): void
  gap(): Gap
  readonly acknowledged: number
  /** Acknowledged writes since the last call that are not there. */
  lost(): Promise<number>
}

/** Writes until it is disposed. A write that fails, or takes too long, is tried again at once. */
export const openWriter = async (library: Library, target: Target): Promise<Writer> => {
  const client = library === 'ioredis' ? openIoredis(target) : await openRedisClient(target)
  let going = true
  let acknowledged = 0
  let last = performance.now()
  let marked = last
  let expected = last
  let longest = 0
  let firstError: number | null = null
  let failed = 0
  let goesOn = false
  let unchecked: string[] = []
  const work = (async () => {
    for (let number = 0; going; number += 1) {
      const key = `${tag}${library}:${number % 100_000}:${number}`
      while (going) {
        const began = performance.now()
        const ending = new AbortController()
        try {
          await Promise.race([
            client.set(key, '1'),
            delay(longWriteMs, undefined, { signal: ending.signal, ref: false }).then(() =>
              Promise.reject(new Error('no answer')),
            ),
          ])
          const now = performance.now()
          longest = Math.max(longest, now - last)
          last = now
          if (began > expected) goesOn = true
          acknowledged += 1
          unchecked.push(key)
          break
        } catch {
          failed += 1
          firstError ??= performance.now() - marked
          await delay(everyMs)
        } finally {
          ending.abort()
        }
      }
      await delay(everyMs)
    }
  })()
  return {
    library,
    mark: () => {
      marked = performance.now()
      expected = marked
      last = marked
      longest = 0
      firstError = null
      failed = 0
      goesOn = false
    },
    struck: () => {
      expected = performance.now()
      goesOn = false
    },
    get goesOn() {
      return goesOn
    },
    gap: () => ({ ms: longest, firstErrorMs: firstError, failed }),
    get acknowledged() {
      return acknowledged
    },
    lost: async () => {
      const keys = unchecked
      unchecked = []
      let there = 0
      for (let at = 0; at < keys.length; at += 500) there += await client.count(keys.slice(at, at + 500))
      return keys.length - there
    },
    async [Symbol.asyncDispose]() {
      going = false
      client.close()
      await work
    },
  }
}
