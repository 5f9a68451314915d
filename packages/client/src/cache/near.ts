/**
 * The near cache: values in this process, without a round trip. The server tells of every key that was read over this connection and has changed since;
 * what rests on it is dropped. It is believed only while this process is a member that is heard (near-members.ts), so that whoever
 * invalidates can wait until all have dropped it.
 */
import { LRUCache } from 'lru-cache'
import type { Entry } from './entry.ts'
import type { Place } from './fence.ts'
import { freeze } from './freeze.ts'
import type { Keys } from './keys.ts'
import { isPlain } from './names.ts'
import { tagsOf } from './stamp.ts'

interface Held {
  readonly key: string
  readonly tags: readonly string[]
  /** It has the same name at the root as the application gives it. */
  readonly isPlain: boolean
  /** On the server: what it rests on. */
  readonly rests: readonly string[]
  /** By the clock that only goes forward, milliseconds. */
  readonly until: number
  readonly bytes: Buffer
  /** Null: it can be changed, so each who gets it gets one of his own. */
  readonly shared: { readonly value: unknown } | null
}

/** A read that is on its way. What changes meanwhile must not be kept. */
export interface Ticket {
  readonly place: Place
  readonly rests: readonly string[]
  isDirty: boolean
}

export interface Near {
  /** Undefined: not held, or not to be believed. */
  get(key: string, tags: readonly string[] | undefined): Held | undefined
  valueOf(held: Held): unknown
  begin(place: Place): Ticket
  keep(ticket: Ticket, entry: Entry, bytes: Buffer, value: unknown): void
  end(ticket: Ticket): void
  /** Null: all. */
  drop(keys: readonly string[] | null): void
  readonly size: number
  readonly bytes: number
}

export interface NearDependencies {
  readonly keys: Keys
  readonly maxBytes: number
  /** Until when the clock that only goes forward it may be believed. */
  readonly trustedUntil: () => number
  readonly steady: () => number
  readonly now: () => number
  readonly random: () => number
  readonly decode: (bytes: Buffer) => unknown
}

/** What an entry takes beside its bytes: its object, places in maps, and the decoded value, which is about as long again. */
const overhead = 400
const decodedFactor = 2

const same = (a: readonly string[], b: readonly string[]): boolean => {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return false
  return true
}

const none: readonly string[] = []

export const createNear = (dependencies: NearDependencies): Near => {
  const { keys, maxBytes, trustedUntil, steady, now, random, decode } = dependencies
  const restingOn = new Map<string, Set<string>>()
  const underWay = new Map<string, Set<Ticket>>()

  const unlink = (held: Held): void => {
    for (const name of held.rests) {
      const resting = restingOn.get(name)
      if (resting === undefined) continue
      resting.delete(held.key)
      if (resting.size === 0) restingOn.delete(name)
    }
  }
  const held = new LRUCache<string, Held>({
    maxSize: maxBytes,
    sizeCalculation: ({ key, rests, bytes }) => overhead + 2 * key.length + rests.join('').length + decodedFactor * bytes.length,
    dispose: unlink,
    noDisposeOnSet: false,
  })

  const end = (ticket: Ticket): void => {
    for (const name of ticket.rests) {
      const tickets = underWay.get(name)
      if (tickets === undefined) continue
      tickets.delete(ticket)
      if (tickets.size === 0) underWay.delete(name)
    }
  }

  return {
    get: (key, tags = none) => {
      const one = held.get(key)
      if (one === undefined) return undefined
      const time = steady()
      if (time >= one.until || time >= trustedUntil()) return undefined
      return same(one.tags, tags) || (tags.length > 1 && same(one.tags, tagsOf(tags))) ? one : undefined
    },
    valueOf: ({ shared, bytes }) => (shared === null ? decode(bytes) : shared.value),
    begin: (place) => {
      const ticket: Ticket = { place, rests: [keys.entry(place.key), ...place.tags.map(keys.tag)], isDirty: false }
      for (const name of ticket.rests) {
        const tickets = underWay.get(name)
        if (tickets === undefined) underWay.set(name, new Set([ticket]))
        else tickets.add(ticket)
      }
      return ticket
    },
    keep: ({ place: { key, tags }, rests, isDirty }, entry, bytes, value) => {
      if (isDirty) return
      // A little before its time by chance, so that one of many processes asks the server and loads it anew early.
      const left = entry.freshUntil - now() + entry.loadTime * Math.log(1 - random())
      if (left <= 0) return
      const one: Held = {
        key,
        tags,
        isPlain: isPlain(key) && tags.every(isPlain),
        rests,
        until: steady() + left,
        bytes,
        shared: freeze(value) ? { value } : null,
      }
      held.set(key, one)
      if (held.peek(key) !== one) return
      for (const name of rests) {
        const resting = restingOn.get(name)
        if (resting === undefined) restingOn.set(name, new Set([key]))
        else resting.add(key)
      }
    },
    end,
    drop: (names) => {
      if (names === null) {
        for (const tickets of underWay.values()) for (const ticket of tickets) ticket.isDirty = true
        held.clear()
        return
      }
      for (const name of names) {
        for (const ticket of underWay.get(name) ?? []) ticket.isDirty = true
        for (const key of [...(restingOn.get(name) ?? [])]) held.delete(key)
      }
    },
    get size() {
      return held.size
    },
    get bytes() {
      return held.calculatedSize
    },
  }
}
