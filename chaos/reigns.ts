/**
 * Were there ever two nodes of one shard that took writes? Pure.
 *
 * All the writes that one process acknowledged in one turn as a primary are a *reign*. Each write tells the instant at which the engine
 * carried it out; all engines read the clock of the same machine, so instants of different nodes can be compared. The reigns of a shard
 * have to follow one another: if a write of one reign was carried out between two writes of another, two nodes took writes at the same
 * time. That an answer came late, or that a write waited in a buffer before it was carried out, does not matter.
 */
import type { Witness, Write } from './history.ts'

export interface Reign extends Omit<Witness, 'at'> {
  readonly shard: string
  readonly writes: number
  /** Instants of the first and of the last write, milliseconds since 1970. */
  readonly first: number
  readonly last: number
  /** When the first acknowledgement arrived, by the clock of the writers. */
  readonly firstEnd: number
}

/** The target of a shard as the store had it. */
export interface Epoch {
  readonly shard: string
  readonly epoch: number
  readonly primary: string | null
  /** When the store was last read and did not have it yet, by the clock of the writers. */
  readonly notBefore: number
}

export interface Reigns {
  add(write: Write): void
  /** Of all shards, in the order in which they began. */
  all(): readonly Reign[]
}

export const createReigns = (): Reigns => {
  const reigns = new Map<string, Reign>()
  return {
    add({ shard, witness, outcome, end }) {
      if (outcome !== 'acknowledged' || witness === null) return
      const { at, ...who } = witness
      const name = `${shard} ${who.node} ${who.runId} ${who.replicationId}`
      const known = reigns.get(name) ?? { ...who, shard, writes: 0, first: at, last: at, firstEnd: end }
      reigns.set(name, {
        ...known,
        writes: known.writes + 1,
        first: Math.min(known.first, at),
        last: Math.max(known.last, at),
        firstEnd: Math.min(known.firstEnd, end),
      })
    },
    all: () => [...reigns.values()].toSorted((a, b) => a.first - b.first),
  }
}

const time = (ms: number): string => `${new Date(ms).toISOString().slice(11, 23)}${(ms % 1).toFixed(3).slice(2)}`

const nameOf = (reign: Reign): string =>
  `${reign.node} (run ${reign.runId.slice(0, 8)}, replication ${reign.replicationId.slice(0, 8)}, ${reign.writes} writes from ${time(reign.first)} to ${time(reign.last)})`

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
    if (one.first < other.last && other.first < one.last)
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
 * Each reign belongs to an epoch of which its node is the target, later reigns of other nodes to later epochs, and none began before its
 * target was written (but where the engines may elect). Two nodes that took writes in one epoch are found here also when they did so one
 * after the other.
 */
export const epochProblems = (
  reigns: readonly Reign[],
  epochs: readonly Epoch[],
  mayElect: (shard: string) => boolean = () => false,
): readonly string[] => {
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
      if (reign.firstEnd < epoch.notBefore && !mayElect(shard))
        problems.push(
          `${shard}: ${nameOf(reign)} took writes before it was written to the store as the target of epoch ${epoch.epoch}`,
        )
      at = found
      holder = reign.node
    }
    return problems
  })
}
