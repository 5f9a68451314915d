/**
 * A group in cluster mode: a connection to each primary, whose epoch is known. Commands go to the primary of their slot. What a server says with MOVED and ASK is
 * followed at once, whether or not the view of the whole has it yet.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Answer, Command, Connection, Reply } from '../connection/connection.ts'
import { slotOf } from '../connection/slot.ts'
import { CacheError } from '../errors.ts'
import { type Life, within } from './deadline.ts'
import { type NodeHandle, openNode, refused, unavailable } from './node.ts'
import { openReader, pickReader, type Reader } from './reader.ts'
import type { Settings } from './settings.ts'
import { hostIn, isSameCluster, type Redirection, readRedirection, readSlots, type ShardView, urlOf } from './topology.ts'
import { createTracking } from './tracking.ts'
import { targetOf } from './url.ts'
import type { Wire, WireFactory } from './wire.ts'

const checkInterval = 1_000
const lookInterval = 30
const slots = 16_384
/** Milliseconds: between two turns of a command that is sent from one to another, and back. */
const turnPause = 20
/** Checks. */
const looksEvery = 15
/** Milliseconds for which one that was named by MOVED or ASK, and is in no view, is kept. */
const guestTime = 20_000

/** Of what was asked for together. */
interface Question {
  /** Milliseconds for each step; all of it is bounded by who asks. */
  readonly timeout: number
  /** Who is being asked, and how many commands have no answer yet. */
  readonly asked: Map<Life, number>
  readonly life: Life
  isOver: boolean
}
const questionFor = (timeout: number): Question => {
  const asked = new Map<Life, number>()
  // Of those that have not answered.
  const sumOf = (what: keyof Life) => (): number => {
    let sum = 0
    for (const [life, open] of asked) if (open > 0) sum += life[what]()
    return sum
  }
  return { timeout, asked, life: { bytes: sumOf('bytes'), answers: sumOf('answers') }, isOver: false }
}

interface Member {
  readonly address: string
  readonly wire: Wire
  readonly node: NodeHandle
}

const closedError = (): CacheError => new CacheError('closed', 'the connection was closed')

