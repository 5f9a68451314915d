/** A client that writes one key after the other, how long it could not, and what of it is not there in the end. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Library, openConnection, type Target } from './failover-clients.ts'

const everyMs = 1
/** A write without an answer for so long is tried again: over a connection that hangs there may never be one. */
const longWriteMs = 10_000
/** All keys are in one slot, so that it is known which shard is needed. */
const tag = '{writes}'
const keysAtOnce = 500

/** One fault, as one client saw it; all in milliseconds, counted from the moment before the fault. */
export interface Outage {
  /** Longest time between two acknowledged writes. */
  readonly gapMs: number
  /** A connection of it ended. Null: none did. */
  readonly endedMs: number | null
  /** It was connected anew. Null: it was not, or had a connection there already. */
  readonly connectedMs: number | null
  /** The write that ended the longest gap was acknowledged. */
  readonly backMs: number
}

export interface Writer extends AsyncDisposable {
  readonly library: Library
  /** From here on is measured: the fault comes now. */
  mark(): void
  /** The fault has happened: what counts as going on has to begin from here on. */
  struck(): void
  /** Has a write been acknowledged that was begun after the mark, or after the fault where there was one? */
  readonly goesOn: boolean
  outage(): Outage
  readonly acknowledged: number
  /** How often a write failed, by what it failed with. */
  readonly failures: Readonly<Record<string, number>>
  /** Of all that was acknowledged so far: how many keys are not there? */
  lost(): Promise<number>
}

/** The error code of an engine, or the beginning of what a library says. */
const nameOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message || error.name : String(error)
  return /^[A-Z]{4,}\b/.exec(text)?.[0] ?? text.slice(0, 40)
}

/** Writes until it is disposed. `name` tells its keys from those of others. */
export const openWriter = async (library: Library, target: Target, name: string): Promise<Writer> => {
  const keyOf = (number: number): string => `${tag}${name}:${library}:${number}`
  let marked = performance.now()
  let expected = marked
  let last = marked
  let longest = 0
  let back = 0
  let ended: number | null = null
  let connected: number | null = null
  const client = await openConnection(library, target, {
    ended: () => {
      ended ??= performance.now() - marked
    },
    connected: () => {
      if (ended !== null) connected ??= performance.now() - marked
    },
  })
  const failures: Record<string, number> = {}
  let going = true
  let goesOn = false
  let acknowledged = 0

  const writeOnce = async (): Promise<void> => {
    const ending = new AbortController()
    const tooLong = delay(longWriteMs, undefined, { signal: ending.signal })
    try {
      await Promise.race([client.set(keyOf(acknowledged), '1'), tooLong.then(() => Promise.reject(new Error('no answer')))])
    } finally {
      ending.abort()
    }
  }
  const write = async (): Promise<void> => {
    const began = performance.now()
    try {
      await writeOnce()
    } catch (error) {
      const what = nameOf(error)
      if (going) failures[what] = (failures[what] ?? 0) + 1
      return // the same key again
    }
    const now = performance.now()
    acknowledged += 1
    if (now - last > longest) {
      longest = now - last
      back = now - marked
    }
    last = now
    if (began > expected) goesOn = true
  }
  const work = (async () => {
    while (going) {
      await write()
      await delay(everyMs)
    }
  })()
  return {
    library,
    mark: () => {
      marked = performance.now()
      expected = marked
      // `last` stays: what the fault interrupts began with the write before it.
      longest = 0
      back = 0
      ended = null
      connected = null
      goesOn = false
    },
    struck: () => {
      expected = performance.now()
      goesOn = false
    },
    get goesOn() {
      return goesOn
    },
    outage: () => ({ gapMs: longest, endedMs: ended, connectedMs: connected, backMs: back }),
    get acknowledged() {
      return acknowledged
    },
    failures,
    lost: async () => {
      const all = acknowledged
      let there = 0
      for (let from = 0; from < all; from += keysAtOnce) {
        const keys = Array.from({ length: Math.min(keysAtOnce, all - from) }, (_, index) => keyOf(from + index))
        there += await client.count(keys)
      }
      return all - there
    },
    async [Symbol.asyncDispose]() {
      going = false
      client.close()
      await work
    },
  }
}
