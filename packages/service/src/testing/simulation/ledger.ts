/** What has to hold at every moment, and what was promised to clients. A violation throws with what happened before it. */
import type { ShardState, SlotRange } from '../../model/group.ts'
import { formatSlots } from '../../model/slots.ts'
import { canRun, isReplica, type SimEngine, slotsOf, takesWrites } from './engine.ts'
import { hasSlot, haveCommon, slotOf } from './slots.ts'

export class Violation extends Error {
  readonly rule: string
  constructor(rule: string, message: string) {
    super(`${rule}: ${message}`)
    this.rule = rule
  }
}

interface Shard {
  readonly acknowledged: Set<number>
  readonly mayBeLost: Set<number>
  primary: SimEngine | null
  /** Node that was promoted in each epoch. */
  readonly promoted: Map<number, string>
}

/** An engine that did not answer a moment ago may have been passed over rightly. */
const answeredLongEnoughMs = 1_500
/** A decision may rest on what was seen so long ago. */
const staleMs = 900

export interface Ledger {
  /** What the store says now. */
  readonly targets: Map<string, ShardState>
  onPrimary(engine: SimEngine, planned: boolean): void
  onStart(engine: SimEngine, asPrimary: boolean): void
  onWrite(engine: SimEngine, id: number): void
  /** Larder kills it, because of a decision. `raced`: the primary that this decision saw has died in the same moment. */
  onKill(engine: SimEngine, because: string, raced: boolean): void
  onDeath(engine: SimEngine): void
  /** The engines elected it, without Larder. */
  onElected(engine: SimEngine): void
  /** It takes slots from whoever has them. */
  onClaim(engine: SimEngine, slots: readonly SlotRange[]): void
  /** It deletes what it has written in slots that another node has taken. */
  onDrop(engine: SimEngine, writes: readonly number[]): void
  /** Acknowledged writes that were given up, by reason. */
  readonly reasons: Map<string, number>
  /** A switch is planned while its primary lives: it must lose nothing. */
  readonly lost: number
  readonly acknowledged: number
  atEnd(primaries: readonly SimEngine[]): void
}

interface LedgerOptions {
  readonly now: () => number
  readonly living: () => readonly SimEngine[]
  /** Are answers being lost? Then somebody may have been passed over rightly. */
  readonly isDeaf: () => boolean
  /** Nodes of this shard that do not run, with the writes that are on their disks. */
  readonly disks: (
    shard: string,
  ) => readonly { readonly id: string; readonly log: readonly number[]; readonly damaged: boolean }[]
  readonly note: (text: string) => void
}

