import type { Endpoint } from '../model/group.ts'
import type { NodeCertificate } from './certificates.ts'

export interface Discovery {
  readonly version: number
  /** Sorted by host. */
  readonly nodes: readonly Endpoint[]
  /** Clients and nodes speak TLS: the certificate of the endpoint, and those by which nodes are known. Left out: neither does. */
  readonly tls?: NodeCertificate
  /** Nodes ask clients to log in: what the list says is for those alone whom a node has let in. */
  readonly authenticates?: boolean
}

/** A port at which connections with and without TLS are served, each by a port of the engine that stands behind it. */
export interface Front {
  readonly endpoint: Endpoint
  readonly plain: Endpoint
  readonly tls: Endpoint
}

/**
 * Endpoints that no engine binds itself. They outlive Larder: kernel rules, or a process of their own.
 * All calls may be repeated; the last call for an endpoint wins.
 */
export interface Balancer {
  /** New connections to `endpoint` go to the backends in turn. An empty list: connections are refused. */
  setReader(endpoint: Endpoint, backends: readonly Endpoint[]): Promise<void>
  /** `endpoint` answers `config get cluster` and passes everything else on to the first node. */
  setDiscovery(endpoint: Endpoint, discovery: Discovery): Promise<void>
  /** These and no others are the fronts of this group. One whose address is taken comes as soon as that is free: `list` tells. */
  setFronts(group: string, fronts: readonly Front[]): Promise<void>
  remove(endpoint: Endpoint): Promise<void>
  /** What is in force now, as `address:port`. */
  list(): Promise<readonly string[]>
  /** Ends all of it: no rule and no process is left. */
  clear(): Promise<void>
}
