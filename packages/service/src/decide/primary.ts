/**
 * Who is to be the primary of a shard.
 *
 * A target changes when the process of the old primary has been seen to be gone (the fence), by a hand-over in which no write is lost, or
 * because the engines elected somebody themselves. It is written to the store before anything is done about it.
 */
import { hasElection } from '../model/cluster.ts'
import type { ShardSpec, ShardState } from '../model/group.ts'
import { freeSlots } from '../model/shards.ts'
import type { Action } from './actions.ts'
import { isDamaged, isOnDisk } from './damage.ts'
import { comesFromDisk, isComingFromDisk } from './disk-first.ts'
import {
  allFactsOf,
  factsOf,
  type GroupInput,
  hasData,
  isInSync,
  isServing,
  isZoneUp,
  leavingFacts,
  mayHaveData,
  type NodeFacts,
  roleOf,
  takesWrites,
} from './input.ts'
import type { PersistedData } from './observed.ts'

type TargetAction = Extract<Action, { do: 'target' }>

const offsetOf = (node: NodeFacts): number => node.seen.engine?.replication?.offset ?? -1

/** The replica with the highest offset; on a tie the lower number. */
const bestReplica = (nodes: readonly NodeFacts[]): NodeFacts | null =>
  nodes.reduce<NodeFacts | null>((best, node) => (best === null || offsetOf(node) > offsetOf(best) ? node : best), null)

