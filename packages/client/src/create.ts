/** Puts a cache together. */
import { connectNodeRedis } from './adapters/node-redis.ts'
import { type Cache, createCacheOn } from './cache.ts'
import { type Codec, jsonCodec } from './codec.ts'
import type { Connect, Connection, ConnectionOptions } from './connection.ts'
import { createCore } from './core.ts'
import { CacheError } from './errors.ts'
import { type CacheEvent, createObservation } from './events.ts'
import { createFence } from './fence.ts'
import { keysOf } from './keys.ts'
import { createNear, type Near } from './near.ts'
import { createSettling, joinMembers, type Membership } from './near-members.ts'
import type { EntryOptions } from './options.ts'
import { createPending } from './pending.ts'
import { withPrefix } from './prefix.ts'

/** Times are milliseconds, sizes are bytes. */
export interface CacheOptions extends Omit<ConnectionOptions, 'track'> {
  /** Put before every key, so that several applications can share a server. Default: `cache`. */
  readonly namespace?: string
  /** For entries that say nothing else. Default: a `ttl` of a minute. */
  readonly defaults?: EntryOptions
  /** Values in this process, without a round trip, in at most so many bytes. Who gets a value then cannot change it: it is frozen. */
  readonly near?: { readonly maxBytes: number }
  /** Default: JSON. */
  readonly codec?: Codec
  /** Values of more bytes are compressed. Default: 4,096. */
  readonly compressAbove?: number
  /** Values of more bytes are given and not kept. Default: 16 MiB. */
  readonly maxEntryBytes?: number
  /** Each event, as it happens; must be quick. */
  readonly observe?: (event: CacheEvent) => void
  /** For so long `invalidate`, `put` and `delete` try to tell the server before they reject. Default: 2,000. */
  readonly patience?: number
  /** For so long a load in another process is waited for before the source is asked. Default: 10,000. */
  readonly waitTime?: number
  /** After so many failures one after the other the source is asked without the cache, for `wait` first, for `longest` in the end. Default: 5, 250, 5,000. */
  readonly breaker?: { readonly failures?: number; readonly wait?: number; readonly longest?: number }
  /** By another client library. Default: `@redis/client`. */
  readonly connect?: Connect
}

const lockTime = 2_000
const mebibyte = 2 ** 20

const checkNear = (maxBytes: number): void => {
  if (!(Number.isSafeInteger(maxBytes) && maxBytes > 0))
    throw new CacheError('usage', `expected near.maxBytes to be a number of bytes of more than 0, found ${String(maxBytes)}`)
}

/** Rejects with `unavailable` where nobody answers at the URL, `refused` where the user may not, `usage` for options that make no sense. */
export const createCache = async (options: CacheOptions): Promise<Cache> => {
  const { namespace = 'cache', connect = connectNodeRedis, near: nearOptions } = options
  const keys = keysOf(namespace)
  if (nearOptions !== undefined) checkNear(nearOptions.maxBytes)
  const connection = await connect({ ...options, track: nearOptions !== undefined })
  if (nearOptions !== undefined && connection.tracking === null) {
    await connection.close()
    throw new CacheError(
      'usage',
      'expected a client that tells of changes for a near cache (@redis/client and ioredis do), found one that does not (as GLIDE)',
    )
  }
  return assemble(connection, keys, options)
}

const assemble = (connection: Connection, keys: ReturnType<typeof keysOf>, options: CacheOptions): Cache => {
  const { codec = jsonCodec, near: nearOptions, observe, patience = 2_000, waitTime = 10_000, breaker = {} } = options
  const observation = createObservation(observe)
  const pending = createPending()
  const fence = createFence(connection, keys)
  let membership: Membership | null = null
  let isClosed = false

  const near: Near | null =
    nearOptions === undefined
      ? null
      : createNear({
          keys,
          maxBytes: nearOptions.maxBytes,
          trustedUntil: () => membership?.trustedUntil() ?? 0,
          steady: () => performance.now(),
          now: Date.now,
          random: Math.random,
          decode: codec.decode,
        })
  const core = createCore({
    fence,
    now: Date.now,
    random: Math.random,
    codec,
    near,
    observation,
    isPending: pending.has,
    settings: {
      lockTime,
      waitTime,
      compressAbove: options.compressAbove ?? 4_096,
      maxEntryBytes: options.maxEntryBytes ?? 16 * mebibyte,
      breaker: { failures: breaker.failures ?? 5, wait: breaker.wait ?? 250, longest: breaker.longest ?? 5_000 },
    },
  })
  if (near !== null) membership = joinMembers({ connection, keys, drop: near.drop, failed: core.failed })

  const cache: Cache = createCacheOn({
    core,
    pending,
    near,
    settleNear: createSettling(connection, keys),
    defaults: { ttl: 60_000, ...options.defaults },
    patience,
    namespace: (name) => withPrefix(cache, name),
    isClosed: () => isClosed,
    close: async () => {
      if (isClosed) return
      isClosed = true
      pending.close()
      await membership?.close()
      await connection.close()
    },
  })
  return cache
}
