import { placesOf } from '../../decide/certificates.ts'
import type { CertificateState, Endpoint, GroupSpec, GroupState, NodeState } from '../../model/group.ts'
import type { NodeCertificate } from '../../ports/certificates.ts'
import type { GroupContext } from './context.ts'

interface Issued {
  readonly tls: NodeCertificate
  readonly state: CertificateState
}

const issue = (context: GroupContext, spec: GroupSpec, name: string, places: readonly string[], fixed = false): Issued => {
  const tls = context.certificates.issue(name, places, fixed)
  const { issuedAt, endsAt } = tls
  const state = { issuedAt, endsAt, places, round: spec.certificateRound ?? 0 }
  return { tls, state: fixed ? { ...state, fixed } : state }
}

/** A certificate for every address of a node, and what is kept of it. `fixed`: while it runs it cannot get another one. */
export const issueCertificate = (
  context: GroupContext,
  spec: GroupSpec,
  state: GroupState,
  node: NodeState,
  fixed = false,
): Issued => issue(context, spec, node.id, placesOf(spec, state, node), fixed)

/** For the configuration endpoint of Memcached. Null: its clients speak no TLS. */
export const issueEndpointCertificate = (context: GroupContext, spec: GroupSpec, { address }: Endpoint): Issued | null =>
  spec.transitEncryption === undefined ? null : issue(context, spec, spec.id, [address])
