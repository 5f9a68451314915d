/** Reading: a hit, or one load for all who wait, or the source where the cache cannot be asked. */
import { setTimeout as delay } from 'node:timers/promises'
import { shown, usage } from '../check.ts'
import { isCacheError } from '../errors.ts'
import { type Core, type Outcome, unreadable } from './core.ts'
import type { Entry } from './entry.ts'
import type { MissReason } from './events.ts'
import { type Claim, isValid, type Place, type Reading } from './fence.ts'
import { createQueueSharing, createTurnSharing, endOfTurn } from './flight.ts'
import { deadline, type Job, type Signal, startJob, unlessAborted } from './job.ts'
import type { Ticket } from './near.ts'
import { isWithinLoadOf, whileLoading } from './nesting.ts'
import type { Rules } from './options.ts'
import { difference } from './stamp.ts'

export interface LoadContext {
  /** Aborted when nobody waits any longer. */
  readonly signal: AbortSignal
}
export type Load = (context: LoadContext) => unknown

/** Of work that nobody waits for. */
const never: Signal = () => new AbortController().signal

const missed = Symbol('missed')

/** Null: that time is over. */
const joinInTime = async (job: Job<Outcome>, milliseconds: number, outer: AbortSignal): Promise<Outcome | null> => {
  const { signal, dispose } = deadline(Math.max(0, milliseconds), outer)
  try {
    return await job.join(signal)
  } catch (error) {
    if (!outer.aborted && signal?.aborted === true && error === signal.reason) return null
    throw error
  } finally {
    dispose()
  }
}

/** What was asked, and what came. */
interface Asked {
  readonly reading: Reading
  readonly ticket: Ticket | undefined
  readonly began: number
  /** Where it is not there: of all who have asked together. Others have asked at another time, and what this one joins may be old for them. */
  job: Job<Outcome> | null
}

/** How long one who asks waits. */
export interface Patience {
  readonly signal: AbortSignal
}
const patiently = <T>(work: Promise<T>, patience: Patience | undefined): Promise<T> =>
  patience === undefined ? work : unlessAborted(work, patience.signal)

/** Of a question, for who asks the same. Tags have no line feeds and are not empty, so the first empty line ends them; keys may have what they like. */
const nameOf = ({ key, tags }: Place): string => {
  if (tags.length > 0) return `${tags.join('\n')}\n\n${key}`
  return key.includes('\n') ? `\n${key}` : key
}

const firstPause = 4
const longestPause = 40
/** Milliseconds between two tries of a load that fails, while something stale is given. */
const retryPause = 1_000
const mostFailing = 10_000

export const reasonOf = ({ entry, epoch, versions }: Reading, tags: readonly string[]): MissReason => {
  if (entry === null) return 'absent'
  return difference(entry.stamp, epoch, tags, versions)?.kind ?? 'expired'
}

