/** Makes running engines take the roles that the targets say. */
import { hasElection } from '../model/cluster.ts'
import type { ShardSpec, SlotRange } from '../model/group.ts'
import { slotCount, slotsWithout } from '../model/slots.ts'
import type { Action } from './actions.ts'
import {
  allFactsOf,
  factsOf,
  type GroupInput,
  isInSync,
  isServing,
  leavingFacts,
  type NodeFacts,
  roleOf,
  takesWrites,
} from './input.ts'
import { livesAsPrimary, unfenced } from './primary.ts'

export interface Topology {
  readonly actions: readonly Action[]
  readonly waitingFor: string | null
}

const settled: Topology = { actions: [], waitingFor: null }

/**
 * What has to be done before the target may be promoted: one that still lives as a primary hands over to it, when it has everything; one that
 * may live as a primary and does not answer is waited for, or ended (`decideFences`). Null: nothing stands in the way.
 */
const makeWay = (input: GroupInput, shard: ShardSpec, heir: NodeFacts): readonly Action[] | null => {
  const [rival] = unfenced(input, shard)
  if (rival === undefined) return null
  if (!livesAsPrimary(rival) || !isServing(rival)) return []
  if (isInSync(heir, rival.state.address)) return [{ do: 'hand-over', from: rival.spec.id, to: heir.spec.id }]
  const follows = heir.seen.engine?.replication?.primary?.address
  if (input.spec.kind === 'cme' || follows === rival.state.address) return [] // it copies what it misses
  return [{ do: 'follow', node: heir.spec.id, primary: rival.spec.id }]
}

/** A new primary binds the group's address at once, where nobody else holds it. */
const addressesOf = (input: GroupInput, primary: NodeFacts): readonly string[] | null => {
  const floating = input.state.primaryEndpoint?.address
  if (input.spec.kind !== 'cmd' || floating === undefined) return null
  const taken = Object.values(input.observed.nodes).some(
    (node) =>
      node.id !== primary.spec.id &&
      node.process !== 'absent' &&
      node.starting !== true &&
      (node.engine?.bound.includes(floating) ?? true),
  )
  return taken ? null : [primary.state.address, floating]
}

const decideReplication = (input: GroupInput, shard: ShardSpec): Topology => {
  const nodes = allFactsOf(input, shard)
  const target = input.state.shards[shard.id]
  const primary = nodes.find((node) => node.spec.id === target?.primary)
  if (primary === undefined || target === undefined || !isServing(primary)) return settled
  if (roleOf(primary) !== 'primary') {
    const way = makeWay(input, shard, primary)
    if (way !== null) return { actions: way, waitingFor: null }
    const { epoch } = target
    const addresses = addressesOf(input, primary)
    return {
      actions: [{ do: 'promote', node: primary.spec.id, shard: shard.id, epoch, addresses, byVote: false, owner: null }],
      waitingFor: null,
    }
  }
  const strays = nodes.filter((node) => {
    if (node === primary || !isServing(node)) return false
    const replication = node.seen.engine?.replication
    return replication?.role === 'primary' || replication?.primary?.address !== primary.state.address
  })
  return { actions: strays.map((node) => ({ do: 'follow', node: node.spec.id, primary: primary.spec.id })), waitingFor: null }
}

const knows = (node: NodeFacts, other: NodeFacts): boolean =>
  node.seen.engine?.cluster?.nodes.some(
    (entry) => entry.id === other.state.clusterNodeId && !entry.flags.includes('handshake'),
  ) ?? false

/** It has heard that the slots are there now, where the shard owns any. */
const knowsAsPrimary = (node: NodeFacts, primary: NodeFacts, owned: readonly SlotRange[]): boolean =>
  node.seen.engine?.cluster?.nodes.some(
    (entry) =>
      entry.id === primary.state.clusterNodeId && entry.primaryId === null && (entry.slots.length > 0 || owned.length === 0),
  ) ?? false

/** Cluster mode: nodes that were added later are made known to every other one, also to a primary that is leaving: its data is copied from it. */
export const decideMeetings = (input: GroupInput): Topology => {
  if (input.spec.kind !== 'cme') return settled
  const serving = input.spec.shards
    .flatMap((shard) => [...factsOf(input, shard), ...leavingFacts(input, shard).filter(takesWrites)])
    .filter(isServing)
  const actions = serving.flatMap((node): readonly Action[] => {
    const others = serving.filter((other) => other !== node && !knows(other, node)).map((other) => other.spec.id)
    return others.length === 0 ? [] : [{ do: 'meet', node: node.spec.id, others }]
  })
  return { actions, waitingFor: null }
}

/**
 * Cluster mode: ids that are no node of the group (nodes that were removed, stand-ins of a new cluster) are forgotten everywhere. Not
 * while somebody sees one with slots: the takeover that moves them has to be known first.
 */
