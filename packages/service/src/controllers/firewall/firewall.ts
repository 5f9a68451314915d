/**
 * Keeps the firewall as the store says: woken by changes of security groups, of groups and of their addresses. What is in force does not wait for a
 * group's own controller, and the group's controller opens no address before it is guarded (`ensure`).
 */
import { decideFirewall, guardedAddresses } from '../../decide/firewall.ts'
import { LarderError } from '../../errors.ts'
import { type CacheSecurityGroupRecord, cacheSecurityGroupPrefix } from '../../model/cache-security-groups.ts'
import type { GroupSpec, GroupState } from '../../model/group.ts'
import { groupName, groupOfKey } from '../../model/keys.ts'
import { type SecurityGroupRecord, securityGroupPrefix } from '../../model/security-groups.ts'
import { namedSecurityGroups } from '../../model/used-security-groups.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Firewall, Guard } from '../../ports/firewall.ts'
import type { Log } from '../../ports/log.ts'
import { listRecords } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'
import { followKeys } from '../watch.ts'

const retryMs = 1_000
const mostReads = 50
const patienceMs = 1_000

interface FirewallContext {
  readonly store: Store
  readonly firewall: Firewall
  readonly clock: Clock
  readonly log: Log
}

/** What the controllers of groups need of it. */
export interface Guarding {
  /** Resolves when the addresses of this group are guarded as its security groups say. Rejects with `machine` where that cannot be. */
  ensure(spec: GroupSpec, state: GroupState): Promise<void>
}

