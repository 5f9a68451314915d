/**
 * Who has a near cache, and how whoever invalidates knows that all of them have dropped what is void.
 *
 * Each member stands in a sorted set on the server with the number of the last invalidation that it has seen to. Whoever invalidates removes the versions, raises the
 * number (the clock, a key that all members have read, so that the server tells them), and waits until every member has that number. A member raises its own number
 * only after everything that the server had to tell it before has arrived. It believes what it holds only for `lease` milliseconds after
 * it began its last such round, so one that is not heard need not be waited for any longer than that; it is then removed, and has to join again.
 *
 * What is known of the members can be lost: both are keys, and a server evicts keys or is flushed. Nobody knows then who believes what, and the whole lease is waited
 * for. That nobody is a member is said by the clock, `none`. Where there is no clock either, nobody can be one on whose connection the server tells nothing:
 * it says how many there are.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Connection, run, script } from '../connection/connection.ts'
import { isCacheError } from '../errors.ts'
import { newId } from '../ids.ts'
import type { Keys } from './keys.ts'

/** Milliseconds. All who share a server must have the same. */
const usualLease = 1_000
const roundsInLease = 4
const replicaPatience = 100

/** Numbers are the server's time in microseconds, or more: one that was given is not given again, also when the clock was lost. */
const shared = `
local members, clock = KEYS[1], KEYS[2]
local function nextNumber(last)
  local time = redis.call('TIME')
  return string.format('%.0f', math.max(time[1] * 1000000 + time[2], (last or 0) + 1))
end
local function highest()
  return tonumber(redis.call('ZREVRANGEBYSCORE', members, '(+inf', '-inf', 'WITHSCORES', 'LIMIT', 0, 1)[2] or '0')
end
local function believers()
  local told = string.match(redis.call('INFO', 'clients'), 'tracking_clients:(%d+)')
  local up = string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(%d+)')
  if tonumber(up or '0') < 2 then return 1000000 end
  return tonumber(told or '1000000')
end
`

/**
 * A new list has a name, so that whoever waits sees that it is not the one in which he has announced. Where members were lost, one that never answers stands
 * for them, until somebody who has announced afterwards has waited for as long as they may believe.
 */
const joinScript = script(`${shared}
local state = redis.call('GET', clock)
local number = tonumber(state or '')
local lost = state and state ~= 'none' or not state and believers() > 1
if not number then
  number = nextNumber()
  redis.call('SET', clock, number)
end
if redis.call('EXISTS', members) == 0 then
  redis.call('ZADD', members, '+inf', 'list:' .. ARGV[1])
  if lost then redis.call('ZADD', members, number, 'lost') end
end
redis.call('ZADD', members, number, ARGV[1])
return 1`)

/** A clock that was lost, of members that were not. 0: they were, too. */
const mendScript = script(`${shared}
if redis.call('EXISTS', members) == 0 then return 0 end
if not tonumber(redis.call('GET', clock) or '') then redis.call('SET', clock, nextNumber(highest())) end
return 1`)

/** With an increment, which is a write, so that the server does not tell of each round of each member to all the others. */
const seenScript = script(`
if not redis.call('ZADD', KEYS[1], 'XX', 'INCR', '0', ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], 'XX', ARGV[2], ARGV[1])
return 1`)

/**
 * The number that all members must have, and the name of the list. 0: there are none. -1: there may be, and who they are is lost; with the word that the clock then is, which
 * is that word still, a lease later, if nobody has joined meanwhile.
 */
const announceScript = script(`${shared}
local state = redis.call('GET', clock)
if redis.call('EXISTS', members) == 0 then
  if state == 'none' or (not state and believers() == 0) then return {'0', ''} end
  if not state or tonumber(state) then
    state = 'lost:' .. ARGV[1]
    redis.call('SET', clock, state)
  end
  return {'-1', state}
end
local number = nextNumber(tonumber(state or '') or highest())
redis.call('SET', clock, number)
return {number, redis.call('ZREVRANGE', members, 0, 0)[1]}`)

/** How many have not that number; -1: the list is another one, or gone. */
const behindScript = script(`
if redis.call('ZSCORE', KEYS[1], ARGV[2]) then return redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. ARGV[1]) end
if redis.call('GET', KEYS[2]) == 'none' then return 0 end
return -1`)

/** Those who have not that number, or the one of that name; or, where the clock is still that word, whoever was lost. */
const forgetScript = script(`
local isEmpty = ARGV[3] ~= '' and redis.call('GET', KEYS[2]) == ARGV[3]
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1])
  redis.call('ZREM', KEYS[1], ARGV[2])
  isEmpty = redis.call('ZCARD', KEYS[1]) == 1
end
if isEmpty then
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[2], 'none', 'PX', ${86_400_000})
end
return 1`)

const keysOfMembers = (keys: Keys): readonly string[] => [keys.nearMembers, keys.nearClock]

/**
 * Resolves when no member holds anything that `remove` has made void; rejects only as `remove` does. Where nobody can be told (a server without memory, or without
 * an answer), the lease is waited for: who believes for longer has begun a round meanwhile, and has dropped it in that.
 */
