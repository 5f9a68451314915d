/**
 * One engine process of the simulated machine. Its data set is the list of the writes that it holds; a replica holds a beginning of its
 * primary's list, a little late. Commands of controllers wait while it is stopped or busy, and are carried out when it runs again, also when
 * nobody waits for the answer any more.
 */
import type { Endpoint, ProcessIdentity, SlotRange } from '../../model/group.ts'
import { slotsWithout } from '../../model/slots.ts'
import type { ClusterMember, NodePlan } from '../../ports/engine.ts'
import type { Random } from './random.ts'
import { hasSlot, haveCommon, slotOf } from './slots.ts'
import type { Time } from './time.ts'

export interface SimEngine {
  readonly plan: NodePlan
  readonly id: string
  readonly shard: string
  readonly identity: ProcessIdentity
  readonly tag: string
  alive: boolean
  /** SIGSTOP, or stuck in the kernel. */
  stopped: boolean
  /** Stuck in the kernel: also SIGKILL takes effect only when it comes back. */
  stuck: boolean
  killed: boolean
  /** Works on a long command until then. */
  busyUntil: number
  /** When it could last not answer. */
  silentAt: number
  pausedUntil: number
  bound: readonly string[]
  /** Writes that it holds, in order. */
  log: number[]
  follows: Endpoint | null
  /** The primary that it is connected to, with its first sync done. */
  link: SimEngine | null
  syncing: boolean
  /** Has it finished a sync since its start? */
  synced: boolean
  /** When it last got a data set anew. */
  wholeAt: number
  /** It has not copied anything since its start. */
  fresh: boolean
  /** What arrived while it copied waits until then. */
  slowUntil: number
  /** Counts the attempts to connect to a primary: a newer one ends those before. */
  attempt: number
  maxMemory: number
  parameters: Record<string, string>
  readonly myId: string | null
  members: Map<string, ClusterMember>
  readonly closers: Set<() => void>
  /** Commands that arrived while it did not run. */
  waiting: (() => void)[]
}

export interface Machine {
  readonly time: Time
  readonly random: Random
  readonly living: () => readonly SimEngine[]
  /** Told whenever a node becomes able to accept writes, before it is. */
  readonly onPrimary: (engine: SimEngine, planned: boolean) => void
  /** The engines elected it themselves. */
  readonly onElected: (engine: SimEngine) => void
  /** It takes these slots, whoever has them, before it does. */
  readonly onClaim: (engine: SimEngine, slots: readonly SlotRange[]) => void
  /** It deletes the keys of slots that another node has. */
  readonly onDrop: (engine: SimEngine, writes: readonly number[]) => void
  readonly note: (text: string) => void
}

export const canRun = (engine: SimEngine, now: number): boolean => engine.alive && !engine.stopped && engine.busyUntil <= now

const myself = (engine: SimEngine): ClusterMember | undefined => engine.members.get(engine.myId ?? '')

export const isReplica = (engine: SimEngine): boolean =>
  engine.plan.kind === 'cme' ? (myself(engine)?.primaryId ?? null) !== null : engine.follows !== null

/** The slots that it has by its own word. */
export const slotsOf = (engine: SimEngine): readonly SlotRange[] => myself(engine)?.slots ?? []

/** Would it take a write now, if it ran? */
export const takesWrites = (engine: SimEngine): boolean =>
  engine.alive && !isReplica(engine) && (engine.plan.kind !== 'cme' || slotsOf(engine).length > 0)

const sourceOf = (machine: Machine, engine: SimEngine): SimEngine | undefined => {
  if (!isReplica(engine)) return undefined
  const living = machine.living()
  if (engine.plan.kind === 'cme') {
    const { primaryId } = myself(engine) ?? {}
    return living.find((other) => other.myId === primaryId)
  }
  return living.find((other) => other.plan.address === engine.follows?.address)
}

const holdsBeginning = (replica: SimEngine, primary: SimEngine): boolean =>
  replica.log.length <= primary.log.length && replica.log.at(-1) === primary.log[replica.log.length - 1]

/** Those that follow a node whose data set was replaced begin anew. */
const cutOff = (machine: Machine, engine: SimEngine): void => {
  for (const other of machine.living()) {
    if (other.link !== engine) continue
    other.link = null
    keepSynced(machine, other)
  }
}

/** Writes, and milliseconds. */
const mostWaiting = 40
const slowestMs = 1_500

/** A replica gets what its primary has, and so does who copies from it. */
const receive = (machine: Machine, engine: SimEngine, source: SimEngine): void => {
  engine.log = [...source.log]
  propagate(machine, engine)
}

