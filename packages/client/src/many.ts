/** Many at once: what is cached in one round trip, and one load for all the others. */
import { type Core, unreadable } from './core.ts'
import { isCacheError } from './errors.ts'
import { type Claim, isValid, type Place, type Reading } from './fence.ts'
import { type LoadContext, type Reader, reasonOf } from './get.ts'
import { startJob, unlessAborted } from './job.ts'
import type { Rules } from './options.ts'

interface Wanted {
  readonly key: string
  readonly rules: Rules
}
interface Missing {
  readonly wanted: Wanted
  readonly place: Place
  readonly stamp: string
  readonly holder: string
}

export type LoadMany = (
  keys: readonly string[],
  context: LoadContext,
) => Promise<ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>>

const absent = Symbol('absent')
const nothing = new Error('the source has nothing under this key')

const valueIn = (values: ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>, key: string): unknown => {
  if (values instanceof Map) return values.has(key) ? (values.get(key) as unknown) : absent
  const record = values as Readonly<Record<string, unknown>>
  return Object.hasOwn(record, key) ? record[key] : absent
}

export const createBulkReader = (core: Core, reader: Reader) => {
  const { fence, now, observation, settings, near } = core

  /** Those that are not there, with a lock for each that nobody else loads. Null: one by one. */
  const claim = async ({ key, rules }: Wanted, reading: Reading): Promise<Missing | null> => {
    const place: Place = { key, tags: rules.tags }
    try {
      const stamp = await fence.stampFor(place, rules.life)
      const claimed: Claim = await fence.claim(place, stamp, reading.entry?.id ?? null, settings.lockTime)
      return claimed.kind === 'mine' ? { wanted: { key, rules }, place, stamp, holder: claimed.holder } : null
    } catch (error) {
      if (!isCacheError(error)) throw error
      core.failed(error)
      return null
    }
  }

  const loadAll = async (missing: readonly Missing[], load: LoadMany, signal: AbortSignal): Promise<Map<string, unknown>> => {
    const began = now()
    const prolong = (): void => {
      for (const { place, holder } of missing) fence.prolong(place.key, holder, settings.lockTime).catch(core.failed)
    }
    const timer = setInterval(prolong, settings.lockTime / 3)
    try {
      const keys = missing.map(({ place }) => place.key)
      const values = await load(keys, { signal })
      const time = now() - began
      const stored = await Promise.all(
        missing.map(async ({ wanted, place, stamp, holder }) => {
          const value = valueIn(values, place.key)
          if (value !== absent)
            return [place.key, core.take(await reader.store(place, holder, stamp, wanted.rules, value, time))] as const
          await fence.release(place.key, holder).catch(core.failed)
          return null
        }),
      )
      return new Map(stored.filter((pair) => pair !== null))
    } catch (error) {
      for (const { place, holder } of missing) fence.release(place.key, holder).catch(core.failed)
      throw error
    } finally {
      clearInterval(timer)
    }
  }

  return async (wanted: readonly Wanted[], load: LoadMany, signal: AbortSignal): Promise<Map<string, unknown>> => {
    const places = wanted.map(({ key, rules }): Place => ({ key, tags: rules.tags }))
    const away = places.some((place) => core.whyAway(place) !== null)
    const began = now()
    const tickets = places.map((place) => near?.begin(place))
    const readings = away || places.length === 0 ? null : await core.ask(fence.read(places))
    const found = new Map<string, unknown>()
    const open: { readonly wanted: Wanted; readonly reading: Reading }[] = []
    for (const [index, one] of wanted.entries()) {
      const reading = readings?.[index]
      if (reading === undefined) continue
      const { entry } = reading
      const there = entry !== null && isValid(reading) && now() < entry.freshUntil ? core.tryRead(entry) : unreadable
      const ticket = tickets[index]
      if (there !== unreadable && entry !== null) {
        if (ticket !== undefined) near?.keep(ticket, entry, core.bytesOf(entry), there)
        observation.hit(one.key, false, now() - began)
        found.set(one.key, there)
      } else {
        observation.count({ type: 'miss', key: one.key, reason: reasonOf(reading, one.rules.tags) })
        open.push({ wanted: one, reading })
      }
    }
    for (const ticket of tickets) if (ticket !== undefined) near?.end(ticket)
    if (readings === null && wanted.length > 0) {
      for (const { key } of wanted) observation.count({ type: 'bypass', key, reason: 'unavailable' })
      const keys = wanted.map(({ key }) => key)
      const values = await unlessAborted(load(keys, { signal }), signal)
      for (const key of keys) {
        const value = valueIn(values, key)
        if (value !== absent) found.set(key, value)
      }
      return found
    }
    const claims = await Promise.all(open.map(({ wanted: one, reading }) => claim(one, reading)))
    const mine = claims.filter((one) => one !== null)
    const others = open.filter((_, index) => claims[index] === null)
    const [loaded, ...rest] = await unlessAborted(
      Promise.all([
        mine.length === 0 ? new Map<string, unknown>() : startJob((inner) => loadAll(mine, load, inner())).join(signal),
        ...others.map(async ({ wanted: { key, rules } }) => {
          const place: Place = { key, tags: rules.tags }
          const one = async (context: LoadContext): Promise<unknown> => {
            const value = valueIn(await load([key], context), key)
            if (value === absent) throw nothing
            return value
          }
          try {
            return [key, await reader.obtain(place, rules, one, { signal })] as const
          } catch (error) {
            if (error === nothing) return [key, absent] as const
            throw error
          }
        }),
      ]),
      signal,
    )
    for (const [key, value] of [...loaded, ...rest]) if (value !== absent) found.set(key, value)
    return found
  }
}
