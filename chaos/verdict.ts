/** Which lost writes are the price of asynchronous replication, and which break a promise. Pure. */

import type { ShardLayout } from './groups.ts'
import type { Entry } from './ledger.ts'
import type { Fault } from './scene.ts'

/** What was done in a round. */
export interface Blow {
  /** When it began. */
  readonly at: number
  /** Shards that it was aimed at; empty where it was aimed at none in particular. */
  readonly targets: readonly string[]
  /** Shard to the nodes whose process it ended or stopped. */
  readonly struck: ReadonlyMap<string, ReadonlySet<string>>
}

export interface Judgement {
  /** Of shards that write to memory alone and lost all of their nodes. */
  readonly lostWithAll: number
  /** All others, those that are forbidden included. */
  readonly lost: number
  readonly forbidden: readonly Entry[]
}

/** Every replica was in sync before the round: what was acknowledged longer ago than this was at all of them. */
const inFlightMs = 1_000

export const judgeLosses = (
  shards: readonly Pick<ShardLayout, 'key' | 'persists' | 'nodes'>[],
  fault: Pick<Fault, 'mayLose'>,
  { at, targets, struck }: Blow,
  losses: readonly Entry[],
): Judgement => {
  const gone = new Set(
    shards.filter((shard) => !shard.persists && struck.get(shard.key)?.size === shard.nodes.length).map((shard) => shard.key),
  )
  const others = losses.filter(({ shard }) => !gone.has(shard))
  const isForbidden = ({ shard, end }: Entry): boolean =>
    !fault.mayLose || (targets.length > 0 && !targets.includes(shard)) || end < at - inFlightMs
  return { lostWithAll: losses.length - others.length, lost: others.length, forbidden: others.filter(isForbidden) }
}
