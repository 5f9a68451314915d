/** Which processes are to be started and ended. */
import { minorOf } from '../model/engine-versions.ts'
import type { ShardSpec } from '../model/group.ts'
import type { Action, StartReason } from './actions.ts'
import { asideOf, waitsForData } from './damage.ts'
import { isLate } from './disk-first.ts'
import {
  allFactsOf,
  factsOf,
  type GroupInput,
  hasData,
  isInSync,
  isRunning,
  isServing,
  isZoneUp,
  mayHaveData,
  type NodeFacts,
  roleOf,
} from './input.ts'
import { heirOf, isKeptElsewhere, targetOf, unfenced } from './primary.ts'
import { isHeldBack } from './restarts.ts'

/** A hung process is ended where that costs no data: somebody who answers has it, or it is on disk. Else its end would be the greater harm. */
const mayBeEnded = (input: GroupInput, shard: ShardSpec, node: NodeFacts): boolean => {
  if (input.spec.kind === 'memcached') return false
  const isTarget = node.spec.id === input.state.shards[shard.id]?.primary
  if ((!isTarget && !mayHaveData(node)) || node.state.parameters['appendonly'] === 'yes') return true
  return allFactsOf(input, shard).some((other) => other !== node && isServing(other) && hasData(other))
}

/** Those that run and were not sent SIGKILL yet. */
const endable = (input: GroupInput, shard: ShardSpec): readonly NodeFacts[] =>
  allFactsOf(input, shard).filter((node) => isRunning(node) && !node.seen.killed)

const endHung = (input: GroupInput, shard: ShardSpec, nodes: readonly NodeFacts[]): readonly Action[] =>
  nodes
    .filter((node) => node.seen.hung && mayBeEnded(input, shard, node))
    .map((node) => ({ do: 'stop', node: node.spec.id, because: 'hung' }))

/** What may accept writes and must not is ended before anybody takes its place: hung primaries, and all of a zone that is down. */
export const decideFences = (input: GroupInput, shard: ShardSpec): readonly Action[] => {
  const nodes = endable(input, shard)
  const target = input.state.shards[shard.id]
  const suspects = new Set([target?.primary, ...(target?.fence ?? [])])
  return [
    ...nodes
      .filter((node) => !isZoneUp(input, node))
      .map((node): Action => ({ do: 'stop', node: node.spec.id, because: 'zone' })),
    ...nodes
      .filter((node) => isZoneUp(input, node) && !node.seen.hung && isLate(input, shard, node))
      .map((node): Action => ({ do: 'stop', node: node.spec.id, because: 'late' })),
    ...endHung(
      input,
      shard,
      nodes.filter((node) => isZoneUp(input, node) && suspects.has(node.spec.id)),
    ),
  ]
}

/** Hung replicas keep nobody from writing: they are ended when there is a primary again. */
export const decideEnds = (input: GroupInput, shard: ShardSpec): readonly Action[] => endHung(input, shard, endable(input, shard))

const isAsked = (node: NodeFacts): boolean => node.state.rebootsDone < node.spec.reboots
/** Another patch, or build, of what it runs waits for the next start. */
const hasOtherEngine = ({ engineVersion }: GroupInput, node: NodeFacts): boolean =>
  engineVersion !== undefined && minorOf(node.seen.engine?.version ?? node.state.engineVersion) !== minorOf(engineVersion)

/** Memcached cannot be given more memory or threads while it runs; its node type changes by a restart, as on AWS with its data lost. */
const isReplaced = (input: GroupInput, node: NodeFacts): boolean =>
  input.spec.kind === 'memcached' && (node.state.nodeType !== input.spec.nodeType || hasOtherEngine(input, node))

/** Another node type has other threads, which only a start sets; memory is changed on the running engine. A lone primary keeps its data instead. */
const hasOtherThreads = (input: GroupInput, shard: ShardSpec, node: NodeFacts): boolean =>
  shard.nodes.length > 1 && node.state.nodeType !== input.spec.nodeType && node.seen.engine?.ioThreads !== input.wanted.ioThreads

export const needsRestart = (input: GroupInput, shard: ShardSpec, node: NodeFacts): boolean =>
  input.spec.kind !== 'memcached' && isServing(node) && (hasOtherThreads(input, shard, node) || hasOtherEngine(input, node))

/** Primaries of a cluster vote on each other: two that hand over at the same time may keep each other from it, for as long as a pause lasts. */
const isItsTurn = (input: GroupInput, shard: ShardSpec): boolean => {
  if (input.spec.kind !== 'cme') return true
  const primaries = input.spec.shards.map((each) => ({
    shard: each,
    primary: factsOf(input, each).find((node) => node.spec.id === input.state.shards[each.id]?.primary),
  }))
  if (!primaries.every(({ primary }) => primary !== undefined && isServing(primary) && roleOf(primary) === 'primary'))
    return false
  const first = primaries.find((each) => each.primary !== undefined && needsRestart(input, each.shard, each.primary))
  return first?.shard.id === shard.id
}

