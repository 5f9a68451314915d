/** Who binds the floating address, who stands behind the reader endpoint, and what discovery says. */
import type { Endpoint, ShardSpec } from '../model/group.ts'
import type { Action } from './actions.ts'
import { needsEndpointCertificate } from './certificates.ts'
import {
  allFactsOf,
  factsOf,
  type GroupInput,
  hasData,
  isInSync,
  isRunning,
  isServing,
  type NodeFacts,
  roleOf,
  strayFacts,
} from './input.ts'

const endpointOf = (node: NodeFacts): Endpoint => ({ address: node.state.address, port: node.state.port })
export const endpointText = (endpoint: Endpoint): string => `${endpoint.address}:${endpoint.port}`
const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && [...a].sort().every((value, index) => value === [...b].sort()[index])

const allNodes = (input: GroupInput): readonly NodeFacts[] => input.spec.shards.flatMap((shard) => factsOf(input, shard))
/** Also those that are to be removed: one of them may still be the primary, or hold an address. */
const presentNodes = (input: GroupInput): readonly NodeFacts[] => [
  ...input.spec.shards.flatMap((shard) => allFactsOf(input, shard)),
  ...strayFacts(input),
]

const primaryOf = (input: GroupInput, shardId: string): NodeFacts | undefined => {
  const id = input.state.shards[shardId]?.primary
  return presentNodes(input).find((node) => node.spec.id === id)
}

/** It runs and cannot be asked: it may hold an address that nobody else can take then. */
const isSilent = (node: NodeFacts): boolean =>
  node.seen.process !== 'absent' && node.seen.starting !== true && node.seen.engine === null

/**
 * The node that should bind the floating endpoint of the group, and the address; null when there is none to bind. `boldly`: also an address
 * that somebody who is silent may hold.
 */
const floating = (input: GroupInput, boldly: boolean): { readonly address: string; readonly holder: NodeFacts | null } | null => {
  const { spec, state } = input
  if (spec.kind === 'cmd' && state.primaryEndpoint !== null) {
    const shard = spec.shards[0]
    const primary = shard === undefined ? undefined : primaryOf(input, shard.id)
    const holds = primary !== undefined && isServing(primary) && primary.seen.engine?.replication?.role === 'primary'
    return { address: state.primaryEndpoint.address, holder: holds ? primary : null }
  }
  if (spec.kind === 'cme' && state.configurationEndpoint !== null) {
    const { address } = state.configurationEndpoint
    const serving = allNodes(input).filter(isServing)
    const present = serving.find((node) => node.seen.engine?.bound.includes(address))
    if (present !== undefined) return { address, holder: present }
    if (!boldly && presentNodes(input).some(isSilent)) return { address, holder: null }
    return { address, holder: serving.find((node) => node.seen.engine?.replication?.role === 'primary') ?? serving[0] ?? null }
  }
  return null
}

/** Addresses are let go before they are taken: two processes cannot bind the same one. */
const binds = (input: GroupInput, boldly: boolean): readonly Action[] => {
  const float = floating(input, boldly)
  const wanted = (node: NodeFacts): readonly string[] =>
    float !== null && node.spec.id === float.holder?.spec.id ? [node.state.address, float.address] : [node.state.address]
  const bindable = presentNodes(input).filter(
    (node) => isRunning(node) && node.seen.engine !== null && input.spec.kind !== 'memcached',
  )
  const change = (nodes: readonly NodeFacts[]): readonly Action[] =>
    nodes.map((node) => ({ do: 'bind', node: node.spec.id, addresses: wanted(node) }))
  const letGo = bindable.filter((node) => (node.seen.engine?.bound ?? []).some((address) => !wanted(node).includes(address)))
  if (letGo.length > 0) return change(letGo)
  return change(bindable.filter((node) => !wanted(node).every((address) => node.seen.engine?.bound.includes(address))))
}

export const decideBinds = (input: GroupInput): readonly Action[] => binds(input, false)
/** Comes last, since it may fail: a node that is hung holds its addresses until it is ended, which nothing may keep from being done. */
export const decideBoldBinds = (input: GroupInput): readonly Action[] => binds(input, true)

/** An engine whose link to its primary is down answers from what it has, unless its parameters forbid that. */
const servesStale = (node: NodeFacts): boolean =>
  isServing(node) && hasData(node) && node.state.parameters['replica-serve-stale-data'] !== 'no'

/**
 * Who answers reads: replicas in sync; else the primary; else whoever has data, also when its primary is busy or dead; else, while everybody
 * is busy, who stands there already. The list is empty only when nobody runs.
 */
const readable = (input: GroupInput, shard: ShardSpec, primary: NodeFacts): readonly NodeFacts[] => {
  const replicas = factsOf(input, shard).filter((node) => node !== primary && isInSync(node, primary.state.address))
  if (replicas.length > 0) return replicas
  if (isServing(primary) && roleOf(primary) === 'primary') return [primary]
  const stale = allFactsOf(input, shard).filter(servesStale)
  if (stale.length > 0) return stale
  const running = allFactsOf(input, shard).filter(({ seen }) => seen.process !== 'absent' && seen.starting !== true)
  const listed = running.filter((node) => input.observed.readers?.includes(endpointText(endpointOf(node))))
  return listed.length > 0 ? listed : running.filter((node) => node === primary)
}

export const decideReaders = (input: GroupInput): readonly Action[] => {
  const { spec, state, observed } = input
  const shard = spec.shards[0]
  if (spec.kind !== 'cmd' || state.readerEndpoint === null || shard === undefined) return []
  const primary = primaryOf(input, shard.id)
  if (primary === undefined) return []
  const backends = readable(input, shard, primary).map(endpointOf)
  if (observed.readers === null && backends.length === 0) return [] // nothing runs yet
  if (observed.readers !== null && sameSet(observed.readers, backends.map(endpointText))) return []
  return [{ do: 'readers', endpoint: state.readerEndpoint, backends }]
}

/** Memcached: the list is every node that the cluster is to have, living or not, as on AWS. */
export const decideDiscovery = (input: GroupInput): readonly Action[] => {
  const { spec, state, observed } = input
  if (spec.kind !== 'memcached' || state.configurationEndpoint === null) return []
  const nodes = [...allNodes(input)].sort((a, b) => (a.state.address < b.state.address ? -1 : 1)).map(endpointOf)
  const changed = !sameSet(nodes.map(endpointText), state.discoveryNodes)
  if (!changed && observed.discovery === state.discoveryVersion && !needsEndpointCertificate(input)) return []
  const version = changed ? state.discoveryVersion + 1 : state.discoveryVersion
  return [{ do: 'discovery', endpoint: state.configurationEndpoint, version, nodes }]
}

/** Old clients read the list from the nodes themselves. A node that was restarted has forgotten it. */
export const decidePublishing = (input: GroupInput): readonly Action[] => {
  const { spec, state, observed } = input
  if (spec.kind !== 'memcached' || state.discoveryVersion === 0) return []
  return allNodes(input)
    .filter((node) => isServing(node) && observed.published[node.spec.id] !== state.discoveryVersion)
    .map((node) => ({ do: 'publish', node: node.spec.id, version: state.discoveryVersion }))
}
