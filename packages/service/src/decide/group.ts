/**
 * What to do next for one group: pure, and the only place where it is decided.
 *
 * The stages stand in the order in which they matter. The first stage that has something to do is done, then the world is looked
 * at again: an interrupted change is therefore nothing special, it goes on from what is there.
 */
import { unmovedSlots, withPresentShards } from '../model/shards.ts'
import { decideAccess } from './access.ts'
import type { Action, Decision, EndpointUse } from './actions.ts'
import { decideCertificates } from './certificates.ts'
import { damageReason } from './damage.ts'
import { isLevel } from './disk-first.ts'
import { decideBinds, decideBoldBinds, decideDiscovery, decidePublishing, decideReaders } from './endpoints.ts'
import { decideGuard } from './guard.ts'
import {
  allFactsOf,
  factsOf,
  type GroupInput,
  hasData,
  isInSync,
  isRunning,
  isServing,
  isZoneUp,
  leavingFacts,
  type NodeFacts,
  takesWrites,
} from './input.ts'
import { decideReturn, decideTarget, unfenced } from './primary.ts'
import { decideEnds, decideFences, decideReboots, decideStarts } from './processes.ts'
import { isHeldBack } from './restarts.ts'
import { decideSettings } from './settings.ts'
import { decideForgetting, decideMeetings, decideTopology } from './topology.ts'
import { decideFronts, decideTransit } from './transit.ts'
import { notUnderWay } from './under-way.ts'

type Stage = (input: GroupInput) => readonly Action[]

const nodesOf = (input: GroupInput): readonly NodeFacts[] => input.spec.shards.flatMap((shard) => factsOf(input, shard))

/** States of an earlier Larder: what each shard owns is what the spec gives it, before anything else can be wanted. */
const own: Stage = ({ spec, state }) => {
  if (spec.kind !== 'cme') return []
  // What a shard owns that the spec has forgotten stays unknown: it is kept, and never taken for empty.
  const unknown = spec.shards.filter(
    ({ id, slots }) => slots.length > 0 && state.shards[id] !== undefined && state.shards[id]?.slots === undefined,
  )
  return unknown.length === 0 ? [] : [{ do: 'own', slots: Object.fromEntries(unknown.map(({ id, slots }) => [id, slots])) }]
}

const allocate: Stage = ({ spec, state }) => {
  const nodes = spec.shards.flatMap((shard) =>
    shard.nodes.filter((node) => state.nodes[node.id] === undefined).map((node) => node.id),
  )
  const endpoints: EndpointUse[] = []
  if (spec.kind === 'cmd' && state.primaryEndpoint === null) endpoints.push('primary')
  if (spec.kind === 'cmd' && state.readerEndpoint === null) endpoints.push('reader')
  if ((spec.kind === 'cme' || spec.kind === 'memcached') && state.configurationEndpoint === null) endpoints.push('configuration')
  return nodes.length + endpoints.length === 0 ? [] : [{ do: 'allocate', nodes, endpoints }]
}

/** Nodes of the state that the spec no longer has. A primary hands over before it goes (`decideTarget`). */
const removeNodes: Stage = (input) => {
  const wanted = new Set(input.spec.shards.flatMap((shard) => shard.nodes.map((node) => node.id)))
  // As long as nobody has taken over from it, a node that leaves may be the one with the data.
  const needed = input.spec.shards.flatMap((shard) => {
    const target = allFactsOf(input, shard).find((node) => node.spec.id === input.state.shards[shard.id]?.primary)
    const isTaken = target !== undefined && isServing(target) && takesWrites(target) && unfenced(input, shard).length === 0
    return isTaken ? [target] : leavingFacts(input, shard)
  })
  const kept = new Set(input.spec.kind === 'memcached' ? [] : needed.map((node) => node.spec.id))
  return Object.keys(input.state.nodes)
    .filter((id) => !wanted.has(id) && !kept.has(id))
    .map((id) => ({ do: 'remove-node', node: id }))
}

/** It was given the data, and is seen for the first time to have all of it. */
const hasCaughtUp = (input: GroupInput, primary: NodeFacts | undefined, node: NodeFacts): boolean => {
  if (primary === undefined || !isServing(node)) return false
  if (node === primary) return node.state.returning != null
  return node.state.level === false && isInSync(node, primary.state.address) && isLevel(input, primary, node)
}

const markJoined: Stage = (input) => {
  const level: string[] = []
  const nodes = input.spec.shards.flatMap((shard) => {
    // Also one that is leaving may be the primary: it goes when another has its data.
    const primary = allFactsOf(input, shard).find((node) => node.spec.id === input.state.shards[shard.id]?.primary)
    return factsOf(input, shard).filter((node) => {
      const caughtUp = hasCaughtUp(input, primary, node)
      if (caughtUp) level.push(node.spec.id)
      if ((node.state.joined && hasData(node) && !caughtUp) || !isServing(node)) return false
      if (input.spec.kind === 'memcached') return true
      if (node === primary) return node.seen.engine?.replication?.role === 'primary'
      return primary !== undefined && isInSync(node, primary.state.address)
    })
  })
  if (nodes.length === 0) return []
  return [{ do: 'joined', nodes: nodes.map((node) => node.spec.id), ...(level.length === 0 ? {} : { level }) }]
}