/** A replica that has just copied a data set works off what was written meanwhile: it waits in the primary, also while that does not run. */
const catchUpLater = (machine: Machine, engine: SimEngine, source: SimEngine): void => {
  const { time, random } = machine
  engine.slowUntil = time.now() + random.between(50, slowestMs)
  const catchUp = (): void => {
    // A replica that does not run gets it when it wakes.
    if (!source.alive || engine.link !== source || !canRun(engine, time.now())) return
    if (!canRun(source, time.now())) source.waiting.push(catchUp)
    else if (holdsBeginning(engine, source)) receive(machine, engine, source)
  }
  time.after(engine.slowUntil - time.now(), catchUp)
}

/** Connects a replica to its primary, again and again until it is; copies what it misses, or all of it. */
export const keepSynced = (machine: Machine, engine: SimEngine): void => {
  const { time, random } = machine
  engine.attempt += 1
  const mine = engine.attempt
  const attempt = (): void => {
    if (!engine.alive || !isReplica(engine) || engine.attempt !== mine) return
    const source = sourceOf(machine, engine)
    if (engine.link !== null && engine.link === source && source.alive) return
    engine.link = null
    const retry = (): void => {
      time.after(random.between(50, 1_000), attempt)
    }
    const runs = source !== undefined && canRun(source, time.now()) && canRun(engine, time.now())
    // A source that is a replica itself, and has no data of its own yet, lets others wait.
    if (!runs || (isReplica(source) && source.link === null)) {
      retry()
      return
    }
    const whole = !holdsBeginning(engine, source)
    engine.syncing = true
    if (whole) engine.synced = false
    time.after(whole ? random.between(20, 300) : random.between(1, 20), () => {
      engine.syncing = false
      if (!engine.alive || !isReplica(engine) || engine.attempt !== mine) return
      if (sourceOf(machine, engine) !== source || !canRun(source, time.now()) || !canRun(engine, time.now())) {
        retry()
        return
      }
      // What was written while it copied waits in a buffer of the primary, and dies with it.
      const isSlow = engine.fresh && engine.plan.parameters['appendonly'] === 'yes' && random.chance(0.5)
      const least = holdsBeginning(engine, source) ? engine.log.length : 0
      const has = isSlow ? Math.max(least, source.log.length - random.between(1, mostWaiting)) : source.log.length
      const waits = has < source.log.length
      engine.fresh = false
      engine.log = source.log.slice(0, has)
      engine.link = source
      engine.synced = true
      engine.slowUntil = 0
      if (whole) engine.wholeAt = time.now()
      cutOff(machine, engine)
      if (waits) catchUpLater(machine, engine, source)
    })
  }
  attempt()
}

/** A write has been taken by a primary: its replicas get it a little later, if both are still there. */
export const propagate = (machine: Machine, primary: SimEngine): void => {
  const { time, random } = machine
  const length = primary.log.length
  for (const replica of machine.living()) {
    if (replica.link !== primary) continue
    time.after(random.chance(0.02) ? random.between(10, 200) : random.between(0, 3), () => {
      if (!primary.alive || replica.link !== primary || !canRun(replica, time.now()) || replica.slowUntil > time.now()) return
      if (replica.log.length >= length) return
      replica.log.push(...primary.log.slice(replica.log.length, length))
      propagate(machine, replica)
    })
  }
}

/** A replica that was stopped catches up from the buffer of its connection. */
export const wake = (machine: Machine, engine: SimEngine): void => {
  engine.silentAt = machine.time.now()
  for (const command of engine.waiting.splice(0)) command()
  if (engine.link?.alive === true && holdsBeginning(engine, engine.link)) receive(machine, engine, engine.link)
  else engine.link = null
  keepSynced(machine, engine)
}

// ---- cluster mode -----------------------------------------------------------------------------------------------------

/** What a node hears of another. In its view a slot has one owner: who claims it in the highest epoch. */
export const learn = (members: Map<string, ClusterMember>, member: ClusterMember): void => {
  let { slots } = member
  for (const [id, other] of members) {
    if (id === member.id || !haveCommon(slots, other.slots)) continue
    if (other.configEpoch > member.configEpoch) slots = slotsWithout(slots, other.slots)
    else members.set(id, { ...other, slots: slotsWithout(other.slots, slots) })
  }
  members.set(member.id, slots === member.slots ? member : { ...member, slots })
}

