/**
 * Sessions that every instance of a back end can use. A session has a version: who sets one that somebody else has changed since it was read is given the
 * chance to merge. What was destroyed stays so for a while, so that a slow request does not bring it back.
 *
 * Each is a text key, `1`, 12 characters of version, and the sealed data; or `0`, for one that was destroyed. Sessions are spread over buckets, each of them in one
 * slot, with a sorted set of its sessions by the time at which they end, for `all`, `length` and `clear`.
 */
import { LRUCache } from 'lru-cache'
import { type Connection, type Reply, run, script } from '../connection.ts'
import { idLength, newId } from '../entry.ts'
import { CacheError } from '../errors.ts'
import { merge, type SessionData } from './merge.ts'
import { bucketOf, createSeal, type SealKey } from './seal.ts'

/** Times are milliseconds. */
export interface SessionsOptions {
  /** Put before every key. Default: `session`. */
  readonly namespace?: string
  /** How long a session lives without being touched, where its cookie does not say. Default: a day. */
  readonly ttl?: number
  /** A touch is written only when at least this part of the time to live has passed since the last one. Default: 0.1. */
  readonly touchAfter?: number
  /** For so long a session that was destroyed cannot come back. Default: ten minutes. */
  readonly tombstone?: number
  /**
   * Two requests have changed one session at once: `merge` keeps both changes, field by field, the later one where both changed the same field; `refuse` rejects
   * with `conflict` in that last case. Default: `merge`.
   */
  readonly conflict?: 'merge' | 'refuse'
  /** Seals what is stored (AES-256-GCM): the first seals, all of them open. Default: nothing is sealed. */
  readonly keys?: readonly SealKey[]
  /** How many buckets. Must be the same for all who use the name space. Default: 64. */
  readonly buckets?: number
}

/** A session as it was read or set. */
export interface Session {
  /** Made of `text` when it is asked for, anew each time. */
  readonly data: SessionData
  /** As JSON. */
  readonly text: string
  readonly version: string
}

const sessionOf = (text: string, version: string): Session => ({
  text,
  version,
  get data() {
    return JSON.parse(text) as SessionData
  },
})

export type Stored =
  | {
      readonly kind: 'stored'
      /** As it is on the server now, with what others have changed. */
      readonly session: Session
      /** What to give as base for the next change of the data that was given, which has not got what others have changed. */
      readonly base: Session
    }
  /** It was destroyed, or has ended, since it was read. */
  | { readonly kind: 'destroyed' }

export interface Sessions {
  /** Null: there is none. */
  get(id: string): Promise<Session | null>
  /** `base`: what the data was made of: as it was read, or the base of the last `set`; null: it is new. `ignored`: fields that do not make a conflict. */
  set(
    id: string,
    /** As JSON has it. */
    data: object,
    base: Session | null,
    options?: { readonly ttl?: number; readonly ignored?: readonly string[] },
  ): Promise<Stored>
  /** False: there is none. Where little time has passed since it was read the server is not asked. */
  touch(id: string, ttl?: number): Promise<boolean>
  destroy(id: string): Promise<void>
  /** About as many as there are: sessions that the server has evicted count until their time is over. */
  length(): Promise<number>
  all(): AsyncGenerator<{ readonly id: string; readonly data: SessionData }>
  clear(): Promise<void>
}

const alive = 0x31 // 1
/** No version is that. */
const outdated = '-'
const turns = 10
const page = 200
const day = 86_400_000

/** Sessions that have ended leave the index with one call of sixteen. */
const head = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if time[2] % 16 == 0 then
  local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 128)
  if #ended > 0 then redis.call('ZREM', KEYS[2], unpack(ended)) end