const eachShard =
  (decide: (input: GroupInput, shard: GroupInput['spec']['shards'][number]) => readonly Action[]): Stage =>
  (input) =>
    input.spec.shards.flatMap((shard) => decide(input, shard))

const stages: readonly Stage[] = [
  ({ spec, state }) => {
    if (spec.deletion === null) return []
    const shard = spec.shards[0]
    const primary = shard === undefined ? undefined : (state.shards[shard.id]?.primary ?? undefined)
    return [{ do: 'remove-group', retain: spec.deletion.retainPrimary ? (primary ?? null) : null }]
  },
  // Who clients can write to comes first: everything else takes longer, and may fail.
  eachShard(decideFences),
  eachShard((input, shard) => {
    const target = input.spec.kind === 'memcached' ? null : decideTarget(input, shard)
    return target === null ? [] : [target]
  }),
  eachShard(decideReturn),
  eachShard((input, shard) => decideTopology(input, shard).actions),
  decideBinds,
  own,
  allocate,
  decideReaders,
  decideFronts,
  decideTransit,
  decideAccess,
  eachShard(decideEnds),
  eachShard(decideReboots),
  // The list of a Memcached cluster does not depend on who runs: it is served while the nodes start.
  (input) => [...input.spec.shards.flatMap((shard) => decideStarts(input, shard)), ...decideDiscovery(input)],
  (input) => decideMeetings(input).actions,
  decideForgetting,
  // Nodes of Memcached have no data to wait for: they are told the list in the same breath.
  (input) => [...markJoined(input), ...decidePublishing(input)],
  decideGuard,
  decideSettings,
  decideCertificates,
  removeNodes,
  decideBoldBinds,
]

/** Seconds. A link that is down for so long does not come up by itself. */
const longDown = 10

const whyNotInSync = ({ spec, seen }: NodeFacts): string => {
  const down = seen.engine?.replication?.linkDownSeconds ?? 0
  if (down < 0) return `node ${spec.id} has not reached its primary since it started: its log says why`
  if (down >= longDown) return `node ${spec.id} does not reach its primary any more: its log says why`
  return `node ${spec.id} copies the data of its primary`
}

/** Why a group in which nothing can be done is not finished yet. */
const waitingFor = (input: GroupInput): string | null => {
  for (const shard of input.spec.shards) {
    const primary = allFactsOf(input, shard).find((node) => node.spec.id === input.state.shards[shard.id]?.primary)
    const damaged = damageReason(input, shard)
    if (damaged !== null) return damaged
    for (const node of factsOf(input, shard)) {
      if (node.seen.process === 'doubt')
        return `a process that may be node ${node.spec.id} cannot be told for certain; it is left alone`
      if (!isZoneUp(input, node)) return `${node.spec.zone} is down, and node ${node.spec.id} with it`
      if (node.seen.killed) return `node ${node.spec.id} was killed, and is stuck in the kernel`
      if (node.seen.hung) return `node ${node.spec.id} is stopped or stuck, and is left alone: nobody else has its data`
      if (node.seen.process === 'absent' && isHeldBack(node.state.starts, input.now))
        return `node ${node.spec.id} has ended again and again, and waits up to a minute before it starts: its log says why`
      if (node.seen.process === 'absent') return `node ${node.spec.id} waits for its primary before it starts`
      if (isRunning(node) && node.seen.engine === null)
        return `node ${node.spec.id} ${node.state.status === 'available' ? 'does not answer' : 'starts'}`
      if (node.seen.engine?.loading === true) return `node ${node.spec.id} loads its data`
      if (input.spec.kind === 'memcached' || primary === undefined) continue
      if (input.spec.kind === 'cme' && node.seen.engine?.cluster?.state !== 'ok')
        return `node ${node.spec.id} waits for the cluster to be whole`
      if (node !== primary && !isInSync(node, primary.state.address)) return whyNotInSync(node)
      if (node !== primary && node.state.level === false) return `node ${node.spec.id} catches up with its primary`
    }
    if (input.spec.kind !== 'memcached' && primary === undefined) return `shard ${shard.id} has no primary`
  }
  const asked = nodesOf(input).find((node) => node.state.rebootsDone < node.spec.reboots)
  if (asked !== undefined) return `node ${asked.spec.id} is to be rebooted, and waits until a replica has its data`
  const leaving = Object.keys(input.state.nodes).find((id) => !nodesOf(input).some((node) => node.spec.id === id))
  return leaving === undefined ? null : `node ${leaving} is primary and has no replica to hand over to`
}

const none: ReadonlySet<string> = new Set()

/** Decides about the shards that there are, with the slots that they own; what is wanted beyond that is waited for. */
export const decideGroup = (given: GroupInput): Decision => {
  const spec = withPresentShards(given.spec, given.state)
  const input = spec === given.spec ? given : { ...given, spec }
  for (const stage of stages) {
    const actions = stage(input)
    if (actions.length === 0) continue
    const left = notUnderWay(actions, input.underWay ?? none)
    if (left !== null) return { actions: left, waitingFor: null }
  }
  return { actions: [], waitingFor: waitingFor(input) ?? unmovedSlots(given.spec, given.state) }
}
