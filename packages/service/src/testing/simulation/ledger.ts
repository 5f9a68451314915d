/** What has to hold at every moment, and what was promised to clients. A violation throws with what happened before it. */
import type { ShardState } from '../../model/group.ts'
import { canRun, isReplica, type SimEngine, takesWrites } from './engine.ts'

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

export interface Ledger {
  /** What the store says now. */
  readonly targets: Map<string, ShardState>
  onPrimary(engine: SimEngine, planned: boolean): void
  onStart(engine: SimEngine, asPrimary: boolean): void
  onWrite(engine: SimEngine, id: number): void
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
  readonly note: (text: string) => void
}

export const createLedger = ({ now, living, isDeaf, note }: LedgerOptions): Ledger => {
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
    canRun(engine, now()) && engine.silentAt < now() - answeredLongEnoughMs && engine.busyUntil < now() - answeredLongEnoughMs

  const checkFence = (engine: SimEngine): void => {
    const rival = othersOf(engine).find(takesWrites)
    if (rival !== undefined) throw new Violation('fence', `${engine.id} becomes primary while ${rival.id} lives as one`)
  }
  const giveUp = (engine: SimEngine): void => {
    const shard = shardOf(engine)
    const kept = new Set(engine.log)
    for (const id of shard.acknowledged) if (!kept.has(id)) shard.mayBeLost.add(id)
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
        giveUp(engine)
      }
      shard.primary = engine
    },
    onStart(engine, asPrimary) {
      note(`${engine.id} starts as ${asPrimary ? 'primary' : 'replica'} with ${engine.log.length} writes`)
      if (!asPrimary) return
      checkFence(engine)
      const shard = shardOf(engine)
      const better = fuller(engine)
      if (better !== undefined)
        throw new Violation(
          'empty primary',
          `${engine.id} starts with ${engine.log.length} writes while ${better.id} has ${better.log.length}`,
        )
      giveUp(engine)
      shard.primary = engine
    },
    onWrite(engine, id) {
      const shard = shardOf(engine)
      const rival = othersOf(engine).find((other) => takesWrites(other) && other.pausedUntil <= now())
      if (rival !== undefined) throw new Violation('two primaries', `${engine.id} takes a write while ${rival.id} would too`)
      if (shard.primary !== null && shard.primary !== engine && shard.primary.alive)
        throw new Violation('two primaries', `${engine.id} takes a write, and ${shard.primary.id} was promoted last`)
      shard.acknowledged.add(id)
    },
    get acknowledged() {
      return [...shards.values()].reduce((sum, shard) => sum + shard.acknowledged.size, 0)
    },
    get lost() {
      return [...shards.values()].reduce((sum, shard) => sum + shard.mayBeLost.size, 0)
    },
    atEnd(primaries) {
      for (const primary of primaries) {
        const shard = shardOf(primary)
        const kept = new Set(primary.log)
        const lost = [...shard.acknowledged].filter((id) => !kept.has(id) && !shard.mayBeLost.has(id))
        if (lost.length > 0)
          throw new Violation(
            'lost',
            `${lost.length} acknowledged writes of shard ${primary.shard} are gone: ${lost.slice(0, 5)}`,
          )
      }
    },
  }
}