end
`
const setScript = script(`${head}
local found = redis.call('GET', KEYS[1])
if found == '0' or (not found and ARGV[2] ~= '') then return {'destroyed'} end
if found and string.sub(found, 2, ${1 + idLength}) ~= ARGV[2] then return {'changed', found} end
redis.call('SET', KEYS[1], '1' .. ARGV[3] .. ARGV[4], 'PX', ARGV[5])
redis.call('ZADD', KEYS[2], now + ARGV[5], ARGV[1])
return {'stored'}`)

const touchScript = script(`${head}
local found = redis.call('GETRANGE', KEYS[1], 0, 0)
if found ~= '1' then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
return 1`)

const destroyScript = script(`${head}
redis.call('SET', KEYS[1], '0', 'PX', ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1`)

const countScript = script(`
local time = redis.call('TIME')
return redis.call('ZCOUNT', KEYS[1], '(' .. (time[1] * 1000 + math.floor(time[2] / 1000)), '+inf')`)

const buffer = (value: Reply | undefined): Buffer => (Buffer.isBuffer(value) ? value : Buffer.from(String(value ?? '')))

export const createSessions = (connection: Connection, options: SessionsOptions = {}): Sessions => {
  const {
    namespace = 'session',
    ttl: usual = day,
    touchAfter = 0.1,
    tombstone = 600_000,
    conflict = 'merge',
    buckets = 64,
  } = options
  if (!(touchAfter >= 0 && touchAfter < 1))
    throw new CacheError('usage', `expected touchAfter to be a part, from 0 up to 1, found ${String(touchAfter)}`)
  if (!(Number.isSafeInteger(buckets) && buckets > 0))
    throw new CacheError('usage', `expected buckets to be a number of more than 0, found ${String(buckets)}`)
  if (/[{}]/.test(namespace))
    throw new CacheError('usage', `expected a namespace without braces, found ${JSON.stringify(namespace)}`)
  const seal = createSeal(options.keys ?? [])
  /** When each ends, as far as this process knows: by the clock that only goes forward. */
  const ends = new LRUCache<string, number>({ max: 10_000 })

  const life = (ttl: number = usual): number => {
    if (!(Number.isFinite(ttl) && ttl > 0))
      throw new CacheError('usage', `expected a ttl of more than 0 milliseconds, found ${String(ttl)}`)
    return Math.ceil(ttl)
  }
  const checkId = (id: string): void => {
    if (typeof id !== 'string' || id === '')
      throw new CacheError('usage', `expected the id of a session to be a text, found ${JSON.stringify(id)}`)
  }
  const index = (bucket: number): string => `${namespace}:{${bucket}}`
  const keysOf = (id: string): readonly [session: string, index: string] => {
    checkId(id)
    const own = index(bucketOf(id, buckets))
    return [`${own}:${id}`, own]
  }

  /** Null: it was destroyed, or nobody can read it. */
  const read = (id: string, bytes: Buffer): Session | null => {
    if (bytes[0] !== alive) return null
    const text = seal.open(bytes.subarray(1 + idLength), id)
    if (text === null) return null
    return sessionOf(text, bytes.toString('latin1', 1, 1 + idLength))
  }

  const all = async function* (): AsyncGenerator<{ readonly id: string; readonly data: SessionData }> {
    for (let bucket = 0; bucket < buckets; bucket += 1) {
      const own = index(bucket)
      const seen = new Set<string>()
      let cursor = '0'
      do {
        const [scanned] = await connection.send([{ key: own, args: ['ZSCAN', own, cursor, 'COUNT', String(page)] }])
        const [next, listed] = Array.isArray(scanned?.value) ? (scanned.value as readonly Reply[]) : []
        const pairs = Array.isArray(listed) ? (listed as readonly Reply[]).map(String) : []
        const ids = pairs.filter((id, at) => at % 2 === 0 && !seen.has(id))
        for (const id of ids) seen.add(id)
        cursor = String(next ?? '0')
        if (ids.length === 0) continue
        const [found] = await connection.send([{ key: own, args: ['MGET', ...ids.map((id) => `${own}:${id}`)] }])
        const values = Array.isArray(found?.value) ? (found.value as readonly Reply[]) : []
        for (const [at, id] of ids.entries()) {
          const value = values[at]
          const session = value === null || value === undefined ? null : read(id, buffer(value))
          if (session !== null) yield { id, data: session.data }
        }
      } while (cursor !== '0')
    }
  }

  return {
    get: async (id) => {
      const [key] = keysOf(id)
      const [found, left] = await connection.send([
        { key, args: ['GET', key] },
        { key, args: ['PTTL', key] },
      ])
      const value = found?.value
      const session = value === null || value === undefined ? null : read(id, buffer(value))
      if (session === null) ends.delete(id)
      else ends.set(id, performance.now() + Number(left?.value ?? 0))
      return session
    },

    set: async (id, data, base, { ttl, ignored = [] } = {}) => {
      const milliseconds = life(ttl)
      const given = JSON.stringify(data)
      let [seen, wanted] = [base, given]
      for (let turn = 0; turn < turns; turn += 1) {
        const version = newId()
        const bytes = seal.close(wanted, id)
        const args = [id, seen?.version ?? '', version, bytes, String(milliseconds)]
        const [answer] = await connection.send([run(setScript, keysOf(id), args)])
        const [kind, found] = Array.isArray(answer?.value) ? (answer.value as readonly Reply[]) : []
        switch (String(kind)) {
          case 'stored':
            ends.set(id, performance.now() + milliseconds)
            // The data that was given is of the old version where it was merged, so that the next one is merged too.
            return {
              kind: 'stored',
              session: sessionOf(wanted, version),
              base: sessionOf(given, turn === 0 ? version : outdated),
            }
          case 'destroyed':
            ends.delete(id)
            return { kind: 'destroyed' }
          default:
        }
        const theirs = read(id, buffer(found))
        if (theirs === null)
          throw new CacheError(
            'conflict',
            'expected a session that one of the keys opens, found one that another request has sealed otherwise',
          )
        const merged = merge(seen?.data ?? {}, JSON.parse(wanted) as SessionData, theirs.data, ignored)
        if (conflict === 'refuse' && merged.conflicts.length > 0)
          throw new CacheError(
            'conflict',
            `expected the session as it was read, found that another request has changed ${merged.conflicts.join(', ')}`,
          )
        ;[seen, wanted] = [theirs, JSON.stringify(merged.data)]
      }
      throw new CacheError('conflict', `expected to set a session in ${turns} turns, found it changed each time`)
    },

    touch: async (id, ttl) => {
      const milliseconds = life(ttl)
      const end = ends.get(id)
      const left = end === undefined ? 0 : end - performance.now()
      if (left > 0 && left <= milliseconds && left > milliseconds * (1 - touchAfter)) return true
      const [answer] = await connection.send([run(touchScript, keysOf(id), [id, String(milliseconds)])])
      const isThere = answer?.value === 1
      if (isThere) ends.set(id, performance.now() + milliseconds)
      return isThere
    },

    destroy: async (id) => {
      ends.delete(id)
      await connection.send([run(destroyScript, keysOf(id), [id, String(life(tombstone))])])
    },

    length: async () => {
      const all = Array.from({ length: buckets }, (_, bucket) => index(bucket))
      const counts = await connection.send(all.map((key) => run(countScript, [key])))
      return counts.reduce((sum, { value }) => sum + Number(value), 0)
    },

    all,

    clear: async () => {
      for (let bucket = 0; bucket < buckets; bucket += 1) {
        const own = index(bucket)
        // Those that come meanwhile may stay.
        const [count] = await connection.send([{ key: own, args: ['ZCARD', own] }])
        for (let done = 0; done < Number(count?.value ?? 0); done += page) {
          const [popped] = await connection.send([{ key: own, args: ['ZRANGE', own, '0', String(page - 1)] }])
          const ids = Array.isArray(popped?.value) ? popped.value.map(String) : []
          if (ids.length === 0) break
          for (const id of ids) ends.delete(id)
          // As each by itself: a slow request does not bring them back.
          await connection.send(ids.map((id) => run(destroyScript, keysOf(id), [id, String(life(tombstone))])))
        }
      }
    },
  }
}
