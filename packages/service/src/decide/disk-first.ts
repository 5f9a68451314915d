/**
 * Whether a dead primary comes back from its append-only file before a replica takes over. Pure.
 *
 * A replica that takes over costs what it has not received: a millisecond's worth, as a rule. One that has just copied the data set, or was cut off, may lack much
 * more, and the file of the dead primary has everything. Where a start from that file is quick it is tried first, once, and within a bound.
 */
import type { ShardSpec } from '../model/group.ts'
import { isDamaged } from './damage.ts'
import { allFactsOf, type GroupInput, hasData, isServing, isZoneUp, type NodeFacts } from './input.ts'
import { processKey } from './under-way.ts'

/** What a start from disk may be estimated to take at most. */
const quickMs = 2_500
/** So long for all of it: in cluster mode a primary takes no writes for the first two seconds. */
export const servesWithinMs = 5_000
/** A replica that lacks what its primary had so long ago lacks more than what is under way. */
const behindMs = 100
/** Two looks that are further apart say nothing about what is under way. */
const levelMs = 1_000

/**
 * Has this replica everything that its primary had a moment ago? Under load: what the primary had at an earlier look, at which the link was up already. What the
 * replica had still to work off then it has worked off since.
 */
export const isLevel = (input: GroupInput, primary: NodeFacts, replica: NodeFacts): boolean => {
  const [theirs, mine] = [primary.seen.engine?.replication, replica.seen.engine?.replication]
  if (theirs == null || mine == null) return false
  if (mine.offset >= theirs.offset) return true
  const { last } = primary.seen
  const { linkedAt } = replica.seen
  if (last == null || linkedAt == null || last.at < linkedAt || input.now - last.at > levelMs) return false
  return mine.offset >= last.offset && last.replicationId === mine.replicationId
}

const isBehind = (input: GroupInput, primary: NodeFacts, replica: NodeFacts): boolean => {
  if (replica.state.level === false) return true
  const [last, mine] = [primary.seen.last, replica.seen.engine?.replication]
  if (last == null || mine == null || last.replicationId !== mine.replicationId) return false
  return mine.offset < last.offset && input.now - last.at >= behindMs
}

/** It was tried, and did not serve. */
const isTried = ({ state, seen }: NodeFacts): boolean => state.returning != null && !((seen.last?.at ?? 0) > state.returning)

const loadsQuickly = (input: GroupInput, { state, seen }: NodeFacts): boolean => {
  const { persisted } = seen
  if (persisted?.kind !== 'aof' || persisted.flaw !== undefined || persisted.loadMs === undefined) return false
  const isLogged = state.parameters['appendonly'] === 'yes' && input.wanted.parameters['appendonly'] === 'yes'
  return isLogged && persisted.loadMs <= quickMs
}

/** Its start from disk has begun, and has not run for longer than it may: nobody takes over meanwhile. */
export const isComingFromDisk = (input: GroupInput, { spec, state: { returning } }: NodeFacts): boolean =>
  returning != null && input.underWay?.has(processKey(spec.id)) === true && Math.abs(input.now - returning) <= servesWithinMs

/** `best` is who would take over otherwise. */
export const comesFromDisk = (input: GroupInput, primary: NodeFacts, best: NodeFacts): boolean =>
  isBehind(input, primary, best) &&
  primary.state.joined &&
  loadsQuickly(input, primary) &&
  isZoneUp(input, primary) &&
  !isDamaged(primary) &&
  !isTried(primary)

/** It was started from its disk and does not serve in time: a replica takes over when it has ended. */
export const isLate = (input: GroupInput, shard: ShardSpec, node: NodeFacts): boolean => {
  const { returning } = node.state
  if (returning == null || node.spec.id !== input.state.shards[shard.id]?.primary || isServing(node)) return false
  if (Math.abs(input.now - returning) <= servesWithinMs) return false
  return allFactsOf(input, shard).some((other) => other !== node && isServing(other) && hasData(other))
}