/** One node after the other, replicas first, and only while the others are whole; the primary hands over before it is its turn. */
const rollingRestart = (input: GroupInput, shard: ShardSpec): readonly Action[] => {
  const nodes = factsOf(input, shard)
  const target = input.state.shards[shard.id]
  const primary = nodes.find((node) => node.spec.id === target?.primary)
  if (primary === undefined || target === undefined || roleOf(primary) !== 'primary') return []
  if (!nodes.every((node) => node === primary || isInSync(node, primary.state.address))) return []
  const next = nodes.filter((node) => needsRestart(input, shard, node)).toSorted((a) => (a === primary ? 1 : -1))[0]
  if (next === undefined) return []
  if (next !== primary) return [{ do: 'stop', node: next.spec.id, because: 'replace' }]
  if (allFactsOf(input, shard).length === 1) return [{ do: 'stop', node: next.spec.id, because: 'upgrade' }]
  if (!isItsTurn(input, shard)) return []
  const heir = heirOf(input, shard, primary)
  const what = hasOtherEngine(input, primary) ? 'engine' : 'node type'
  return heir === null ? [] : [targetOf(input, shard, target, heir, `${primary.spec.id} gets another ${what}`)]
}

/** A primary hands over to a replica before it is rebooted, where it has one in sync: first the target, then the switch. */
const reboot = (input: GroupInput, shard: ShardSpec, node: NodeFacts): readonly Action[] => {
  const target = input.state.shards[shard.id]
  const because = isAsked(node) ? 'reboot' : 'replace'
  if (input.spec.kind === 'cmd' && target !== undefined) {
    if (node.spec.id === target.primary) {
      const heir = heirOf(input, shard, node)
      if (heir !== null) return [targetOf(input, shard, target, heir, `${node.spec.id} is to be rebooted`)]
      if (shard.nodes.length > 1 && node.state.parameters['appendonly'] !== 'yes') return []
    } else if (unfenced(input, shard).includes(node)) {
      return [] // it has not handed over yet, or does not say whether it has
    }
  }
  return isLastCopy(input, shard, node) ? [] : [{ do: 'stop', node: node.spec.id, because }]
}

/** The others of its shard, of which there are some, have nothing yet: its end would lose everything. */
const isLastCopy = (input: GroupInput, shard: ShardSpec, node: NodeFacts): boolean =>
  input.spec.kind !== 'memcached' &&
  shard.nodes.length > 1 &&
  mayHaveData(node) &&
  node.state.parameters['appendonly'] !== 'yes' &&
  !allFactsOf(input, shard).some((other) => other !== node && isServing(other) && hasData(other))

export const decideReboots = (input: GroupInput, shard: ShardSpec): readonly Action[] => {
  const asked = factsOf(input, shard)
    .filter((node) => isRunning(node) && !node.seen.killed && (isAsked(node) || isReplaced(input, node)))
    .flatMap((node) => reboot(input, shard, node))
  return asked.length > 0 ? asked : rollingRestart(input, shard)
}

const reasonOf = (node: NodeFacts): StartReason => {
  if (!node.state.joined) return 'created'
  return isAsked(node) ? 'rebooted' : 'recovered'
}

/** What a replica cannot load it copies from its primary: the files are kept beside. */
const start = (node: NodeFacts, primary: NodeFacts | null, because: StartReason): Action => {
  const aside = asideOf(node, primary !== null)
  const how = { do: 'start', node: node.spec.id, replicaOf: primary?.spec.id ?? null, because } as const
  return aside.length === 0 ? how : { ...how, aside }
}

/** In cluster mode replicas wait until every stand-in of a new cluster is forgotten: one that starts earlier may learn of it again. */
const seesStrangers = (input: GroupInput): boolean => {
  const known = new Set(Object.values(input.state.nodes).map((node) => node.clusterNodeId))
  return Object.values(input.observed.nodes).some(
    (node) => node.engine?.cluster?.nodes.some((entry) => !known.has(entry.id) && !entry.flags.includes('handshake')) ?? false,
  )
}

/** The primary starts first and alone, its replicas when it serves: a replica that finds nobody waits a second before it tries again. */
export const decideStarts = (input: GroupInput, shard: ShardSpec): readonly Action[] => {
  const nodes = factsOf(input, shard)
  const target = input.state.shards[shard.id]?.primary
  // One that is leaving starts again only where it is the one with the data: it has to hand it over first.
  const absent = allFactsOf(input, shard).filter(
    (node) => node.seen.process === 'absent' && isZoneUp(input, node) && (nodes.includes(node) || node.spec.id === target),
  )
  const ready = absent.filter((node) => !isHeldBack(node.state.starts, input.now))
  if (ready.length === 0) return []
  if (input.spec.kind === 'memcached') {
    return ready.map((node) => ({ do: 'start', node: node.spec.id, replicaOf: null, because: reasonOf(node) }))
  }
  const primary = allFactsOf(input, shard).find((node) => node.spec.id === target)
  if (primary === undefined) return []
  if (absent.includes(primary)) {
    if (!ready.includes(primary) || isKeptElsewhere(input, shard, primary) || unfenced(input, shard).length > 0) return []
    if (waitsForData(input, shard, primary)) return []
    const lostAll = nodes.length > 1 && nodes.every((node) => node.seen.process === 'absent') && primary.state.joined
    return [start(primary, null, lostAll ? 'lost-all' : reasonOf(primary))]
  }
  if (!isServing(primary) || roleOf(primary) !== 'primary') return []
  if (input.spec.kind === 'cme' && seesStrangers(input)) return []
  return ready.map((node) => start(node, primary, reasonOf(node)))
}