export const decideForgetting = (input: GroupInput): readonly Action[] => {
  if (input.spec.kind !== 'cme') return []
  const known = new Set(Object.values(input.state.nodes).map((node) => node.clusterNodeId))
  const views = Object.values(input.observed.nodes).flatMap((node) =>
    node.engine?.cluster == null ? [] : [{ node, cluster: node.engine.cluster }],
  )
  const strangers = views.map(({ node, cluster }) => ({
    node: node.id,
    entries: cluster.nodes.filter((entry) => !known.has(entry.id) && !entry.flags.includes('handshake')),
  }))
  if (strangers.some(({ entries }) => entries.some((entry) => entry.slots.length > 0))) return []
  return strangers
    .filter(({ entries }) => entries.length > 0)
    .map(({ node, entries }) => ({ do: 'forget', node, ids: entries.map((entry) => entry.id) }))
}

const ownEntry = (node: NodeFacts) => node.seen.engine?.cluster?.nodes.find((entry) => entry.id === node.state.clusterNodeId)

/** Only primaries that own slots vote. Whoever runs and does not answer may be one; where too few are left nobody can be elected. */
const canElect = (input: GroupInput): boolean => {
  const mayVote = (node: NodeFacts): boolean => node.seen.process !== 'absent' && (node.seen.engine === null || takesWrites(node))
  const shards = input.spec.shards.filter((shard) => shard.slots.length > 0)
  return shards.filter((shard) => allFactsOf(input, shard).some(mayVote)).length * 2 > shards.length
}

/** Do the engines themselves hold the primary that `heir` follows for dead? Then they may be about to elect somebody. */
const isElecting = (input: GroupInput, heir: NodeFacts): boolean => {
  if (!hasElection(input.spec) || !canElect(input)) return false
  const lost = ownEntry(heir)?.primaryId
  return heir.seen.engine?.cluster?.nodes.some((entry) => entry.id === lost && entry.flags.includes('fail')) ?? false
}

/**
 * A takeover moves the slots of whom the heir follows. It may have been told to follow somebody who died before the heir heard that the slots
 * had moved there: then they are still with the one before.
 */
const ownerOf = (heir: NodeFacts, shard: ShardSpec): string | null => {
  const first = shard.slots[0]?.[0]
  const owner = heir.seen.engine?.cluster?.nodes.find((entry) =>
    entry.slots.some(([low, high]) => first !== undefined && first >= low && first <= high),
  )
  return owner === undefined || owner.id === ownEntry(heir)?.primaryId ? null : owner.id
}

/** Some node of the group says that it has one of them: an engine that claims slots takes them from their owner, keys or no keys. */
const isClaimed = (input: GroupInput, ranges: readonly SlotRange[]): boolean =>
  input.spec.shards
    .flatMap((shard) => allFactsOf(input, shard))
    .some((node) => isServing(node) && slotCount(slotsWithout(ranges, ownEntry(node)?.slots ?? [])) < slotCount(ranges))

const decideCluster = (input: GroupInput, shard: ShardSpec): Topology => {
  const nodes = allFactsOf(input, shard)
  const target = input.state.shards[shard.id]
  const primary = nodes.find((node) => node.spec.id === target?.primary)
  if (primary === undefined || target === undefined || !isServing(primary)) return settled
  const primaryView = ownEntry(primary)
  if (primaryView === undefined) return { actions: [], waitingFor: `${primary.spec.id} does not know itself yet` }
  if (primaryView.primaryId !== null) {
    const way = makeWay(input, shard, primary)
    if (way !== null) return { actions: way, waitingFor: null }
    const byVote = isElecting(input, primary)
    const { epoch } = target
    return {
      actions: [
        { do: 'promote', node: primary.spec.id, shard: shard.id, epoch, addresses: null, byVote, owner: ownerOf(primary, shard) },
      ],
      waitingFor: null,
    }
  }
  if (primaryView.slots.length === 0 && shard.slots.length > 0 && !isClaimed(input, shard.slots))
    return { actions: [{ do: 'slots', node: primary.spec.id, ranges: shard.slots }], waitingFor: null }
  const follow = nodes.filter((node) => {
    if (node === primary || !isServing(node) || !knowsAsPrimary(node, primary, shard.slots)) return false
    const view = ownEntry(node)
    // A primary of before that still believes to own its slots gives them up by itself when it hears of the newer epoch.
    return view !== undefined && view.slots.length === 0 && view.primaryId !== primary.state.clusterNodeId
  })
  return { actions: follow.map((node) => ({ do: 'follow', node: node.spec.id, primary: primary.spec.id })), waitingFor: null }
}

export const decideTopology = (input: GroupInput, shard: ShardSpec): Topology => {
  if (input.spec.kind === 'cmd' || input.spec.kind === 'single') return decideReplication(input, shard)
  return input.spec.kind === 'cme' ? decideCluster(input, shard) : settled
}
