/** Decisions without one of the rules: the simulator must notice. */
import type { Action, Decision } from '../../decide/actions.ts'
import { decideGroup } from '../../decide/group.ts'
import type { GroupInput } from '../../decide/input.ts'
import type { ObservedNode } from '../../decide/observed.ts'

const seeing = (input: GroupInput, change: (node: ObservedNode) => ObservedNode): GroupInput => ({
  ...input,
  observed: {
    ...input.observed,
    nodes: Object.fromEntries(Object.entries(input.observed.nodes).map(([id, node]) => [id, change(node)])),
  },
})

const nothing = { kind: 'none', offset: null, modifiedAt: 0 } as const

/** A primary that does not answer counts as gone: nobody looks whether it is, and nobody ends it. */
const withoutFence = (input: GroupInput): Decision => {
  const primaries = new Set(Object.values(input.state.shards).map((shard) => shard.primary))
  return decideGroup(
    seeing(input, (node) =>
      node.process === 'running' && node.engine === null && primaries.has(node.id)
        ? { ...node, process: 'absent', hung: false, killed: false, persisted: nothing }
        : node,
    ),
  )
}

const highest = 1_000_000_000

/** The replica that has least is the best. */
const withoutHighestOffset = (input: GroupInput): Decision =>
  decideGroup(
    seeing(input, (node) => {
      const replication = node.engine?.replication
      if (node.engine == null || replication == null || replication.role !== 'replica' || replication.offset <= 1) return node
      return { ...node, engine: { ...node.engine, replication: { ...replication, offset: highest - replication.offset } } }
    }),
  )

/** Who takes over from a dead primary is promoted first, and written down when it is primary. */
const withoutTargetFirst = (input: GroupInput): Decision => {
  const decision = decideGroup(input)
  const actions = decision.actions.map((action): Action => {
    if (action.do !== 'target' || !action.because.endsWith(' is gone')) return action
    const heir = input.observed.nodes[action.primary]
    if (heir?.engine?.replication?.role !== 'replica') return action
    const { primary, shard, epoch } = action
    return { do: 'promote', node: primary, shard, epoch, addresses: null, byVote: false, owner: null }
  })
  return { ...decision, actions }
}

/** A replica that is leaving is removed, also while its primary is dead. */
const withoutKeptCopies = (input: GroupInput): Decision => {
  const decision = decideGroup(input)
  const wanted = new Set(input.spec.shards.flatMap((shard) => shard.nodes.map((node) => node.id)))
  const primaries = new Set(Object.values(input.state.shards).map((shard) => shard.primary))
  const shards = new Set(input.spec.shards.map((shard) => shard.id))
  const leaving = Object.values(input.state.nodes).flatMap(({ id, shard }) =>
    shards.has(shard) && !wanted.has(id) && !primaries.has(id) ? [id] : [],
  )
  if (leaving.length === 0 || decision.actions.some((action) => action.do === 'remove-node')) return decision
  return { ...decision, actions: leaving.map((node): Action => ({ do: 'remove-node', node })) }
}

/** One that is leaving is never named as a primary, nor waited for. */
const withoutLeavingPrimaries = (input: GroupInput): Decision => {
  const primaries = new Set(Object.values(input.state.shards).map((shard) => shard.primary))
  const wanted = new Set(input.spec.shards.flatMap((shard) => shard.nodes.map((node) => node.id)))
  return decideGroup(
    seeing(input, (node) =>
      !wanted.has(node.id) && primaries.has(node.id) && node.process === 'running' && node.engine !== null
        ? { ...node, engine: { ...node.engine, loading: true } }
        : node,
    ),
  )
}

/** Nobody asks whether a replica has everything, nor what its primary had. */
const withoutDiskFirst = (input: GroupInput): Decision => {
  const nodes = Object.fromEntries(Object.entries(input.state.nodes).map(([id, node]) => [id, { ...node, level: true }]))
  return decideGroup(seeing({ ...input, state: { ...input.state, nodes } }, (node) => ({ ...node, last: null })))
}

/** Files that do not load are tried again and again. */
const withoutDamage = (input: GroupInput): Decision => {
  const nodes = Object.fromEntries(Object.entries(input.state.nodes).map(([id, node]) => [id, { ...node, damage: null }]))
  return decideGroup({ ...input, state: { ...input.state, nodes } })
}

/** A primary without slots claims those that are wanted of it, whoever has them. */
const withoutOwners = (input: GroupInput): Decision => {
  const claims = input.spec.shards.flatMap(({ id, slots }): readonly Action[] => {
    const primary = input.state.nodes[input.state.shards[id]?.primary ?? '']
    const cluster = primary === undefined ? null : input.observed.nodes[primary.id]?.engine?.cluster
    const own = cluster?.nodes.find((entry) => entry.id === primary?.clusterNodeId)
    const isEmpty = own !== undefined && own.primaryId === null && own.slots.length === 0
    return primary === undefined || !isEmpty ? [] : [{ do: 'slots', node: primary.id, ranges: slots }]
  })
  return claims.length === 0 ? decideGroup(input) : { actions: claims, waitingFor: null }
}

/** Nodes of a shard that nobody wants any more are removed at once. */
const withoutForgottenShards = (input: GroupInput): Decision => {
  const wanted = new Set(input.spec.shards.map(({ id }) => id))
  const forgotten = Object.values(input.state.nodes).filter(({ shard }) => !wanted.has(shard))
  if (forgotten.length === 0) return decideGroup(input)
  return { actions: forgotten.map(({ id }): Action => ({ do: 'remove-node', node: id })), waitingFor: null }
}

/** `health`: what the decision should have kept from happening is left out by who carries it out, and the group never becomes whole. */
export const mutations: Readonly<Record<string, { readonly decide: (input: GroupInput) => Decision; readonly breaks: RegExp }>> =
  {
    'the fence': { decide: withoutFence, breaks: /^(fence|two primaries|planned|best replica|empty primary)$/ },
    'the choice of the highest offset': { decide: withoutHighestOffset, breaks: /^(best replica|planned|lost)$/ },
    'the wait for one that is leaving with the data': { decide: withoutKeptCopies, breaks: /^(planned end|health)$/ },
    'the hand-over by one that is leaving': { decide: withoutLeavingPrimaries, breaks: /^health$/ },
    'the disk that comes before a replica that is behind': { decide: withoutDiskFirst, breaks: /^disk first$/ },
    'what was learned of damaged files': { decide: withoutDamage, breaks: /^health$/ },
    'the owner that keeps its slots': { decide: withoutOwners, breaks: /^(slots taken|keys dropped|two owners)$/ },
    'the shard that stays while it owns slots': {
      decide: withoutForgottenShards,
      breaks: /^(removed shard|planned end|lost)$/,
    },
    'the target that is written first': { decide: withoutTargetFirst, breaks: /^(target first|health)$/ },
  }
