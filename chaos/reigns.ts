/**
 * Were there ever two nodes of one shard that took writes? Pure.
 *
 * Every acknowledged write was carried out at some instant between its start and its end; which one, nobody knows. All the writes that
 * one process acknowledged in one turn as a primary are a *reign*. What happened is correct if instants can be chosen so that the reigns
 * of a shard follow one another without mixing. For two reigns X and Y, X has to come before Y as soon as one write of X had ended when a
 * write of Y began: `X.firstEnd < Y.lastStart`. Both X before Y and Y before X cannot be; that is a violation, and there is no other:
 * a circle of more than two reigns always holds a circle of two.
 *
 * A write of Y that was sent before a write of X was answered proves nothing by itself (it may have waited in a buffer), and counts
 * as nothing here. So no violation is ever reported that was none.
 */
import type { Witness, Write } from './history.ts'

export interface Reign extends Witness {
  readonly shard: string
  readonly writes: number
  /** When the write that ended first ended: from then on it certainly reigned. */
  readonly firstEnd: number
  /** When the write that began last began: until then it certainly reigned. */
  readonly lastStart: number
}

/** The target of a shard as the store had it. */
export interface Epoch {
  readonly shard: string
  readonly epoch: number
  readonly primary: string | null
  /** When the store was last read and did not have it yet. */
  readonly notBefore: number
}

/** Reigns of all shards, in the order in which they began. */
export const reignsOf = (writes: readonly Write[]): readonly Reign[] => {
  const reigns = new Map<string, Reign>()
  for (const { shard, witness, outcome, start, end } of writes) {
    if (outcome !== 'acknowledged' || witness === null) continue
    const name = `${shard} ${witness.node} ${witness.runId} ${witness.replicationId}`
    const known = reigns.get(name) ?? { ...witness, shard, writes: 0, firstEnd: end, lastStart: start }
    reigns.set(name, {
      ...known,
      writes: known.writes + 1,
      firstEnd: Math.min(known.firstEnd, end),
      lastStart: Math.max(known.lastStart, start),
    })
  }
  return [...reigns.values()].sort((a, b) => a.firstEnd - b.firstEnd)
}

const nameOf = (reign: Reign): string =>
  `${reign.node} (run ${reign.runId.slice(0, 8)}, replication ${reign.replicationId.slice(0, 8)}, ${reign.writes} writes from ${reign.firstEnd.toFixed(1)} to ${reign.lastStart.toFixed(1)} ms)`

const pairsOf = (reigns: readonly Reign[]): readonly (readonly [Reign, Reign])[] =>
  reigns.flatMap((one, index) =>
    reigns
      .slice(index + 1)
      .filter((other) => other.shard === one.shard)
      .map((other) => [one, other] as const),
  )

/** Two processes that took writes of one shard at the same time, or under the same replication id. */
export const mixedReigns = (reigns: readonly Reign[]): readonly string[] =>
  pairsOf(reigns).flatMap(([one, other]) => {
    if (one.firstEnd < other.lastStart && other.firstEnd < one.lastStart)
      return [`${one.shard}: ${nameOf(one)} and ${nameOf(other)} took writes at the same time`]
    if (one.replicationId === other.replicationId && one.runId !== other.runId)
      return [`${one.shard}: ${nameOf(one)} and ${nameOf(other)} took writes under one replication id`]
    return []
  })

/** Epochs that came and went between two looks at the store: anybody may have been their primary. */
const withUnseen = (epochs: readonly Epoch[]): readonly Epoch[] =>
  epochs.flatMap((epoch, index) => {
    const before = epochs[index - 1]
    const unseen = before === undefined ? 0 : epoch.epoch - before.epoch - 1
    return [
      ...Array.from({ length: Math.max(0, unseen) }, (_, at) => ({ ...epoch, epoch: epoch.epoch - unseen + at, primary: null })),
      epoch,
    ]
  })

/**
 * Each reign belongs to an epoch of which its node is the target, none of them to an epoch of an earlier one's, and none began before its
 * target was written. Two nodes that took writes in one epoch are found here also when they did so one after the other.
 */
export const epochProblems = (reigns: readonly Reign[], epochs: readonly Epoch[]): readonly string[] => {
  const shards = [...new Set(reigns.map((reign) => reign.shard))]
  return shards.flatMap((shard) => {
    const known = withUnseen(epochs.filter((epoch) => epoch.shard === shard))
    const problems: string[] = []
    let at = 0
    let holder: string | null = null
    for (const reign of reigns.filter((each) => each.shard === shard)) {
      // An epoch that nobody saw may be anybody's, but one's only.
      const from = holder !== null && holder !== reign.node ? at + 1 : at
      const found = known.findIndex((epoch, index) => index >= from && (epoch.primary === reign.node || epoch.primary === null))
      const epoch = known[found]
      if (epoch === undefined) {
        problems.push(
          `${shard}: ${nameOf(reign)} took writes in an epoch that was not its own (epoch ${known[at]?.epoch} or later)`,
        )
        continue
      }
      if (reign.firstEnd < epoch.notBefore)
        problems.push(
          `${shard}: ${nameOf(reign)} took writes before it was written to the store as the target of epoch ${epoch.epoch} (not before ${epoch.notBefore.toFixed(1)} ms)`,
        )
      at = found
      holder = reign.node
    }
    return problems
  })
}