/** A node deletes the keys of slots that are another's, and so do its replicas. */
const dropKeys = (machine: Machine, engine: SimEngine, isGone: (write: number) => boolean): void => {
  const { time, random } = machine
  const gone = engine.log.filter(isGone)
  if (gone.length === 0) return
  machine.note(`${engine.id} deletes the keys of ${gone.length} writes`)
  machine.onDrop(engine, gone)
  const keep = (log: readonly number[]): number[] => log.filter((write) => !isGone(write))
  engine.log = keep(engine.log)
  for (const replica of machine.living()) {
    if (replica.link !== engine) continue
    time.after(random.between(0, 3), () => {
      if (replica.link === engine && canRun(replica, time.now())) replica.log = keep(replica.log)
    })
  }
}

/** A primary that starts keeps no keys of slots that were taken from it while it was away. */
export const dropForeignKeys = (machine: Machine, engine: SimEngine): void => {
  const slots = slotsOf(engine)
  if (slots.length > 0) dropKeys(machine, engine, (write) => !hasSlot(slots, slotOf(write)))
}

/** `other` hears from `from` what has become of a member. */
const hear = (machine: Machine, other: SimEngine, from: SimEngine, member: ClusterMember): void => {
  const known = other.members.get(member.id)
  if (!other.alive || known === undefined || known.configEpoch > member.configEpoch) return
  const before = isReplica(other)
  const mine = myself(other)
  learn(other.members, member)
  // Somebody has taken its slots in a newer epoch: it deletes their keys, and follows where it has none left.
  if (mine !== undefined && mine.id !== member.id && member.slots.length > 0 && mine.configEpoch < member.configEpoch) {
    const taken = haveCommon(mine.slots, member.slots)
    const followed = mine.primaryId !== null && (other.members.get(mine.primaryId)?.slots.length ?? 0) === 0
    const same = other.shard === from.shard
    if (taken && !same) dropKeys(machine, other, (write) => hasSlot(member.slots, slotOf(write)))
    const isDrained = taken && slotsOf(other).length === 0
    if (isDrained || (same && followed)) other.members.set(mine.id, { ...mine, primaryId: member.id, slots: [] })
  }
  if (isReplica(other) !== before || other.link !== sourceOf(machine, other)) keepSynced(machine, other)
}

/** Everybody who knows the member hears of its new place; who is stopped hears of it when it runs again. */
const gossip = (machine: Machine, from: SimEngine, member: ClusterMember): void => {
  for (const other of machine.living()) {
    if (other === from) continue
    const deliver = (): void => {
      if (canRun(other, machine.time.now())) hear(machine, other, from, member)
      else if (other.alive) other.waiting.push(() => hear(machine, other, from, member))
    }
    machine.time.after(machine.random.between(1, 10), deliver)
  }
}

/** Two nodes get to know each other, and everybody whom the other knows. */
export const meet = (machine: Machine, engine: SimEngine, other: SimEngine): void => {
  if (!canRun(other, machine.time.now())) return
  for (const [one, another] of [
    [engine, other],
    [other, engine],
  ] as const)
    for (const member of another.members.values()) if (!one.members.has(member.id)) learn(one.members, member)
}

/** Nodes say again and again what they are: whoever was not there when it changed hears of it a little later. */
export const keepTelling = (machine: Machine): void => {
  const running = machine.living().filter((engine) => canRun(engine, machine.time.now()))
  for (const from of running) {
    const mine = myself(from)
    for (const other of running)
      if (mine !== undefined && other !== from && !isSame(other.members.get(mine.id), mine)) hear(machine, other, from, mine)
  }
  machine.time.after(1_000, () => keepTelling(machine))
}

const isSame = (known: ClusterMember | undefined, member: ClusterMember): boolean =>
  known?.primaryId === member.primaryId && known.configEpoch === member.configEpoch && known.slots.length === member.slots.length

/** It becomes primary of its shard, in a new epoch. */
export const takeOver = (machine: Machine, engine: SimEngine, how: boolean | 'elected'): void => {
  const mine = myself(engine)
  const old = mine?.primaryId == null ? undefined : engine.members.get(mine.primaryId)
  if (mine === undefined || old === undefined) return
  if (how === 'elected') machine.onElected(engine)
  else machine.onPrimary(engine, how)
  const epoch = Math.max(...[...engine.members.values()].map((member) => member.configEpoch)) + 1
  const next: ClusterMember = { ...mine, primaryId: null, slots: old.slots, configEpoch: epoch }
  engine.members.set(mine.id, next)
  engine.members.set(old.id, { ...old, primaryId: mine.id, slots: [], configEpoch: epoch })
  engine.link = null
  gossip(machine, engine, next)
  gossip(machine, engine, { ...old, primaryId: mine.id, slots: [], configEpoch: epoch })
}

