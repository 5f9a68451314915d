/** When a node gets another certificate: well before its own ends, when its addresses have changed, or when somebody asks for it. */
import type { GroupSpec, GroupState, NodeState } from '../model/group.ts'
import type { Action } from './actions.ts'
import { factsOf, type GroupInput, isServing } from './input.ts'

/** Every address at which clients or other nodes reach it. Nodes of Memcached are reached at their own alone. */
export const placesOf = (spec: GroupSpec, state: GroupState, node: NodeState): readonly string[] =>
  spec.transitEncryption === undefined || spec.kind === 'memcached'
    ? [node.address]
    : [node, state.primaryEndpoint, state.readerEndpoint, state.configurationEndpoint].flatMap((place) =>
        place === null ? [] : [place.address],
      )

const hourMs = 3_600_000
/** Long before its end: a clock that is a year ahead then finds it good. */
const usualMs = 60 * 24 * hourMs

/**
 * When two thirds of its time are over, and after 60 days at the latest; also when the clock says that it has not been made yet, since its own beginning
 * may then be to come. Never more than one in an hour, however near the end of its authority is.
 */
const isOld = (now: number, { issuedAt, endsAt }: { readonly issuedAt: number; readonly endsAt: number }): boolean => {
  if (now < issuedAt - hourMs) return true
  return now > issuedAt + Math.max(hourMs, Math.min(usualMs, ((endsAt - issuedAt) * 2) / 3))
}

/** The configuration endpoint of Memcached has a certificate of its own. */
export const needsEndpointCertificate = ({ spec, state, now }: GroupInput): boolean => {
  if (spec.kind !== 'memcached' || spec.transitEncryption === undefined) return false
  const { endpointCertificate: present } = state
  return present === undefined || isOld(now, present) || present.round < (spec.certificateRound ?? 0)
}

export const decideCertificates = (input: GroupInput): readonly Action[] => {
  const { spec, state, now } = input
  if (spec.transitEncryption === undefined) return []
  return spec.shards
    .flatMap((shard) => factsOf(input, shard).filter(isServing))
    .filter(({ state: node }) => {
      const { certificate } = node
      if (certificate?.fixed === true) return false
      if (certificate === undefined || isOld(now, certificate) || certificate.round < (spec.certificateRound ?? 0)) return true
      return placesOf(spec, state, node).some((place) => !certificate.places.includes(place))
    })
    .map((node) => ({ do: 'certificate', node: node.spec.id }))
}
