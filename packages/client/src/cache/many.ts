/** Many at once: what is cached in one round trip, and one load for all the others. */
import { types } from 'node:util'
import { shown, usage } from '../check.ts'
import { isCacheError } from '../errors.ts'
import { type Core, unreadable } from './core.ts'
import { type Claim, isValid, type Place, type Reading } from './fence.ts'
import { type LoadContext, type Reader, reasonOf } from './get.ts'
import { startJob, unlessAborted } from './job.ts'
import { whileLoading } from './nesting.ts'
import type { Rules } from './options.ts'

interface Wanted {
  readonly key: string
  readonly rules: Rules
}
/** Not there, or to be loaded anew. */
interface Open {
  readonly wanted: Wanted
  readonly reading: Reading
}
/** Under the lock of this process. */
interface Claimed {
  readonly wanted: Wanted
  readonly place: Place
  readonly stamp: string
  readonly holder: string
}

type Values = ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>
export type LoadMany = (keys: readonly string[], context: LoadContext) => Promise<Values>

const absent = Symbol('absent')
const nothing = new Error('the source has nothing under this key')
const never = new AbortController().signal

export const isValues = (given: unknown): given is Values =>
  types.isMap(given) || (typeof given === 'object' && given !== null && !Array.isArray(given) && !types.isSet(given))
export const entriesOf = <T>(values: ReadonlyMap<string, T> | Readonly<Record<string, T>>): readonly (readonly [string, T])[] =>
  types.isMap(values) ? [...(values as ReadonlyMap<string, T>)] : Object.entries(values)

const valueIn = (values: Values, key: string): unknown => {
  if (types.isMap(values)) return values.has(key) ? values.get(key) : absent
  const record = values as Readonly<Record<string, unknown>>
  return Object.hasOwn(record, key) ? record[key] : absent
}
const placeOf = ({ key, rules }: Wanted): Place => ({ key, tags: rules.tags })