export const createReader = (core: Core) => {
  const { fence, now, steady, random, observation, settings, near } = core
  /** Milliseconds: what has not ended by then is taken for one that never does, and is not waited for. */
  const longestLoad = settings.waitTime * 6
  /** Loads of this process, by the lock under which each runs. */
  const loads = new Map<string, Job<Outcome>>()
  /** Keys that are loaded behind, since when. */
  const refreshing = new Map<string, number>()
  /** Keys whose load has failed, while something stale could be given: when it was last tried. */
  const failing = new Map<string, number>()
  const aroundTheCache = createQueueSharing<Outcome>(settings.waitTime)
  const asking = createTurnSharing<Promise<Asked | null>>()
  const goingAround = createTurnSharing<Job<Outcome>>()

  const timed = async (key: string, load: Load, signal: Signal): Promise<{ readonly value: unknown; readonly time: number }> => {
    const began = steady()
    try {
      const context = {
        get signal() {
          return signal()
        },
      }
      const value = await whileLoading(core, [key], () => load(context))
      return { value, time: steady() - began }
    } catch (error) {
      observation.count({ type: 'load-failed', key, time: steady() - began, error })
      throw error
    }
  }

  /** Who comes while a load runs waits for the next one: the running one may have read what is old for him. */
  const bypass = (key: string, load: Load, reason: 'unavailable' | 'open' | 'writing' | 'pending', signal: Signal) => {
    observation.count({ type: 'bypass', key, reason })
    const job = aroundTheCache(key, async (inner) => {
      const { value, time } = await timed(key, load, inner)
      observation.count({ type: 'load', key, time, stored: false, background: false })
      return core.outcomeOf(core.encode(key, value), value)
    })
    return job.join(signal())
  }

  const store = async (
    place: Place,
    holder: string,
    stamp: string,
    rules: Rules,
    value: unknown,
    time: number,
    background = false,
  ): Promise<Outcome> => {
    const encoded = core.encode(place.key, value)
    const entry = encoded === null ? null : core.entryOf(place.key, encoded, value, stamp, rules, time)
    let stored = false
    try {
      if (entry === null) await fence.release(place.key, holder)
      else stored = await fence.store(place.key, holder, entry, rules.life)
    } catch (error) {
      core.failed(error)
    }
    observation.count({ type: 'load', key: place.key, time, stored, background })
    return core.outcomeOf(encoded, value)
  }

  /** Under the lock, which is prolonged as long as this process lives, unless it never ends. */
  const loadAndStore = (
    place: Place,
    holder: string,
    stamp: string,
    rules: Rules,
    load: Load,
    background: boolean,
  ): Job<Outcome> => {
    const job = startJob(async (signal) => {
      const began = steady()
      const prolong = (): void => {
        if (steady() - began > longestLoad) clearInterval(timer)
        else fence.prolong(place.key, holder, settings.lockTime).catch(core.failed)
      }
      const timer = setInterval(prolong, settings.lockTime / 3)
      try {
        const { value, time } = await timed(place.key, load, signal)
        return await store(place, holder, stamp, rules, value, time, background)
      } catch (error) {
        fence.release(place.key, holder).catch(core.failed)
        throw error
      } finally {
        clearInterval(timer)
      }
    })
    loads.set(holder, job)
    const end = (): boolean => loads.delete(holder)
    job.done.then(end, end)
    return job
  }

  /** The entry is not there, or its time is over. `background`: nobody waits for it. */
  const refill = async (
    place: Place,
    reading: Reading,
    rules: Rules,
    load: Load,
    signal: Signal,
    background = false,
  ): Promise<Outcome> => {
    const { key } = place
    let seen = reading.entry?.id ?? null
    const began = steady()
    let waited: 'process' | 'server' | null = null
    const told = (): void => {
      if (waited !== null) observation.count({ type: 'wait', key, where: waited, time: steady() - began })
    }
    try {
      const prolonged = fence.stampFor(place, rules.life)
      const stamp = reading.stamp ?? (await prolonged)
      if (reading.stamp !== null) prolonged.catch(core.failed)
      for (let pause = firstPause; ; pause = Math.min(longestPause, pause * 2)) {
        const claim: Claim = await fence.claim(place, stamp, seen, settings.lockTime)
        if (claim.kind === 'mine') return await loadAndStore(place, claim.holder, stamp, rules, load, background).join(signal())
        if (claim.kind === 'stored') {
          const outcome = now() < claim.entry.freshUntil ? core.read(claim.entry) : null
          if (outcome !== null) {
            told()
            return outcome
          }
          seen = claim.entry.id
          continue
        }
        if (claim.kind === 'writing') return await bypass(key, load, 'writing', signal)
        const own = loads.get(claim.holder)
        if (own !== undefined && !own.isAborted()) {
          waited = 'process'
          const outcome = await joinInTime(own, settings.waitTime - (steady() - began), signal())
          told()
          return outcome ?? (await bypass(key, load, 'unavailable', signal))
        }
        waited = 'server'
        if (steady() - began > settings.waitTime) return await bypass(key, load, 'unavailable', signal)
        await delay(pause * (0.5 + random()), undefined, { signal: signal() })
      }
    } catch (error) {
      if (!isCacheError(error, 'unavailable', 'refused', 'closed')) throw error
      core.failed(error)
      return bypass(key, load, 'unavailable', signal)
    }
  }

  /** What may be given where the load has failed, if anything. */
  const staleOnError = (reading: Reading, rules: Rules): Outcome | null => {
    const { entry } = reading
    if (entry === null || !isValid(reading) || now() >= entry.freshUntil + rules.staleIfError) return null
    return core.read(entry)
  }

  const failedAgain = (key: string): void => {
    if (failing.size >= mostFailing) failing.clear()
    failing.set(key, steady())
  }
  /** For how long after its time it is given at once: where the load has failed, nobody waits for the next failure. */
  const staleFor = (key: string, rules: Rules): number =>
    failing.size > 0 && failing.has(key) ? Math.max(rules.staleWhileRevalidate, rules.staleIfError) : rules.staleWhileRevalidate

  const refillOrStale = async (place: Place, reading: Reading, rules: Rules, load: Load, signal: Signal): Promise<Outcome> => {
    try {
      const outcome = await refill(place, reading, rules, load, signal)
      failing.delete(place.key)
      return outcome
    } catch (error) {
      const stale = signal().aborted ? null : staleOnError(reading, rules)
      if (stale === null) throw error
      failedAgain(place.key)
      observation.hit(place.key, true, 0)
      return stale
    }
  }

  /** Whether it is not being loaded behind already, and has not just failed. */
  const beginBehind = (key: string): boolean => {
    const [refreshingSince, failedAt] = [refreshing.get(key), failing.get(key)]
    if (refreshingSince !== undefined && steady() < refreshingSince + longestLoad) return false
    if (failedAt !== undefined && steady() < failedAt + retryPause) return false
    refreshing.set(key, steady())
    return true
  }
  const endBehind = (key: string, isLoaded: boolean): void => {
    refreshing.delete(key)
    if (isLoaded) failing.delete(key)
    else failedAgain(key)
  }

  const refreshBehind = (place: Place, reading: Reading, rules: Rules, load: Load): void => {
    const { key } = place
    if (!beginBehind(key)) return
    refill(place, reading, rules, load, never, true).then(
      () => endBehind(key, true),
      (error: unknown) => {
        endBehind(key, false)
        core.failed(error)
      },
    )
  }

  const isEarly = ({ freshUntil, loadTime }: Entry, { earlyRefresh }: Rules, time: number): boolean =>
    earlyRefresh > 0 && time - loadTime * earlyRefresh * Math.log(1 - random()) >= freshUntil

  /** The value of an entry that may be given, or `missed`. */
  const hit = (place: Place, { reading, ticket, began }: Asked, rules: Rules, load: Load): unknown => {
    const { entry } = reading
    const time = now()
    if (entry === null || !isValid(reading) || time >= entry.freshUntil + staleFor(place.key, rules)) {
      observation.count({ type: 'miss', key: place.key, reason: reasonOf(reading, place.tags) })
      return missed
    }
    const isStale = time >= entry.freshUntil
    const found = core.tryRead(entry)
    if (found === unreadable) {
      observation.count({ type: 'miss', key: place.key, reason: 'unreadable' })
      return missed
    }
    observation.hit(place.key, isStale, steady() - began)
    if (!isStale && ticket !== undefined) near?.keep(ticket, entry, core.bytesOf(entry), found)
    if (isStale || isEarly(entry, rules, time)) refreshBehind(place, reading, rules, load)
    return found
  }

  const ask = (place: Place): Promise<Asked | null> => {
    // Before it is asked: what changes from now on is told.
    const ticket = near?.begin(place)
    const began = steady()
    return fence.readOne<Asked | null>(
      place,
      (reading) => {
        core.answered()
        if (ticket !== undefined) near?.end(ticket)
        return { reading, ticket, began, job: null }
      },
      (error) => {
        if (ticket !== undefined) near?.end(ticket)
        return core.notAnswered(error)
      },
    )
  }

  const jobOf = (place: Place, asked: Asked, rules: Rules, load: Load): Job<Outcome> => {
    if (asked.job === null || asked.job.isAborted())
      asked.job = startJob((signal) => refillOrStale(place, asked.reading, rules, load, signal))
    return asked.job
  }
  /** It begins when all who share it have asked. */
  const goAround = (name: string, place: Place, load: Load, reason: 'unavailable' | 'open' | 'pending'): Job<Outcome> =>
    goingAround(name, () =>
      startJob(async (signal) => {
        await endOfTurn()
        return bypass(place.key, load, reason, signal)
      }),
    )

  /** It would wait for itself. */
  const checkNesting = (key: string): void => {
    if (isWithinLoadOf(core, key)) throw usage(`a load that does not read its own key`, `a read of ${shown(key)} within its load`)
  }

  /** Who asks for the same in the same turn shares one question, and one job where it is not there; each makes a value of his own. */
  const obtain = async (place: Place, rules: Rules, load: Load, patience: Patience | undefined): Promise<unknown> => {
    const away = core.whyAwayFor(place)
    const name = nameOf(place)
    const asked =
      away === null
        ? await patiently(
            asking(name, () => ask(place)),
            patience,
          )
        : null
    if (asked !== null) {
      const found = hit(place, asked, rules, load)
      if (found !== missed) return found
    }
    checkNesting(place.key)
    const job = asked === null ? goAround(name, place, load, away ?? 'unavailable') : jobOf(place, asked, rules, load)
    return core.take(await job.join(patience?.signal))
  }

  return { longestLoad, obtain, checkNesting, store, staleOnError, staleFor, isEarly, failedAgain, beginBehind, endBehind }
}

export type Reader = ReturnType<typeof createReader>