/** `CLUSTER DELSLOTSRANGE`, `ADDSLOTSRANGE` and `BUMPEPOCH`: of those that it has not yet, whoever has them. */
export const claimSlots = (machine: Machine, engine: SimEngine, slots: ClusterMember['slots']): void => {
  const mine = myself(engine)
  const missing = slotsWithout(slots, mine?.slots ?? [])
  if (mine === undefined || missing.length === 0) return
  machine.onClaim(engine, missing)
  if (!takesWrites(engine)) machine.onPrimary(engine, false)
  for (const [id, member] of engine.members)
    if (id !== mine.id && haveCommon(member.slots, missing))
      engine.members.set(id, { ...member, slots: slotsWithout(member.slots, missing) })
  const epoch = Math.max(...[...engine.members.values()].map((member) => member.configEpoch)) + 1
  const next = { ...mine, primaryId: null, slots: [...mine.slots, ...missing], configEpoch: epoch }
  engine.members.set(mine.id, next)
  gossip(machine, engine, next)
}

/** The engines' own hand-over: the primary stops its clients, the replica gets everything, takes over, and the old one follows. */
export const handOver = (machine: Machine, engine: SimEngine): void => {
  const { time, random } = machine
  const old = sourceOf(machine, engine)
  if (old === undefined || !canRun(old, time.now()) || engine.link !== old) return
  const until = time.now() + 5_000
  old.pausedUntil = until
  time.after(random.between(10, 60), () => {
    if (!old.alive || !canRun(old, time.now()) || !canRun(engine, time.now()) || engine.link !== old || old.pausedUntil !== until)
      return
    receive(machine, engine, old)
    const mine = myself(old)
    if (mine !== undefined) old.members.set(mine.id, { ...mine, primaryId: engine.myId, slots: [] })
    takeOver(machine, engine, true)
    old.pausedUntil = 0
    keepSynced(machine, old)
  })
}

/** A node that is told whom to follow. */
export const replicateNode = (machine: Machine, engine: SimEngine, nodeId: string): void => {
  const mine = myself(engine)
  if (mine === undefined) return
  const next = { ...mine, primaryId: nodeId, slots: [] }
  engine.members.set(mine.id, next)
  gossip(machine, engine, next)
  keepSynced(machine, engine)
}

const nodeTimeoutMs = 15_000
const electionDelayMs = 500

/** More than half of the primaries that own slots run. */
export const hasMajority = (machine: Machine, engine: SimEngine): boolean => {
  const owners = [...engine.members.values()].filter((member) => member.slots.length > 0)
  const running = machine.living().filter((other) => takesWrites(other) && canRun(other, machine.time.now()))
  return running.length * 2 > owners.length
}

/** Since when each node of a cluster does not run; the engines hold one for dead after their node timeout, and elect its best replica. */
export const createElections = (machine: Machine) => {
  const downSince = new Map<string, number>()
  /** A node is only suspected (`fail?`) until a majority of the primaries agrees; then it is `fail` until it is back. */
  const failed = new Map<string, number>()
  const isFailed = (id: string): boolean => failed.has(id)
  /** Everybody has heard of it for as long as replicas wait before they stand for election. */
  const isLong = (id: string): boolean => machine.time.now() - (failed.get(id) ?? machine.time.now()) >= electionDelayMs
  const look = (): void => {
    const now = machine.time.now()
    const cluster = machine.living().filter((engine) => engine.plan.kind === 'cme')
    const known = new Set(cluster.flatMap((engine) => [...engine.members.keys()]))
    for (const id of known) {
      const engine = cluster.find((each) => each.myId === id)
      if (engine !== undefined && canRun(engine, now)) {
        downSince.delete(id)
        failed.delete(id)
      } else if (!downSince.has(id)) downSince.set(id, now)
      else if (
        now - (downSince.get(id) ?? now) > nodeTimeoutMs &&
        cluster.some((other) => canRun(other, now) && hasMajority(machine, other))
      )
        failed.set(id, failed.get(id) ?? now)
    }
    const candidates = cluster.filter((engine) => {
      const primary = isReplica(engine) && engine.plan.election === true ? myself(engine)?.primaryId : null
      const owns = (engine.members.get(primary ?? '')?.slots.length ?? 0) > 0
      return owns && primary != null && canRun(engine, now) && engine.synced && isLong(primary) && hasMajority(machine, engine)
    })
    const best = candidates.toSorted((a, b) => b.log.length - a.log.length)[0]
    if (best !== undefined) takeOver(machine, best, 'elected')
    machine.time.after(500, look)
  }
  return { isFailed, look }
}
