/** Puts a cache together. */
import { connectNodeRedis } from '../adapters/node-redis.ts'
import { connectionOptions } from '../adapters/settings.ts'
import { aFlag, aFunction, aGroup, aNumber, anything, aText, checkOptions, type Table, usage } from '../check.ts'
import type { Connect, Connection, ConnectionOptions } from '../connection/connection.ts'
import { connectLater } from '../connection/later.ts'
import { CacheError, isCacheError, messageOf } from '../errors.ts'
import { type Cache, createCacheOn } from './cache.ts'
import { type Codec, jsonCodec } from './codec.ts'
import { createCore } from './core.ts'
import { type CacheEvent, createObservation, type Observation } from './events.ts'
import { createFence } from './fence.ts'
import { type Keys, keysOf } from './keys.ts'
import { createNear, type Near } from './near.ts'
import { createSettling, joinMembers, type Membership } from './near-members.ts'
import { type Defaults, defaultOptions, type EntryOptions, rulesOf } from './options.ts'
import { createPending } from './pending.ts'
import { viewOf } from './prefix.ts'

/** Times are milliseconds, sizes are bytes. */
export interface CacheOptions extends Omit<ConnectionOptions, 'track'> {
  /** Put before every key, so that several applications can share a server. Default: `cache`. */
  readonly namespace?: string
  /** For entries that say nothing else. Default: a `ttl` of a minute. */
  readonly defaults?: Omit<EntryOptions, 'tags'>
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
  /** For so long a load of somebody else is waited for before the source is asked. Default: 10,000. */
  readonly waitTime?: number
  /** After so many failures one after the other the source is asked without the cache, for `wait` first, for `longest` in the end. Default: 5, 250, 5,000. */
  readonly breaker?: { readonly failures?: number; readonly wait?: number; readonly longest?: number }
  /** By another client library. Default: `@redis/client`. */
  readonly connect?: Connect
  /**
   * Whether it must be there at the start. Default: false; where nobody answers a warning is given, and the source is asked until somebody does.
   */
  readonly required?: boolean
}

const lockTime = 2_000
const mebibyte = 2 ** 20

const patienceByDefault = 2_000
const defaultsOf = ({ defaults }: CacheOptions): Defaults => ({ ttl: 60_000, ...defaults })

const cacheOptions: Table = {
  ...connectionOptions,
  url: { is: 'a url as redis://HOST:PORT', holds: (value) => typeof value === 'string', isSecret: true },
  namespace: aText,
  // What they are is checked with them.
  defaults: anything,
  near: aGroup(
    'near',
    { maxBytes: { is: 'a number of bytes of more than 0', holds: (value) => Number.isSafeInteger(value) && Number(value) > 0 } },
    ['maxBytes'],
  ),
  codec: aGroup('codec', { encode: aFunction, decode: aFunction, decodeText: aFunction }, ['encode', 'decode']),
  compressAbove: aNumber,
  maxEntryBytes: aNumber,
  observe: aFunction,
  patience: aNumber,
  waitTime: aNumber,
  breaker: aGroup('breaker', { failures: aNumber, wait: aNumber, longest: aNumber }),
  connect: aFunction,
  required: aFlag,
}

/** Before anything is opened. Throws `usage`. */
const checkCacheOptions = (options: CacheOptions): void => {
  checkOptions('createCache', options, cacheOptions, ['url'])
  const { defaults } = options
  if (defaults === undefined) return
  if (typeof defaults === 'object' && defaults !== null && 'tags' in defaults)
    throw usage('defaults without tags, since whoever reads names what it rests on', 'some')
  checkOptions('defaults', defaults, defaultOptions)
  rulesOf({}, defaultsOf(options))
}

/** What a connection takes of them. */
const connectionOptionsIn = (options: CacheOptions, track: boolean): ConnectionOptions => {
  const names = Object.keys(options).filter((name) => Object.hasOwn(connectionOptions, name))
  return {
    ...(Object.fromEntries(names.map((name) => [name, options[name as keyof CacheOptions]])) as unknown as ConnectionOptions),
    track,
  }
}

const usable = (connection: Connection, isNear: boolean): Connection => {
  if (!isNear || connection.tracking !== null) return connection
  throw new CacheError(
    'usage',
    'expected a client that tells of changes for a near cache (@redis/client and ioredis do), found one that does not (as GLIDE)',
  )
}

/**
 * Rejects with `refused` where the user may not, `usage` for options that make no sense; with `unavailable` where nobody answers at the URL only if it is `required`.
 */
export const createCache = async (options: CacheOptions): Promise<Cache> => {
  checkCacheOptions(options)
  const { namespace = 'cache', connect = connectNodeRedis, near, observe, required = false } = options
  const keys = keysOf(namespace)
  const observation = createObservation(observe)
  const track = near !== undefined
  const open = async (): Promise<Connection> => {
    const connection = await connect(connectionOptionsIn(options, track))
    try {
      return usable(connection, track)
    } catch (error) {
      await connection.close()
      throw error
    }
  }
  const openLater = (because: unknown): Connection => {
    if (required || !isCacheError(because, 'unavailable')) throw because
    process.emitWarning(`The cache does not answer, so the source is asked until it does: ${messageOf(because)}`, 'CacheWarning')
    return connectLater({ connect: open, because, failed: (error) => observation.count({ type: 'error', error }), track })
  }
  return assemble(await open().catch(openLater), keys, observation, options)
}

const assemble = (connection: Connection, keys: Keys, observation: Observation, options: CacheOptions): Cache => {
  const { codec = jsonCodec, near: nearOptions, patience = patienceByDefault, waitTime = 10_000, breaker = {} } = options
  const pending = createPending(({ keys: names, tags }) => near?.drop([...names.map(keys.entry), ...tags.map(keys.tag)]))
  const fence = createFence(connection, keys)
  let membership: Membership | null = null

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
    steady: () => performance.now(),
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

  const cache = createCacheOn({
    core,
    pending,
    near,
    settleNear: createSettling(connection, keys),
    defaults: defaultsOf(options),
    patience,
    close: async () => {
      pending.close()
      await membership?.close()
      await connection.close()
    },
  })
  return viewOf(cache, '')
}
