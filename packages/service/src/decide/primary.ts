/**
 * Who is to be the primary of a shard.
 *
 * A target changes only when the process of the old primary has been seen to be gone (the fence), or by a hand-over that the
 * engine itself makes without losing a write. It is written to the store before anything is done about it.
 */
import type { ShardSpec } from '../model/group.ts'
import type { Action } from './actions.ts'
import { factsOf, type GroupInput, isInSync, isServing, type NodeFacts } from './input.ts'
import type { PersistedData } from './observed.ts'

const offsetOf = (node: NodeFacts): number => node.seen.engine?.replication?.offset ?? -1

/** The replica with the highest offset; on a tie the lower number. */
export const bestReplica = (nodes: readonly NodeFacts[]): NodeFacts | null =>
  nodes.reduce<NodeFacts | null>((best, node) => (best === null || offsetOf(node) > offsetOf(best) ? node : best), null)

const rank = (data: PersistedData | null): readonly [number, number, number] => {
  if (data === null || data.kind === 'none') return [0, 0, 0]
  return [1, data.offset ?? -1, data.modifiedAt]
}

const isBetter = (a: PersistedData | null, b: PersistedData | null): boolean => {
  const left = rank(a)
  const right = rank(b)
  for (const [index, value] of left.entries()) {
    const other = right[index] ?? 0
    if (value !== other) return value > other
  }
  return false
}

/** Of nodes that are all gone: the one with the best data on disk; the primary of before where the others have nothing better. */
const bestPersisted = (nodes: readonly NodeFacts[], primary: NodeFacts): NodeFacts =>
  nodes.reduce((best, node) => (isBetter(node.seen.persisted, best.seen.persisted) ? node : best), primary)

/** The new target of a shard, or null when the present one stays. */
export const decideTarget = (input: GroupInput, shard: ShardSpec): Action | null => {
  const target = input.state.shards[shard.id]
  const nodes = factsOf(input, shard)
  const first = nodes[0]
  if (first === undefined) return null
  if (target === undefined || target.primary === null) {
    return { do: 'target', shard: shard.id, primary: first.spec.id, epoch: 1, because: 'the shard is new' }
  }
  const epoch = target.epoch + 1
  const primary = nodes.find((node) => node.spec.id === target.primary)
  if (primary === undefined) return null // it is being removed: a hand-over comes first
  const asked = shard.wantedPrimary?.epoch === target.epoch ? shard.wantedPrimary.id : null
  const wanted = nodes.find((node) => node.spec.id === asked)
  if (wanted !== undefined && wanted !== primary && isServing(primary) && isInSync(wanted, primary.state.address)) {
    return { do: 'target', shard: shard.id, primary: wanted.spec.id, epoch, because: 'somebody asked for it' }
  }
  if (primary.seen.process !== 'absent' || !primary.state.joined) return null

  const others = nodes.filter((node) => node !== primary && node.state.joined)
  const living = others.filter(isServing)
  const best = bestReplica(living)
  if (best !== null) {
    const hasData = primary.seen.persisted !== null && primary.seen.persisted.kind !== 'none'
    const mayReturn = input.spec.kind === 'cmd' && !input.spec.automaticFailover && hasData
    if (mayReturn) return null
    return { do: 'target', shard: shard.id, primary: best.spec.id, epoch, because: `${primary.spec.id} is gone` }
  }
  if (others.some((node) => node.seen.process !== 'absent')) return null // it may yet answer, and be the better one
  const chosen = bestPersisted(others, primary)
  if (chosen === primary) return null
  return {
    do: 'target',
    shard: shard.id,
    primary: chosen.spec.id,
    epoch,
    because: 'all nodes were lost and its data is the newest',
  }
}