export const createBulkReader = (core: Core, reader: Reader) => {
  const { fence, now, steady, observation, settings, near } = core

  /** Null: somebody else loads it, or the cache cannot be told. */
  const claim = async ({ wanted, reading }: Open): Promise<Claimed | null> => {
    const place = placeOf(wanted)
    try {
      const stamp = await fence.stampFor(place, wanted.rules.life)
      const claimed: Claim = await fence.claim(place, stamp, reading.entry?.id ?? null, settings.lockTime)
      return claimed.kind === 'mine' ? { wanted, place, stamp, holder: claimed.holder } : null
    } catch (error) {
      if (!isCacheError(error)) throw error
      core.failed(error)
      return null
    }
  }

  const loadClaimed = async (
    claimed: readonly Claimed[],
    load: LoadMany,
    signal: AbortSignal,
    background: boolean,
  ): Promise<Map<string, unknown>> => {
    const began = steady()
    const prolong = (): void => {
      if (steady() - began > reader.longestLoad) clearInterval(timer)
      else for (const { place, holder } of claimed) fence.prolong(place.key, holder, settings.lockTime).catch(core.failed)
    }
    const timer = setInterval(prolong, settings.lockTime / 3)
    try {
      const keys = claimed.map(({ place }) => place.key)
      const values = await load(keys, { signal })
      const time = steady() - began
      const stored = await Promise.all(
        claimed.map(async ({ wanted, place, stamp, holder }) => {
          const value = valueIn(values, place.key)
          if (value !== absent)
            return [
              place.key,
              core.take(await reader.store(place, holder, stamp, wanted.rules, value, time, background)),
            ] as const
          await fence.release(place.key, holder).catch(core.failed)
          return null
        }),
      )
      return new Map(stored.filter((pair) => pair !== null))
    } catch (error) {
      for (const { place, holder } of claimed) fence.release(place.key, holder).catch(core.failed)
      throw error
    } finally {
      clearInterval(timer)
    }
  }

  /** One load for all that nobody else loads. */
  const loadOpen = async (
    open: readonly Open[],
    load: LoadMany,
    signal: AbortSignal,
    background: boolean,
  ): Promise<readonly (readonly [string, unknown])[]> => {
    const claims = await Promise.all(open.map(claim))
    const mine = claims.filter((one) => one !== null)
    // Who loads it behind leaves to others what they load.
    const others = background ? [] : open.filter((_, index) => claims[index] === null)
    const all = startJob((inner) => loadClaimed(mine, load, inner(), background))
    const [loaded, ...rest] = await unlessAborted(
      Promise.all([
        mine.length === 0 ? new Map<string, unknown>() : all.join(signal),
        ...others.map(async ({ wanted }) => {
          const { key, rules } = wanted
          const one = async (context: LoadContext): Promise<unknown> => {
            const value = valueIn(await load([key], context), key)
            if (value === absent) throw nothing
            return value
          }
          try {
            return [key, await reader.obtain(placeOf(wanted), rules, one, { signal })] as const
          } catch (error) {
            if (error === nothing) return [key, absent] as const
            throw error
          }
        }),
      ]),
      signal,
    )
    return [...loaded, ...rest.filter(([, value]) => value !== absent)]
  }

  const loadOrStale = async (
    open: readonly Open[],
    load: LoadMany,
    signal: AbortSignal,
  ): Promise<readonly (readonly [string, unknown])[]> => {
    try {
      return await loadOpen(open, load, signal, false)
    } catch (error) {
      const stale = open.map(({ wanted: { key, rules }, reading }) => {
        const usable = reader.staleOnError(reading, rules)
        return usable === null ? null : ([key, usable] as const)
      })
      // Without one of them there is no answer.
      const given = stale.filter((one) => one !== null)
      if (signal.aborted || given.length < stale.length) throw error
      return given.map(([key, outcome]) => {
        reader.failedAgain(key)
        observation.hit(key, true, 0)
        return [key, core.take(outcome)] as const
      })
    }
  }

  const loadBehind = (open: readonly Open[], load: LoadMany): void => {
    const due = open.filter(({ wanted }) => reader.beginBehind(wanted.key))
    if (due.length === 0) return
    const end = (isLoaded: boolean): void => {
      for (const { wanted } of due) reader.endBehind(wanted.key, isLoaded)
    }
    loadOpen(due, load, never, true).then(
      () => end(true),
      (error: unknown) => {
        end(false)
        core.failed(error)
      },
    )
  }

  const goAround = async (
    wanted: readonly Wanted[],
    load: LoadMany,
    reason: 'unavailable' | 'open' | 'pending',
    signal: AbortSignal,
  ): Promise<Map<string, unknown>> => {
    signal.throwIfAborted()
    const began = steady()
    for (const { key } of wanted) observation.count({ type: 'bypass', key, reason })
    const values = await unlessAborted(
      load(
        wanted.map(({ key }) => key),
        { signal },
      ),
      signal,
    )
    const found = new Map<string, unknown>()
    for (const { key } of wanted) {
      observation.count({ type: 'load', key, time: steady() - began, stored: false, background: false })
      const value = valueIn(values, key)
      if (value !== absent) found.set(key, core.take(core.outcomeOf(core.encode(key, value), value)))
    }
    return found
  }

  const checkNesting = (wanted: readonly Wanted[]): void => {
    for (const { key } of wanted) reader.checkNesting(key)
  }

  return async (wanted: readonly Wanted[], given: LoadMany, signal: AbortSignal): Promise<Map<string, unknown>> => {
    const found = new Map<string, unknown>()
    if (wanted.length === 0) return found
    const load: LoadMany = async (keys, context) => {
      const values = await whileLoading(core, keys, () => given(keys, context))
      if (!isValues(values)) throw usage('load of getMany to give a Map, or an object by key', shown(values))
      return values
    }
    const places = wanted.map(placeOf)
    const away = core.whyAway(places)
    if (away !== null) checkNesting(wanted)
    if (away !== null) return goAround(wanted, load, away, signal)
    const began = steady()
    const tickets = places.map((place) => near?.begin(place))
    const endTickets = (): void => {
      for (const ticket of tickets) if (ticket !== undefined) near?.end(ticket)
    }
    const readings = await unlessAborted(core.ask(fence.read(places)).finally(endTickets), signal)
    if (readings === null) checkNesting(wanted)
    if (readings === null) return goAround(wanted, load, 'unavailable', signal)
    signal.throwIfAborted()
    const [open, behind]: [Open[], Open[]] = [[], []]
    for (const [index, one] of wanted.entries()) {
      const reading = readings[index]
      if (reading === undefined) continue
      const { entry } = reading
      const { key, rules } = one
      const time = now()
      const isUsable = entry !== null && isValid(reading) && time < entry.freshUntil + reader.staleFor(key, rules)
      const value = isUsable ? core.tryRead(entry) : unreadable
      if (!isUsable || value === unreadable) {
        const reason = isUsable ? 'unreadable' : reasonOf(reading, rules.tags)
        observation.count({ type: 'miss', key, reason })
        open.push({ wanted: one, reading })
        continue
      }
      const isStale = time >= entry.freshUntil
      const ticket = tickets[index]
      if (!isStale && ticket !== undefined) near?.keep(ticket, entry, core.bytesOf(entry), value)
      observation.hit(key, isStale, steady() - began)
      found.set(key, value)
      if (isStale || reader.isEarly(entry, rules, time)) behind.push({ wanted: one, reading })
    }
    checkNesting(open.map((one) => one.wanted))
    if (behind.length > 0) loadBehind(behind, load)
    if (open.length > 0) for (const [key, value] of await loadOrStale(open, load, signal)) found.set(key, value)
    return found
  }
}
