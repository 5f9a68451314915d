/** How clients and Larder speak to a node of Memcached: it has two protocols, and a login for each. */
import type { GroupSpec, NodeState } from './group.ts'

/** The text protocol, with which clients log in by a `set`, or the binary one, with which they do by SASL. */
export type MemcachedProtocol = 'ascii' | 'binary'

/** `auto` serves both while nobody has to log in; an engine that asks for a token speaks one of them, and that is then the text protocol. */
export const protocolOf = (parameters: Readonly<Record<string, string>>): MemcachedProtocol =>
  parameters['binding_protocol'] === 'binary' ? 'binary' : 'ascii'

/** The list of nodes in a node's folder, for the library by which it answers discovery. */
export const discoveryFile = 'discovery'

/** What the tokens of a cluster are sealed for. */
export const tokenPurpose = ({ region, id }: Pick<GroupSpec, 'region' | 'id'>): string => `token of memcached ${region}/${id}`

/** What a control connection to a running node has to know. It has no control socket: Larder comes in like a client. */
export interface Reach {
  readonly protocol: MemcachedProtocol
  /** It asks for a user and a token. */
  readonly authenticates: boolean
  /** It speaks TLS, and its certificate is by one of these (PEM). Left out: it does not. */
  readonly authority?: string
}

/** Null for the other engines. */
export const reachOf = (
  spec: Pick<GroupSpec, 'kind' | 'auth' | 'transitEncryption'>,
  node: Pick<NodeState, 'parameters'>,
  authority: () => string,
): Reach | null =>
  spec.kind !== 'memcached'
    ? null
    : {
        protocol: protocolOf(node.parameters),
        authenticates: spec.auth !== undefined,
        ...(spec.transitEncryption === undefined ? {} : { authority: authority() }),
      }
