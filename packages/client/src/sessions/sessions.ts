/**
 * Sessions that every instance of a back end can use. A session has a version: who sets one that somebody else has changed since it was read is given the
 * chance to merge. What was destroyed stays so for a while, so that a slow request does not bring it back.
 *
 * Each is a text key, `1`, 12 characters of version, and the sealed data; or `0`, for one that was destroyed. Sessions are spread over buckets, each of them in one
 * slot, with a sorted set of its sessions by the time at which they end, for `all`, `length` and `clear`.
 */
import { LRUCache } from 'lru-cache'
import { aList, aMoment, aText, checkConnection, checkOptions, oneOf, shown, type Table, usage } from '../check.ts'
import { type Connection, type Reply, run } from '../connection/connection.ts'
import { CacheError, isCacheError } from '../errors.ts'
import { idLength, newId } from '../ids.ts'
import { createTurns } from './in-turn.ts'
import { merge, type SessionData } from './merge.ts'
import { changeScript, countScript, destroyScript, setScript, touchScript } from './scripts.ts'
import { bucketOf, createSeal, type SealKey } from './seal.ts'

/** Times are milliseconds. */
export interface SessionsOptions {
  /** Put before every key. Default: `session`. */
  readonly namespace?: string
  /** How long a session lives without being touched, where its cookie does not say. Default: a day. */
  readonly ttl?: number
  /** When a session ends is written anew, by a touch or a change, only when at least this part of its time has passed since that was done. Default: 0.1. */
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
  /** Milliseconds that it had left then; another process may have moved its end in the last second. */
  readonly left: number
}

class OneSession implements Session {
  readonly text: string
  readonly version: string
  readonly left: number
  #first: SessionData | null
  constructor(text: string, version: string, left: number, first: SessionData | null = null) {
    this.text = text
    this.version = version
    this.left = left
    this.#first = first
  }
  get data(): SessionData {
    const first = this.#first ?? (JSON.parse(this.text) as SessionData)
    this.#first = null
    return first
  }
}

/**
 * Whether so little of its time has passed that its end can stay as it is. Up to a second longer than wanted is as good: it takes a moment until the server begins
 * to count.
 */
export const isFresh = (left: number, ttl: number, touchAfter = 0.1): boolean =>
  left > ttl * (1 - touchAfter) && left <= ttl + Math.min(1_000, ttl * touchAfter)

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
    /** As JSON has it, which must be an object. */
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

/** For who has the text already. */
export interface TextSessions extends Sessions {
  setText(
    id: string,
    text: string | undefined,
    base: Session | null,
    options?: { readonly ttl?: number; readonly ignored?: readonly string[] },
  ): Promise<Stored>
}

const alive = 0x31 // 1
/** No version is that. */
const outdated = '-'
/** Up to so many characters a session is compared whole, which costs the server less than a script; a longer one is not sent a second time for that. */
const longestCompared = 1_000
interface End {
  readonly at: number
  readonly learned: number
}
/** For so many milliseconds what is known of the end is not asked for again, where it is far away. */
const trusted = 1_000
/** Milliseconds after which a change that always meets another one is given up. */
const patience = 5_000
/** There are so many slots. */
const mostBuckets = 16_384
const page = 200
const day = 86_400_000

const buffer = (value: Reply | undefined): Buffer => (Buffer.isBuffer(value) ? value : Buffer.from(String(value ?? '')))

export const sessionOptions: Table = {
  namespace: aText,
  ttl: aMoment,
  touchAfter: { is: 'a part, from 0 up to 1', holds: (value) => typeof value === 'number' && value >= 0 && value < 1 },
  tombstone: aMoment,
  conflict: oneOf('merge', 'refuse'),
  keys: aList,
  buckets: {
    is: `a number from 1 to ${mostBuckets}`,
    holds: (value) => Number.isSafeInteger(value) && Number(value) > 0 && Number(value) <= mostBuckets,
  },
}