export const createSettling = (connection: Connection, keys: Keys, lease = usualLease) => {
  const names = keysOfMembers(keys)
  const told = async <T>(work: Promise<T>): Promise<T | null> => {
    try {
      return await work
    } catch (error) {
      if (isCacheError(error, 'refused', 'unavailable')) return null
      throw error
    }
  }
  const announce = async () => {
    const [answer] = await connection.send([run(announceScript, names, [newId()])])
    const [number, list] = Array.isArray(answer?.value) ? answer.value.map(String) : []
    return { number: Number(number), list: list ?? '' }
  }
  const countBehind = async (number: number, list: string): Promise<number> => {
    const [answer] = await connection.send([run(behindScript, names, [String(number), list])])
    return Number(answer?.value ?? 0)
  }
  return async (remove: () => Promise<unknown>): Promise<void> => {
    // On one connection to one server the order of sending is the order of execution.
    const both = connection.clustered
      ? remove().then(() => told(announce()))
      : Promise.all([remove(), told(announce())]).then(([, announced]) => announced)
    const announced = await both
    if (announced?.number === 0) return
    const deadline = performance.now() + lease
    const { number, list } = announced ?? { number: -1, list: '' }
    let behind: number | null = number < 0 ? -1 : 1
    for (let pause = 0; behind !== null && behind >= 0 && performance.now() < deadline; pause = Math.min(20, pause + 1)) {
      if (pause > 0) await delay(pause)
      behind = await told(countBehind(number, list))
      if (behind === 0) return
    }
    await delay(Math.max(0, deadline - performance.now()))
    if (announced !== null)
      await told(connection.send([run(forgetScript, names, number < 0 ? ['-inf', '', list] : [String(number), '', ''])]))
  }
}

export interface Membership {
  /** By the clock that only goes forward. */
  trustedUntil(): number
  close(): Promise<void>
}

export interface MembershipDependencies {
  readonly connection: Connection
  readonly keys: Keys
  /** Null: all. */
  readonly drop: (keys: readonly string[] | null) => void
  readonly failed: (error: unknown) => void
  readonly lease?: number
}

/** The connection must track. */
export const joinMembers = ({ connection, keys, drop, failed, lease = usualLease }: MembershipDependencies): Membership => {
  const { tracking } = connection
  let id = newId()
  let isMember = false
  let trustedUntil = 0
  let generation = 0
  let isRunning = false
  let again = false
  let closed = false

  const distrust = (): void => {
    generation += 1
    isMember = false
    trustedUntil = 0
    id = newId()
    drop(null)
  }

  /** Also by all replicas that the primary has: one that is promoted must know this member. */
  const join = async (): Promise<boolean> => {
    const [, info] = await connection.send([
      run(joinScript, keysOfMembers(keys), [id]),
      { key: keys.nearMembers, args: ['INFO', 'replication'] },
    ])
    const replicas = Number(/^connected_slaves:(\d+)/m.exec(String(info?.value))?.[1] ?? 0)
    if (replicas === 0) return true
    const [reached] = await connection.send([
      { key: keys.nearMembers, args: ['WAIT', String(replicas), String(replicaPatience)] },
    ])
    return Number(reached?.value ?? 0) >= replicas
  }

  const round = async (): Promise<void> => {
    const own = generation
    const began = performance.now()
    if (!isMember) isMember = (await join()) && own === generation
    if (!isMember) return
    const [clock] = await connection.send([{ key: keys.nearClock, args: ['GET', keys.nearClock] }])
    const number = String(clock?.value ?? '')
    if (!/^\d+$/.test(number)) {
      // What it has seen to has no number now, so nobody would wait for it.
      const [mended] = await connection.send([run(mendScript, keysOfMembers(keys))])
      if (mended?.value !== 1 && own === generation) distrust()
      again = true
      return
    }
    if (tracking?.isInOrder === false) await tracking.settle()
    const [seen] = await connection.send([run(seenScript, [keys.nearMembers], [id, number])])
    if (own !== generation) return
    if (seen?.value === 1) trustedUntil = began + lease
    else distrust()
  }

  const rounds = async (): Promise<void> => {
    if (isRunning) {
      again = true
      return
    }
    isRunning = true
    try {
      do {
        again = false
        await round()
      } while (again && !closed)
    } catch (error) {
      if (!isCacheError(error)) throw error
      // One that is closed while it asks is cut off by itself.
      if (!closed) failed(error)
    } finally {
      isRunning = false
    }
  }
  const go = (): void => {
    rounds().catch(failed)
  }

  tracking?.onLost(distrust)
  tracking?.onInvalidated((names) => {
    if (names === null) distrust()
    else drop(names)
    if (names === null || names.includes(keys.nearClock)) go()
  })
  const timer = setInterval(go, lease / roundsInLease)
  timer.unref()
  go()

  return {
    trustedUntil: () => trustedUntil,
    close: async () => {
      closed = true
      clearInterval(timer)
      const own = id
      distrust()
      await connection.send([run(forgetScript, keysOfMembers(keys), ['-inf', own, ''])]).catch(failed)
    },
  }
}
