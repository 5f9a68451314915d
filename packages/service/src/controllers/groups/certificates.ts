import { placesOf } from '../../decide/certificates.ts'
import type { CertificateState, GroupSpec, GroupState, NodeState } from '../../model/group.ts'
import type { NodeCertificate } from '../../ports/certificates.ts'
import type { GroupContext } from './context.ts'

/** A certificate for every address of a node, and what is kept of it. */
export const issueCertificate = (
  context: GroupContext,
  spec: GroupSpec,
  state: GroupState,
  node: NodeState,
): { readonly tls: NodeCertificate; readonly state: CertificateState } => {
  const places = placesOf(spec, state, node)
  const tls = context.certificates.issue(node.id, places)
  const { issuedAt, endsAt } = tls
  return { tls, state: { issuedAt, endsAt, places, round: spec.certificateRound ?? 0 } }
}