export const openCluster = async (factory: WireFactory, settings: Settings): Promise<Connection> => {
  const { url, commandTimeout, connectTimeout, readFrom, zone, isTracking } = settings
  const fromReplicas = readFrom !== 'primary'
  /** Both by address. */
  const primaries = new Map<string, Member>()
  const replicas = new Map<string, Reader>()
  /** Until when those are kept that no view has. */
  const guests = new Map<string, number>()
  /** They may still have something to answer. */
  const leaving = new Map<Member, NodeJS.Timeout>()
  const shardAt: (ShardView | undefined)[] = Array.from({ length: slots })
  /** Ids of primaries, by address; and of all. */
  const idAt = new Map<string, string>()
  const known = new Set<string>()
  let closed = false
  let looking: Promise<void> | null = null
  let stopLooking: () => void = () => undefined
  const tracking = isTracking
    ? createTracking(() => [...primaries.values()].map(({ node }) => node), false, commandTimeout)
    : null

  const lookAgain = (first?: string): void => {
    look(first).catch(() => undefined) // tried again by whoever needs it
  }

  const memberAt = (address: string, failed?: CacheError): Member => {
    const there = primaries.get(address)
    if (there !== undefined) return there
    if (closed) throw closedError()
    const { wire, node } = openNode(
      factory,
      { ...settings.wire, url: urlOf(url, address), track: isTracking, isReplica: false },
      {
        commandTimeout,
        failed,
        idOf: () => idAt.get(address) ?? null,
        renew: (why) => {
          // On another connection it may answer.
          if (why === 'silent' && primaries.get(address) === member) drop(address)
          if (why === 'silent' && shardAt.some((shard) => shard?.primary === address))
            memberAt(address, unavailable('the connection was lost'))
          lookAgain()
        },
        onLost: () => {
          tracking?.lost()
          if (!closed) lookAgain()
        },
        onInvalidated: (keys) => tracking?.invalidated(keys),
      },
    )
    const member: Member = { address, wire, node }
    primaries.set(address, member)
    return member
  }
  const end = (member: Member): void => {
    clearTimeout(leaving.get(member))
    leaving.delete(member)
    member.wire.close()
  }
  const drop = (address: string): void => {
    const member = primaries.get(address)
    if (member === undefined) return
    primaries.delete(address)
    guests.delete(address)
    member.node.dispose()
    // Of what was read there nothing is told any longer.
    tracking?.lost()
    leaving.set(
      member,
      setTimeout(() => end(member), commandTimeout),
    )
    leaving.get(member)?.unref()
  }
  const dropReplica = (address: string): void => {
    replicas.get(address)?.close()
    replicas.delete(address)
  }
  const take = (view: readonly ShardView[]): void => {
    if (closed) return
    shardAt.fill(undefined)
    for (const shard of view) shardAt.fill(shard, shard.from, shard.to + 1)
    idAt.clear()
    known.clear()
    for (const { primary, ids } of view) {
      if (ids[0] !== undefined && ids[0] !== '') idAt.set(primary, ids[0])
      for (const id of ids) if (id !== '') known.add(id)
    }
    const wanted = new Set(view.map(({ primary }) => primary))
    const wantedReplicas = new Set(fromReplicas ? view.flatMap((shard) => shard.replicas) : [])
    const now = performance.now()
    for (const [address, until] of guests) if (until < now) guests.delete(address)
    for (const address of primaries.keys()) if (!wanted.has(address) && !guests.has(address)) drop(address)
    for (const address of replicas.keys()) if (!wantedReplicas.has(address)) dropReplica(address)
    for (const address of wanted) memberAt(address)
    for (const address of wantedReplicas)
      if (!replicas.has(address)) replicas.set(address, openReader(factory, urlOf(url, address), settings))
  }

  const viewOf = async (wire: Wire, host: string): Promise<readonly ShardView[]> => {
    try {
      const view = readSlots((await within(wire.send(['CLUSTER', 'SLOTS']), commandTimeout)) as Reply, host)
      if (view.length > 0) return view
    } catch (error) {
      throw wire.isReply(error) ? refused(error) : error
    }
    throw unavailable('no shard has any slots')
  }

  /** Whoever is at the address that was given. */
  const lookAnew = async (): Promise<void> => {
    const isReplica = factory.refusesReplicas === true // any node may be there
    const first = factory.open({ ...settings.wire, url, track: false, isReplica })
    try {
      const connected = new Promise<void>((resolve, reject) => {
        stopLooking = () => reject(closedError())
        if (closed) stopLooking()
        first.onLost((error) => {
          if (first.isReply(error)) reject(refused(error))
        })
        if (first.isReady()) resolve()
        else first.onReady(resolve)
      })
      await within(connected, connectTimeout)
      take(await viewOf(first, targetOf(url).host))
    } finally {
      first.close()
    }
  }

  /** Asks the nodes that are known, that one first, and where none of them answers, or they are of another cluster, the address that was given: whoever is there now. */
  const look = (preferred?: string): Promise<void> => {
    looking ??= (async () => {
      const first = preferred === undefined ? undefined : primaries.get(preferred)
      for (const member of new Set([...(first === undefined ? [] : [first]), ...primaries.values()])) {
        if (member.node.epoch() === null) continue
        try {
          const view = await viewOf(member.wire, hostIn(member.address))
          if (isSameCluster(known, view, idAt.get(member.address) ?? null)) return take(view)
        } catch {
          // The next one may know.
        }
      }
      return lookAnew()
    })().finally(() => {
      // Not more often than that.
      setTimeout(() => {
        looking = null
      }, lookInterval).unref()
    })
    return looking
  }

  const timeFor = ({ timeout, isOver }: Question): number => {
    if (isOver) throw new CacheError('unavailable', 'the cache does not answer: the time is over')
    return timeout
  }
  const primaryOf = async (slot: number, question: Question): Promise<Member> => {
    if (shardAt[slot] === undefined) await within(look(), timeFor(question))
    const shard = shardAt[slot]
    if (shard === undefined) throw unavailable(`no shard has slot ${slot}`)
    return memberAt(shard.primary)
  }
  /** One that a server has named. */
  const guestAt = (address: string): Member => {
    guests.set(address, performance.now() + guestTime)
    return memberAt(address)
  }
  const callAt = async ({ node }: Member, command: Command, question: Question, isAsking: boolean): Promise<Answer> => {
    if (node.epoch() === null) await node.ready(timeFor(question))
    const epoch = node.epoch()
    if (epoch === null) throw unavailable('the connection was lost')
    const { asked } = question
    asked.set(node.life, (asked.get(node.life) ?? 0) + 1)
    try {
      return { value: await node.call(command, isAsking), epoch }
    } finally {
      asked.set(node.life, (asked.get(node.life) ?? 0) - 1)
    }
  }

  const one = async (command: Command, question: Question): Promise<Answer> => {
    const slot = slotOf(command.key)
    let target: Member | null = null
    /** Of the one who has said ASK: what is there now may become his again. */
    let source: string | null = null
    for (let turn = 0; ; turn += 1) {
      if (closed) throw closedError()
      const member: Member = target ?? (await primaryOf(slot, question))
      let redirection: Redirection | null
      try {
        const { value, epoch } = await callAt(member, command, question, source !== null)
        return { value, epoch: source === null ? epoch : `${source}~${epoch}` }
      } catch (error) {
        redirection = member.wire.isReply(error) ? readRedirection(error.message, member.address) : null
        // Else it was not executed.
        if (redirection === null) throw unavailable(error)
      }
      const { kind, address } = redirection
      source = kind === 'ask' ? member.node.epoch() : null
      if (kind === 'ask' && source === null) throw unavailable('the connection was lost')
      target = kind === 'later' || address === null ? null : guestAt(address)
      if (kind === 'moved') {
        const shard = shardAt[slot]
        if (shard !== undefined && address !== null && shard.primary !== address)
          shardAt[slot] = { ...shard, primary: address, replicas: [] }
        if (address === null) await within(look(), timeFor(question))
        else lookAgain(address)
      }
      if (turn > 0 || kind === 'later') await delay(Math.min(turnPause, timeFor(question)))
    }
  }

  const fromAnyReplica = async (command: Command, question: Question): Promise<Reply> => {
    const all = shardAt[slotOf(command.key)]?.replicas ?? []
    const reader = pickReader(
      all.flatMap((address) => replicas.get(address) ?? []),
      zone,
      Math.random,
    )
    if (reader === undefined) return (await one(command, question)).value
    return reader.call(command).catch(async () => (await one(command, question)).value)
  }
  const send = (commands: readonly Command[], question: Question): Promise<readonly Answer[]> =>
    Promise.all(
      commands.map((command) =>
        fromReplicas && command.fromReplica === true
          ? fromAnyReplica(command, question).then((value): Answer => ({ value, epoch: '' }))
          : one(command, question),
      ),
    )

  let ticks = 0
  const checks = setInterval(() => {
    ticks += 1
    // Replicas come and go without anybody being told; and another primary may have come where one does not answer.
    const isMissed =
      [...primaries.values()].some(({ node }) => node.epoch() === null) ||
      (fromReplicas && shardAt.some((shard) => shard?.replicas.length === 0))
    if (ticks % looksEvery === 0 || isMissed) lookAgain()
    for (const { check } of [...[...primaries.values()].map(({ node }) => node), ...replicas.values()])
      check().catch(() => undefined) // told by its events
  }, checkInterval)
  checks.unref()
  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    clearInterval(checks)
    stopLooking()
    for (const address of [...primaries.keys()]) drop(address)
    for (const member of [...leaving.keys()]) end(member)
    for (const address of [...replicas.keys()]) dropReplica(address)
  }

  try {
    await look()
    await Promise.all([...primaries.values()].map(({ node }) => node.ready(connectTimeout)))
  } catch (error) {
    await close()
    throw unavailable(error)
  }
  return {
    clustered: true,
    readsReplicas: fromReplicas,
    tracking: tracking?.port ?? null,
    send: (commands, { timeout = commandTimeout } = {}) => {
      if (closed) return Promise.reject(closedError())
      const question = questionFor(timeout)
      return within(send(commands, question), timeout, question.life)
        .catch((error: unknown) => {
          throw unavailable(error)
        })
        .finally(() => {
          question.isOver = true
        })
    },
    close,
  }
}