export const createTextSessions = (connection: Connection, options: SessionsOptions = {}): TextSessions => {
  checkConnection(connection)
  checkOptions('sessions', options, sessionOptions)
  const {
    namespace = 'session',
    ttl: usual = day,
    touchAfter = 0.1,
    tombstone = 600_000,
    conflict = 'merge',
    buckets = 64,
  } = options
  if (/[{}]/.test(namespace)) throw usage('namespace to be a text without braces', shown(namespace))
  const seal = createSeal(options.keys ?? [])
  /** When each ends, as far as this process knows: by the clock that only goes forward. */
  const ends = new LRUCache<string, End>({ max: 10_000 })

  const life = (ttl: number = usual, name = 'ttl'): number => {
    if (!(typeof ttl === 'number' && ttl > 0 && ttl <= Number.MAX_SAFE_INTEGER))
      throw usage(`a ${name} of more than 0 milliseconds`, shown(ttl))
    return Math.ceil(ttl)
  }
  life(usual)
  const tombstoneLife = life(tombstone, 'tombstone')
  const inTurn = createTurns()
  const leftOf = (id: string): number => (ends.get(id)?.at ?? 0) - performance.now()
  const endsIn = (id: string, left: number): void => {
    const learned = performance.now()
    ends.set(id, { at: learned + left, learned })
  }
  const checkId = (id: string): void => {
    if (typeof id !== 'string' || id === '') throw usage('the id of a session to be a text', shown(id))
  }
  const index = (bucket: number): string => `${namespace}:{${bucket}}`
  const keysOf = (id: string): readonly [session: string, index: string] => {
    checkId(id)
    const own = index(bucketOf(id, buckets))
    return [`${own}:${id}`, own]
  }

  /** Null: it was destroyed, or nobody can read it. */
  const sessionIn = (id: string, bytes: Buffer, left = 0): Session | null => {
    if (bytes[0] !== alive) return null
    const text = seal.open(bytes, id, 1 + idLength)
    if (text === null || text[0] !== '{') return null
    try {
      return new OneSession(text, bytes.toString('latin1', 1, 1 + idLength), left, JSON.parse(text) as SessionData)
    } catch {
      return null // somebody has changed it
    }
  }

  let knowsIfEqual = true
  const setOnce = async (id: string, wanted: string, seen: Session | null, ttl: number, mayStay: boolean) => {
    const version = newId()
    const keys = keysOf(id)
    const [began, bytes] = [seen === null ? '' : `1${seen.version}`, seal.close(wanted, id, `1${version}`)]
    let stays = mayStay && seen !== null && isFresh(leftOf(id), ttl, touchAfter)
    let isRefused = false
    if (
      stays &&
      seen !== null &&
      knowsIfEqual &&
      seal.isPlain &&
      seen.version !== outdated &&
      seen.text.length <= longestCompared
    ) {
      const old = seal.close(seen.text, id, began)
      try {
        const [answer] = await connection.send([{ key: keys[0], args: ['SET', keys[0], bytes, 'IFEQ', old, 'KEEPTTL'] }])
        if (answer?.value !== null) return new OneSession(wanted, version, leftOf(id))
        // Whoever has changed it may have given it another end.
        stays = false
      } catch (error) {
        if (!isCacheError(error, 'refused')) throw error
        isRefused = true
      }
    }
    const command = stays ? run(changeScript, [keys[0]], [began, bytes]) : run(setScript, keys, [began, bytes, String(ttl), id])
    const [answer] = await connection.send([command])
    // Valkey before 8.1 and Redis OSS refuse the one and not the other.
    if (isRefused) knowsIfEqual = false
    if (answer?.value === 1) {
      if (!stays) endsIn(id, ttl)
      return new OneSession(wanted, version, stays ? leftOf(id) : ttl)
    }
    if (answer?.value === 0) {
      ends.delete(id)
      return 'destroyed'
    }
    const theirs = sessionIn(id, buffer(answer?.value))
    if (theirs !== null) return { theirs }
    throw new CacheError(
      'conflict',
      'expected a session that one of the keys opens, found one that another request has sealed otherwise',
    )
  }

  /** Puts what was changed on top of what others have changed since. */
  const setMerged = async (
    id: string,
    given: string,
    base: Session | null,
    ttl: number,
    ignored: readonly string[],
    found: Session,
    until: number,
  ): Promise<Stored> => {
    let [seen, wanted, theirs] = [base, given, found]
    while (performance.now() < until) {
      const merged = merge(seen?.data ?? {}, JSON.parse(wanted) as SessionData, theirs.data, ignored)
      if (conflict === 'refuse' && merged.conflicts.length > 0)
        throw new CacheError(
          'conflict',
          `expected the session as it was read, found that another request has changed ${merged.conflicts.join(', ')}`,
        )
      ;[seen, wanted] = [theirs, JSON.stringify(merged.data)]
      // Whoever has changed it may have given it another end.
      const answer = await setOnce(id, wanted, seen, ttl, false)
      if (answer === 'destroyed') return { kind: 'destroyed' }
      // The data that was given is of the old version, so that the next one is merged too.
      if (answer instanceof OneSession)
        return { kind: 'stored', session: answer, base: new OneSession(given, outdated, answer.left) }
      theirs = answer.theirs
    }
    throw new CacheError('conflict', `expected to set a session within ${patience} ms, found it changed each time`)
  }

  const setText: TextSessions['setText'] = async (id, given, base, how = {}) => {
    checkOptions('set', how, { ttl: aMoment, ignored: aList })
    const { ttl, ignored = [] } = how
    const milliseconds = life(ttl)
    if (given?.[0] !== '{')
      throw new CacheError('usage', `expected a session to be an object, found ${String(given).slice(0, 40)}`)
    const until = performance.now() + patience
    const answer = await setOnce(id, given, base, milliseconds, base !== null)
    if (answer instanceof OneSession) return { kind: 'stored', session: answer, base: answer }
    if (answer === 'destroyed') return { kind: 'destroyed' }
    // One after the other, so that those of this process do not meet each other again and again.
    return inTurn(id, () => setMerged(id, given, base, milliseconds, ignored, answer.theirs, until))
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
          const session = value === null || value === undefined ? null : sessionIn(id, buffer(value))
          if (session !== null) yield { id, data: session.data }
        }
      } while (cursor !== '0')
    }
  }

  return {
    get: async (id) => {
      const [key] = keysOf(id)
      const end = ends.get(id)
      const now = performance.now()
      // The requests for one page come together.
      const isKnown = end !== undefined && now - end.learned < trusted && end.at - now > 10 * trusted
      const read = { key, args: ['GET', key] }
      const [found, left] = await connection.send(isKnown ? [read] : [read, { key, args: ['PTTL', key] }])
      const value = found?.value
      const rest = isKnown ? end.at - now : Number(left?.value ?? 0)
      const session = value === null || value === undefined ? null : sessionIn(id, buffer(value), rest)
      if (session === null) ends.delete(id)
      else if (!isKnown) endsIn(id, rest)
      return session
    },

    set: async (id, data, base, how) => setText(id, JSON.stringify(data), base, how),
    setText,

    touch: async (id, ttl) => {
      const milliseconds = life(ttl)
      if (isFresh(leftOf(id), milliseconds, touchAfter)) return true
      const [answer] = await connection.send([run(touchScript, keysOf(id), [id, String(milliseconds)])])
      const isThere = answer?.value === 1
      if (isThere) endsIn(id, milliseconds)
      else ends.delete(id)
      return isThere
    },

    destroy: async (id) => {
      ends.delete(id)
      await connection.send([run(destroyScript, keysOf(id), [id, String(tombstoneLife)])])
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
          await connection.send(ids.map((id) => run(destroyScript, keysOf(id), [id, String(tombstoneLife)])))
        }
      }
    },
  }
}

export const createSessions = (connection: Connection, options: SessionsOptions = {}): Sessions =>
  createTextSessions(connection, options)