export const createLedger = ({ now, living, isDeaf, disks, note }: LedgerOptions): Ledger => {
  const targets = new Map<string, ShardState>()
  const shards = new Map<string, Shard>()
  const shardOf = (engine: SimEngine): Shard => {
    const present = shards.get(engine.shard)
    if (present !== undefined) return present
    const made: Shard = { acknowledged: new Set(), mayBeLost: new Set(), primary: null, promoted: new Map() }
    shards.set(engine.shard, made)
    return made
  }
  const othersOf = (engine: SimEngine): readonly SimEngine[] =>
    living().filter((other) => other !== engine && other.shard === engine.shard)
  const answers = (engine: SimEngine): boolean =>
    canRun(engine, now()) &&
    // One that had nothing a moment ago may have been passed over, too.
    engine.wholeAt < now() - staleMs &&
    engine.silentAt < now() - answeredLongEnoughMs &&
    engine.busyUntil < now() - answeredLongEnoughMs

  const checkFence = (engine: SimEngine): void => {
    const rival = othersOf(engine).find(takesWrites)
    if (rival !== undefined) throw new Violation('fence', `${engine.id} becomes primary while ${rival.id} lives as one`)
  }
  const reasons = new Map<string, number>()
  /** Who else has a write that the new primary lacks. A living replica that has it, answers and is in sync would have had to be primary. */
  const holderOf = (engine: SimEngine, id: number, onDisk: ReturnType<typeof disks>): string => {
    const others = othersOf(engine).filter((other) => other.log.includes(id))
    const able = others.find((other) => isReplica(other) && other.synced && answers(other))
    if (able !== undefined && !isDeaf())
      throw new Violation('given up', `write ${id} is lost by ${engine.id}, and ${able.id} has it and answers`)
    if (others.some((other) => canRun(other, now()))) return 'one that runs and did not answer'
    if (others.length > 0) return 'one that hangs'
    const disk = onDisk.find(({ log }) => log.includes(id))
    if (disk === undefined) return 'nobody'
    return disk.damaged ? 'a damaged disk' : 'a disk'
  }
  const giveUp = (engine: SimEngine, how: string): void => {
    const shard = shardOf(engine)
    const kept = new Set(engine.log)
    const lost = [...shard.acknowledged].filter((id) => !kept.has(id) && !shard.mayBeLost.has(id))
    const onDisk = lost.length === 0 ? [] : disks(engine.shard)
    for (const id of lost) {
      const reason = `${how}, ${holderOf(engine, id, onDisk)} has it`
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      shard.mayBeLost.add(id)
    }
    const count = lost.length
    if (count > 0) note(`ledger: ${count} writes are given up by ${how} of ${engine.id}`)
  }
  /** When a node of the shard that had data died last. */
  const lastLoss = new Map<string, number>()
  const holds = (engine: SimEngine): boolean => engine.log.length > 0
  /** A node that has nothing becomes primary: nobody who lives may have the data, whether it answers or not. */
  const checkEmpty = (engine: SimEngine, how: string): void => {
    if (holds(engine)) return
    const other = othersOf(engine).find(holds)
    if (other !== undefined)
      throw new Violation(
        'emptiness',
        `${engine.id} ${how} with nothing while ${other.id} lives with ${other.log.length} writes${canRun(other, now()) ? '' : ', and hangs'}`,
      )
  }
  /** Somebody who answers, has been in sync, and holds more. */
  const fuller = (engine: SimEngine): SimEngine | undefined =>
    isDeaf()
      ? undefined
      : othersOf(engine).find(
          (other) => isReplica(other) && other.synced && answers(other) && other.log.length > engine.log.length,
        )

  return {
    targets,
    reasons,
    onDeath(engine) {
      if (holds(engine)) lastLoss.set(engine.shard, now())
    },
    onElected(engine) {
      const shard = shardOf(engine)
      note(`${engine.id} is elected with ${engine.log.length} writes`)
      const rival = othersOf(engine).find((other) => takesWrites(other) && canRun(other, now()))
      if (rival !== undefined) throw new Violation('fence', `${engine.id} is elected while ${rival.id} runs as primary`)
      checkEmpty(engine, 'is elected')
      giveUp(engine, 'election')
      shard.primary = engine
    },
    onClaim(engine, slots) {
      note(`${engine.id} claims slots ${formatSlots(slots)}`)
      const owner = living().find((other) => other !== engine && haveCommon(slotsOf(other), slots))
      if (owner !== undefined)
        throw new Violation('slots taken', `${engine.id} claims ${formatSlots(slots)}, and ${owner.id} lives and has of them`)
    },
    onDrop(engine, writes) {
      const { acknowledged, mayBeLost } = shardOf(engine)
      const lost = writes.filter((id) => acknowledged.has(id) && !mayBeLost.has(id))
      if (lost.length > 0)
        throw new Violation('keys dropped', `${engine.id} deletes ${lost.length} acknowledged writes of slots that were taken`)
    },
    onKill(engine, because, raced) {
      if (!engine.alive || engine.killed || !holds(engine) || because === 'zone') return
      const shard = shardOf(engine)
      const elsewhere = othersOf(engine).filter(holds)
      if (engine.plan.parameters['appendonly'] === 'yes') return
      if (because === 'hung') {
        const diedAt = lastLoss.get(engine.shard) ?? 0
        if (elsewhere.length === 0 && now() - diedAt < staleMs)
          reasons.set('last copy, race', (reasons.get('last copy, race') ?? 0) + 1)
        else if (elsewhere.length === 0)
          throw new Violation(
            'last copy',
            `${engine.id} hangs and is ended with the only ${engine.log.length} writes that are left`,
          )
        return
      }
      const kept = new Set(elsewhere.flatMap((other) => other.log))
      const lost = engine.log.filter((id) => shard.acknowledged.has(id) && !shard.mayBeLost.has(id) && !kept.has(id))
      if (lost.length > 0 && raced) {
        reasons.set('last copy, race', (reasons.get('last copy, race') ?? 0) + 1)
        for (const id of lost) shard.mayBeLost.add(id)
      } else if (lost.length > 0)
        throw new Violation('planned end', `${engine.id} is ended (${because}) with ${lost.length} writes that nobody else has`)
    },
    onPrimary(engine, planned) {
      const shard = shardOf(engine)
      const target = targets.get(engine.shard)
      note(`${engine.id} becomes primary with ${engine.log.length} writes`)
      checkFence(engine)
      if (target?.primary !== engine.id)
        throw new Violation('target first', `${engine.id} becomes primary, and the store names ${target?.primary}`)
      const before = shard.promoted.get(target.epoch)
      if (before !== undefined && before !== engine.id)
        throw new Violation('one for each epoch', `${before} and ${engine.id} were promoted in epoch ${target.epoch}`)
      shard.promoted.set(target.epoch, engine.id)
      checkEmpty(engine, 'becomes primary')
      const former = shard.primary
      const isPlanned = planned || (former?.alive === true && former !== engine)
      if (isPlanned) {
        const kept = new Set(engine.log)
        const lost = [...shard.acknowledged].filter((id) => !kept.has(id) && !shard.mayBeLost.has(id))
        if (lost.length > 0)
          throw new Violation('planned', `the switch to ${engine.id} loses ${lost.length} writes: ${lost.slice(0, 5)}`)
      } else {
        const better = fuller(engine)
        if (better !== undefined)
          throw new Violation(
            'best replica',
            `${engine.id} has ${engine.log.length} writes, ${better.id} has ${better.log.length}`,
          )
        giveUp(engine, 'promotion')
      }
      shard.primary = engine
    },
    onStart(engine, asPrimary) {
      note(`${engine.id} starts as ${asPrimary ? 'primary' : 'replica'} with ${engine.log.length} writes`)
      if (!asPrimary) return
      checkFence(engine)
      const shard = shardOf(engine)
      const target = targets.get(engine.shard)
      if (target?.primary !== engine.id)
        throw new Violation('target first', `${engine.id} starts as primary, and the store names ${target?.primary}`)
      const before = shard.promoted.get(target.epoch)
      if (before !== undefined && before !== engine.id)
        throw new Violation('one for each epoch', `${before} and ${engine.id} were primaries in epoch ${target.epoch}`)
      shard.promoted.set(target.epoch, engine.id)
      checkEmpty(engine, 'starts as primary')
      const better = fuller(engine)
      if (better !== undefined)
        throw new Violation(
          'empty primary',
          `${engine.id} starts with ${engine.log.length} writes while ${better.id} has ${better.log.length}`,
        )
      giveUp(engine, 'start')
      shard.primary = engine
    },
    onWrite(engine, id) {
      const shard = shardOf(engine)
      const rival = othersOf(engine).find(
        (other) => takesWrites(other) && other.pausedUntil <= now() && (engine.plan.election !== true || canRun(other, now())),
      )
      if (rival !== undefined) throw new Violation('two primaries', `${engine.id} takes a write while ${rival.id} would too`)
      if (shard.primary !== null && shard.primary !== engine && shard.primary.alive && takesWrites(shard.primary))
        throw new Violation('two primaries', `${engine.id} takes a write, and ${shard.primary.id} was promoted last`)
      const owner = living().find(
        (other) => other !== engine && hasSlot(slotsOf(other), slotOf(id)) && other.shard !== engine.shard && takesWrites(other),
      )
      if (owner !== undefined)
        throw new Violation('two owners', `${engine.id} takes a write in slot ${slotOf(id)}, which ${owner.id} has too`)
      shard.acknowledged.add(id)
    },
    get acknowledged() {
      return [...shards.values()].reduce((sum, shard) => sum + shard.acknowledged.size, 0)
    },
    get lost() {
      return [...shards.values()].reduce((sum, shard) => sum + shard.mayBeLost.size, 0)
    },
    atEnd(primaries) {
      for (const [id, shard] of shards) {
        const kept = new Set(primaries.flatMap((primary) => (primary.shard === id ? primary.log : [])))
        const lost = [...shard.acknowledged].filter((write) => !kept.has(write) && !shard.mayBeLost.has(write))
        if (lost.length > 0)
          throw new Violation('lost', `${lost.length} acknowledged writes of shard ${id} are gone: ${lost.slice(0, 5)}`)
      }
    },
  }
}