/** What looks whole counts for more than what looks newer. */
const rank = (data: PersistedData | null): readonly [number, number, number, number] => {
  if (data === null || data.kind === 'none') return [0, 0, 0, 0]
  return [1, data.flaw === undefined ? 1 : 0, data.offset ?? -1, data.modifiedAt]
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

/** What is left of a shard without a living copy: the best of what can be loaded. Null: nobody who may start has anything that can. */
const bestLoadable = (startable: readonly NodeFacts[]): NodeFacts | null => {
  const loadable = startable.filter((node) => !isDamaged(node))
  const [first] = loadable
  const best = first === undefined ? null : bestPersisted(loadable, first)
  return best !== null && isOnDisk(best) ? best : null
}

/** Has it been seen that this node accepts no writes, and will not? */
const isHarmless = (node: NodeFacts | undefined): boolean =>
  node === undefined || node.seen.process === 'absent' || (isServing(node) && !takesWrites(node))

/** A new target of a shard. Whoever may still believe to be primary is named in the fence, until it is gone or follows. */
export const targetOf = (
  input: GroupInput,
  shard: ShardSpec,
  present: ShardState,
  heir: NodeFacts,
  because: string,
): TargetAction => {
  const all = allFactsOf(input, shard)
  const suspects = new Set([...(present.fence ?? []), ...(present.primary === null ? [] : [present.primary])])
  const fence = [...suspects].filter((id) => id !== heir.spec.id && !isHarmless(all.find((node) => node.spec.id === id)))
  return { do: 'target', shard: shard.id, primary: heir.spec.id, epoch: present.epoch + 1, fence, because }
}

/** Nodes that keep the target from being promoted now. */
export const unfenced = (input: GroupInput, shard: ShardSpec): readonly NodeFacts[] => {
  const fence = new Set(input.state.shards[shard.id]?.fence)
  const target = input.state.shards[shard.id]?.primary
  return allFactsOf(input, shard).filter(
    (node) => node.spec.id !== target && ((fence.has(node.spec.id) && !isHarmless(node)) || livesAsPrimary(node)),
  )
}

export const livesAsPrimary = (node: NodeFacts): boolean => node.seen.process === 'running' && takesWrites(node)

/** Whom the primary may hand over to without a lost write. */
export const heirOf = (input: GroupInput, shard: ShardSpec, primary: NodeFacts): NodeFacts | null =>
  bestReplica(factsOf(input, shard).filter((node) => node !== primary && hasData(node) && isInSync(node, primary.state.address)))

/** A node that owns the shard's slots although it is not the target, nor was before: by its own word and by that of everybody who answers. */
const electedPrimary = (input: GroupInput, shard: ShardSpec, target: ShardState, primary: NodeFacts): NodeFacts | undefined => {
  if (!hasElection(input.spec) || livesAsPrimary(primary)) return undefined
  const views = input.spec.shards
    .flatMap((each) => factsOf(input, each))
    .filter((node) => node !== primary && isServing(node))
    .map((node) => node.seen.engine?.cluster?.nodes ?? [])
  return factsOf(input, shard).find((node) => {
    if (node === primary || node.spec.id === target.former || !isServing(node)) return false
    return views.every((view) =>
      view.some((entry) => entry.id === node.state.clusterNodeId && entry.primaryId === null && entry.slots.length > 0),
    )
  })
}

const cannotPersist = (node: NodeFacts): boolean => node.seen.engine?.persistenceFails === true

/** A switch that can wait for the moment in which nothing is lost. */
const plannedTarget = (input: GroupInput, shard: ShardSpec, target: ShardState, primary: NodeFacts): TargetAction | null => {
  if (!isServing(primary) || roleOf(primary) !== 'primary') return null
  const asked = shard.wantedPrimary?.epoch === target.epoch ? shard.wantedPrimary.id : null
  const wanted = factsOf(input, shard).find((node) => node.spec.id === asked)
  if (wanted !== undefined && wanted !== primary && hasData(wanted) && isInSync(wanted, primary.state.address))
    return targetOf(input, shard, target, wanted, 'somebody asked for it')
  const heir = heirOf(input, shard, primary)
  if (heir === null) return null
  if (leavingFacts(input, shard).includes(primary))
    return targetOf(input, shard, target, heir, `${primary.spec.id} is to be removed`)
  if (cannotPersist(primary) && !cannotPersist(heir))
    return targetOf(input, shard, target, heir, `${primary.spec.id} cannot write to its disk`)
  return null
}

/** Nobody who lives has the data of the shard: what is on disk comes first, then whoever lives, then an empty start. */
const lostAll = (input: GroupInput, shard: ShardSpec, target: ShardState, primary: NodeFacts): TargetAction | null => {
  const others = factsOf(input, shard).filter((node) => node !== primary && node.state.joined)
  const gone = [primary, ...others].filter((node) => node.seen.process === 'absent')
  const startable = gone.filter((node) => isZoneUp(input, node))
  const first = startable[0]
  // One that is to be removed gives its data to the others first, where nobody else has any that loads.
  const leaving = leavingFacts(input, shard).filter((node) => node.state.joined && node.seen.process === 'absent')
  const best = bestLoadable(startable) ?? bestLoadable(leaving)
  if (best === primary) return null
  if (best !== null) {
    const why = isDamaged(primary) ? `${primary.spec.id} cannot load what it has on disk, and ` : ''
    return targetOf(input, shard, target, best, `${why}what it has on disk is the newest data that is left`)
  }
  if (gone.some(isOnDisk)) return null // in a zone that is down, or damaged: it is waited for
  const living = bestReplica(others.filter(isServing))
  if (living !== null) return targetOf(input, shard, target, living, `${primary.spec.id} is gone, and nobody has its data`)
  if (first === undefined || first === primary || gone.length <= others.length) return null
  return targetOf(input, shard, target, first, `the zone of ${primary.spec.id} is down`)
}

/** Without automatic failover a primary comes back with what it has on disk. */
const returnsByHand = (input: GroupInput, primary: NodeFacts): boolean =>
  input.spec.kind === 'cmd' &&
  !input.spec.automaticFailover &&
  isOnDisk(primary) &&
  !isDamaged(primary) &&
  isZoneUp(input, primary)

/**
 * Somebody else runs and may have the data: the primary does not come back as such, since it would come back without. One that said to have nothing may have
 * said so a moment before it got everything, and the primary ended a moment after: its word counts at the next look.
 */
export const isKeptElsewhere = (input: GroupInput, shard: ShardSpec, primary: NodeFacts): boolean =>
  primary.state.joined &&
  !returnsByHand(input, primary) &&
  allFactsOf(input, shard).some(
    (node) => node !== primary && (mayHaveData(node) || (primary.seen.justGone === true && node.seen.process === 'running')),
  )

/** Who would take over now from a primary whose process is gone. */
const successorOf = (input: GroupInput, shard: ShardSpec, primary: NodeFacts): NodeFacts | null => {
  // Also one that is leaving: it hands over when another has copied its data. And one that is new, when it has copied it.
  const whole = allFactsOf(input, shard).filter((node) => node !== primary && hasData(node))
  return bestReplica(whole.filter(isServing))
}

/** A dead primary that starts from its disk, because whoever would take over lacks too much. */
export const decideReturn = (input: GroupInput, shard: ShardSpec): readonly Action[] => {
  const target = input.state.shards[shard.id]
  const primary = allFactsOf(input, shard).find((node) => node.spec.id === target?.primary)
  if (primary === undefined || primary.seen.process !== 'absent' || input.spec.kind === 'memcached') return []
  const successor = successorOf(input, shard, primary)
  if (successor === null || !comesFromDisk(input, primary, successor) || unfenced(input, shard).length > 0) return []
  return [{ do: 'start', node: primary.spec.id, replicaOf: null, because: 'disk-first' }]
}

/** The process of the primary is gone. */
const lostTarget = (input: GroupInput, shard: ShardSpec, target: ShardState, primary: NodeFacts): TargetAction | null => {
  if (returnsByHand(input, primary) && unfenced(input, shard).length === 0) return null
  if (isComingFromDisk(input, primary)) return null
  const best = successorOf(input, shard, primary)
  if (best !== null && comesFromDisk(input, primary, best) && unfenced(input, shard).length === 0) return null
  if (best !== null) return targetOf(input, shard, target, best, `${primary.spec.id} is gone`)
  if (isKeptElsewhere(input, shard, primary)) return null // it may yet answer
  return lostAll(input, shard, target, primary)
}

/** The target is not primary yet, and whom it was to take over from is gone meanwhile: another may have got more. */
const betterHeir = (input: GroupInput, shard: ShardSpec, target: ShardState, primary: NodeFacts): TargetAction | null => {
  if (!isServing(primary) || roleOf(primary) !== 'replica' || unfenced(input, shard).length > 0) return null
  const others = allFactsOf(input, shard).filter(
    (node) => node !== primary && isServing(node) && hasData(node) && roleOf(node) === 'replica',
  )
  const best = bestReplica([primary, ...others])
  return best === null || best === primary ? null : targetOf(input, shard, target, best, `it has more than ${primary.spec.id}`)
}

/** The new target of a shard, or null when the present one stays. */
export const decideTarget = (input: GroupInput, shard: ShardSpec): Action | null => {
  const target = input.state.shards[shard.id]
  const nodes = factsOf(input, shard)
  if (target === undefined || target.primary === null) {
    const first = nodes.find((node) => isZoneUp(input, node)) ?? nodes[0]
    if (first === undefined) return null
    const slots = input.spec.kind === 'cme' ? { slots: freeSlots(input.spec, input.state, shard) } : {}
    return { do: 'target', shard: shard.id, primary: first.spec.id, epoch: 1, fence: [], because: 'the shard is new', ...slots }
  }
  const primary = allFactsOf(input, shard).find((node) => node.spec.id === target.primary)
  if (primary === undefined) return null
  const elected = electedPrimary(input, shard, target, primary)
  if (elected !== undefined) return targetOf(input, shard, target, elected, 'the cluster elected it')
  if (primary.seen.process !== 'absent')
    return plannedTarget(input, shard, target, primary) ?? betterHeir(input, shard, target, primary)
  return primary.state.joined ? lostTarget(input, shard, target, primary) : null
}
