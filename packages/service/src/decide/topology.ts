/** Makes running engines take the roles that the targets say. */
import type { NodeState, ShardSpec } from '../model/group.ts'
import type { Action } from './actions.ts'
import { factsOf, type GroupInput, isInSync, isServing, type NodeFacts } from './input.ts'

export interface Topology {
  readonly actions: readonly Action[]
  readonly waitingFor: string | null
}

const settled: Topology = { actions: [], waitingFor: null }

/** Another node of the shard that lives as a primary, also one that is being removed. */
const livingPrimary = (input: GroupInput, shard: ShardSpec, except: string): NodeState | undefined =>
  Object.values(input.state.nodes).find((node) => {
    const seen = input.observed.nodes[node.id]
    return (
      node.shard === shard.id && node.id !== except && seen?.process === 'running' && seen.engine?.replication?.role === 'primary'
    )
  })

const decideReplication = (input: GroupInput, shard: ShardSpec): Topology => {
  const nodes = factsOf(input, shard)
  const target = input.state.shards[shard.id]
  const primary = nodes.find((node) => node.spec.id === target?.primary)
  if (primary === undefined || target === undefined || !isServing(primary)) return settled
  if (primary.seen.engine?.replication?.role !== 'primary') {
    // Never two primaries: one that still lives hands over inside the engine, which waits for the last write.
    const living = livingPrimary(input, shard, primary.spec.id)
    if (living !== undefined) {
      const action: Action = isInSync(primary, living.address)
        ? { do: 'hand-over', from: living.id, to: primary.spec.id }
        : { do: 'follow', node: living.id, primary: primary.spec.id }
      return { actions: [action], waitingFor: null }
    }
    return { actions: [{ do: 'promote', node: primary.spec.id, shard: shard.id, epoch: target.epoch }], waitingFor: null }
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

/** Cluster mode: nodes that were added later are made known to every other one. */
export const decideMeetings = (input: GroupInput): Topology => {
  if (input.spec.kind !== 'cme') return settled
  const serving = input.spec.shards.flatMap((shard) => factsOf(input, shard)).filter(isServing)
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

const decideCluster = (input: GroupInput, shard: ShardSpec): Topology => {
  const nodes = factsOf(input, shard)
  const target = input.state.shards[shard.id]
  const primary = nodes.find((node) => node.spec.id === target?.primary)
  if (primary === undefined || target === undefined || !isServing(primary)) return settled
  const own = (node: NodeFacts) => node.seen.engine?.cluster?.nodes.find((entry) => entry.id === node.state.clusterNodeId)
  const primaryView = own(primary)
  if (primaryView === undefined) return { actions: [], waitingFor: `${primary.spec.id} does not know itself yet` }
  if (primaryView.primaryId !== null) {
    const living = livingPrimary(input, shard, primary.spec.id)
    if (living !== undefined) return { actions: [{ do: 'hand-over', from: living.id, to: primary.spec.id }], waitingFor: null }
    return { actions: [{ do: 'promote', node: primary.spec.id, shard: shard.id, epoch: target.epoch }], waitingFor: null }
  }
  const follow = nodes.filter((node) => {
    if (node === primary || !isServing(node) || !knows(node, primary)) return false
    const view = own(node)
    // A primary of before that still believes to own its slots gives them up by itself when it hears of the newer epoch.
    return view !== undefined && view.slots.length === 0 && view.primaryId !== primary.state.clusterNodeId
  })
  return { actions: follow.map((node) => ({ do: 'follow', node: node.spec.id, primary: primary.spec.id })), waitingFor: null }
}

export const decideTopology = (input: GroupInput, shard: ShardSpec): Topology => {
  if (input.spec.kind === 'cmd' || input.spec.kind === 'single') return decideReplication(input, shard)
  return input.spec.kind === 'cme' ? decideCluster(input, shard) : settled
}
