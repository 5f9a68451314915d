/**
 * Encryption in transit of Valkey and Redis OSS. `required`: the port of the group speaks TLS alone. `preferred`: it serves both kinds of
 * connections, as on AWS, so that clients can be moved from one to the other.
 */
export type TransitMode = 'preferred' | 'required'

/**
 * An engine speaks one thing on one port. While both are served it listens on two ports beside the group's own, and each connection to that one is passed
 * on to the one or the other by its first byte (`host/endpointd/front.ts`).
 */
export const innerPorts = (port: number): { readonly plain: number; readonly tls: number } =>
  port + 2 <= 65_535 ? { plain: port + 1, tls: port + 2 } : { plain: port - 1, tls: port - 2 }

/** How a running engine serves clients, as it was told last. */
export interface TransitState {
  /** `unknown`: it was started by a Larder that ended before it could write that down. */
  readonly mode: TransitMode | 'none' | 'unknown'
  /** Connections that it accepted at the group's port itself may be without TLS. */
  readonly plain: boolean
}