export interface FirewallController extends Guarding {
  /** Resolves when what the store says now is in force; also when that failed, and is tried again. */
  settled(): Promise<void>
  /** Resolves when everything has been put in force once, as far as that can be. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** What decides over the guard of a group, beside the rules of its security groups. */
const shapeOf = (spec: GroupSpec, state: GroupState): string =>
  JSON.stringify([namedSecurityGroups(spec), guardedAddresses(state), spec.port])

export const createFirewallController = ({ store, firewall, clock, log }: FirewallContext): FirewallController => {
  const ending = new AbortController()
  const running = new Set<Promise<void>>()
  /** By group: the shape that is in force. */
  const inForce = new Map<string, string>()
  let applied: string | null = null
  let looks = 0
  let newestLook = 0

  const put = async (guards: readonly Guard[]): Promise<unknown> => {
    const text = JSON.stringify(guards)
    if (text === applied) return null
    try {
      await firewall.apply(guards)
      applied = text
      return null
    } catch (error) {
      applied = null
      return error
    }
  }

  /** A node may go over from one group into another in between: read apart, it would be in neither. */
  const groupsOfOneMoment = async (): Promise<{
    readonly specs: readonly GroupSpec[]
    readonly states: readonly GroupState[]
  }> => {
    for (let tried = 0; tried < mostReads; tried += 1) {
      const specs = await listRecords<GroupSpec>(store, 'spec/')
      const states = await listRecords<GroupState>(store, 'state/')
      if (specs.revision !== states.revision) continue
      return { specs: specs.records.map(({ value }) => value), states: states.records.map(({ value }) => value) }
    }
    throw new LarderError('store-busy', `groups changed ${mostReads} times in a row while they were read`, { retry: true })
  }

  /** Reads everything anew: what is put in force was true of one moment of the store. */
  const refreshOnce = async (): Promise<void> => {
    looks += 1
    const look = looks
    const { specs, states } = await groupsOfOneMoment()
    const securityGroups = (await listRecords<SecurityGroupRecord>(store, securityGroupPrefix)).records.map(({ value }) => value)
    const legacy = (await listRecords<CacheSecurityGroupRecord>(store, cacheSecurityGroupPrefix)).records
    const cacheSecurityGroups = legacy.map(({ value }) => value)
    const guards = decideFirewall({ specs, states, securityGroups, cacheSecurityGroups })
    const failure = await put(guards)
    if (look < newestLook) {
      // A later look was quicker: what it knows counts.
      if (failure !== null) throw failure
      return
    }
    newestLook = look
    const guarded = new Set(guards.filter(({ optional }) => optional !== true).map(({ group }) => group))
    const stateOf = new Map(states.map((state) => [groupName(state), state]))
    const before = new Map(inForce)
    inForce.clear()
    for (const spec of specs) {
      const name = groupName(spec)
      const state = stateOf.get(name)
      // Whom everybody may reach needs no guard; and what was in force before a failure still is.
      const shape = failure !== null && guarded.has(name) ? before.get(name) : state && shapeOf(spec, state)
      if (shape !== undefined) inForce.set(name, shape)
    }
    if (failure !== null) throw failure
  }

  let current: Promise<void> | null = null
  let next: Promise<void> | null = null
  /** A look that hangs in the packet filter does not keep the next one waiting for long. */
  const untilOver = async (running: Promise<void>): Promise<void> => {
    const enough = new AbortController()
    const quiet = (): void => undefined // its own callers are told
    await Promise.race([running.catch(quiet), clock.sleep(patienceMs, enough.signal).catch(quiet)])
    enough.abort()
  }
  /** Resolves when a look that began after the call has been put in force; calls that come while one is under way share the next. */
  const refresh = (): Promise<void> => {
    next ??= (current === null ? Promise.resolve() : untilOver(current)).then(() => {
      current = next
      next = null
      return refreshOnce()
    })
    return next
  }

  let isWanted = false
  let isWorking = false
  const work = async (): Promise<void> => {
    for (let told = false; isWanted && !ending.signal.aborted; ) {
      isWanted = false
      try {
        await refresh()
        told = false
      } catch (error) {
        isWanted = true
        if (!told) log('error', 'security groups could not be put in force', { error })
        told = true
        await clock.sleep(retryMs, ending.signal)
      }
    }
  }
  /** In the background, until it succeeds. */
  const wake = (): void => {
    isWanted = true
    if (isWorking || ending.signal.aborted) return
    isWorking = true
    const done = work()
      .catch(() => undefined) // only the end of Larder ends the wait
      .finally(() => {
        isWorking = false
        running.delete(done)
        if (isWanted) wake()
      })
    running.add(done)
  }

  const specs = new Map<string, GroupSpec>()
  const onState = (key: string, value: string | null): void => {
    const name = groupName(groupOfKey(key))
    const spec = specs.get(name)
    // Most changes of a state are none of addresses.
    if (value !== null && spec !== undefined && inForce.get(name) === shapeOf(spec, JSON.parse(value) as GroupState)) return
    wake()
  }
  const onSpec = (key: string, value: string | null): void => {
    const name = groupName(groupOfKey(key))
    const before = specs.get(name)
    const after = value === null ? null : (JSON.parse(value) as GroupSpec)
    if (after === null) specs.delete(name)
    else specs.set(name, after)
    const same = before !== undefined && after !== null && `${namedSecurityGroups(before)}` === `${namedSecurityGroups(after)}`
    if (!same) wake()
  }

  return {
    async start() {
      const { records, revision } = await listRecords<GroupSpec>(store, 'spec/')
      for (const { value } of records) specs.set(groupName(value), value)
      const follow = (prefix: string, onChange: (key: string, value: string | null) => void): void => {
        running.add(followKeys({ store, clock, log }, prefix, revision + 1, ending.signal, onChange))
      }
      try {
        await refresh()
      } catch {
        wake() // says why, and goes on trying
      }
      follow('spec/', onSpec)
      follow('state/', onState)
      follow(securityGroupPrefix, wake)
      follow(cacheSecurityGroupPrefix, wake)
    },
    async ensure(spec, state) {
      const name = groupName(spec)
      const isInForce = (): boolean => inForce.get(name) === shapeOf(spec, state)
      if (isInForce()) return
      try {
        await refresh()
      } catch (error) {
        if (!isInForce()) throw error
      }
    },
    async settled() {
      try {
        await refresh()
      } catch {
        wake() // says why
      }
    },
    async stop() {
      ending.abort()
      await Promise.allSettled([...running])
    },
  }
}
