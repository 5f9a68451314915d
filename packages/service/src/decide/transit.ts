/** How a group goes from one mode of encryption in transit to another while its clients work, and what stands in front of it meanwhile. */
import type { GroupSpec } from '../model/group.ts'
import { innerPorts } from '../model/transit.ts'
import type { Front } from '../ports/balancer.ts'
import type { Action } from './actions.ts'
import { allFactsOf, type GroupInput, isServing, type NodeFacts } from './input.ts'

const wantedMode = ({ transitEncryption }: Pick<GroupSpec, 'transitEncryption'>) => transitEncryption ?? 'none'
const modeOf = ({ state }: NodeFacts) => state.transit?.mode ?? 'none'

const hasTransit = ({ spec }: GroupInput): boolean => spec.kind !== 'memcached'
const nodesOf = (input: GroupInput): readonly NodeFacts[] => input.spec.shards.flatMap((shard) => allFactsOf(input, shard))

const frontOf = (address: string, port: number): Front => {
  const { plain, tls } = innerPorts(port)
  return { endpoint: { address, port }, plain: { address, port: plain }, tls: { address, port: tls } }
}

/** At every address of the group: a front that finds an engine at its port waits until that one leaves. */
const wantedFronts = (input: GroupInput): readonly Front[] => {
  const { spec, state } = input
  if (!hasTransit(input) || wantedMode(spec) !== 'preferred') return []
  const floating = spec.kind === 'cme' ? state.configurationEndpoint : state.primaryEndpoint
  return [...nodesOf(input).map((node) => node.state), ...(floating === null ? [] : [floating])].map((place) =>
    frontOf(place.address, place.port),
  )
}

/** The same text for the same fronts. */
export const frontsText = (fronts: readonly Front[]): string =>
  fronts.map(({ endpoint }) => `${endpoint.address}:${endpoint.port}`).join(' ')

/** Fronts are there before engines leave their port, and leave before these come back to it. */
export const decideFronts = (input: GroupInput): readonly Action[] => {
  const fronts = wantedFronts(input)
  const wanted = frontsText(fronts)
  // What an earlier Larder put in force is not known. There is nothing where no engine has left its port.
  const may = nodesOf(input).some((node) => ['preferred', 'unknown'].includes(modeOf(node)))
  const known = input.observed.fronts ?? (may ? null : '')
  return known === wanted ? [] : [{ do: 'fronts', fronts }]
}

/**
 * Primaries first: a replica that speaks TLS from now on must find one that does. Where both kinds are served replicas use plain connections, so that it
 * does not matter who has gone over already.
 */
export const decideTransit = (input: GroupInput): readonly Action[] => {
  if (!hasTransit(input)) return []
  const changing = nodesOf(input).filter((node) => isServing(node) && modeOf(node) !== wantedMode(input.spec))
  const primaries = changing.filter((node) => node.seen.engine?.replication?.role === 'primary')
  return (primaries.length > 0 ? primaries : changing).map((node) => ({ do: 'transit', node: node.spec.id }))
}
