/** Groups at rest, for tests of decisions: every node runs, the first of each shard is primary, the others follow it. */

import type { GroupInput } from '../decide/input.ts'
import type { ObservedNode } from '../decide/observed.ts'
import type { GroupKind, GroupSpec, GroupState, NodeState } from '../model/group.ts'
import type { EngineStatus } from '../ports/engine.ts'
import { groupSpec } from './fixtures.ts'

const addressOf = (index: number): string => `127.65.0.${index + 1}`

const nodeState = (spec: GroupSpec, shard: string, id: string, index: number): NodeState => ({
  id,
  shard,
  address: addressOf(index),
  port: spec.port,
  status: 'available',
  process: { pid: 100 + index, startTime: '1', bootId: 'b' },
  starting: false,
  engine: spec.engine,
  engineVersion: spec.engineVersion,
  nodeType: spec.nodeType,
  parameters: {},
  parameterStatus: 'in-sync',
  rebootsDone: 0,
  clusterNodeId: spec.kind === 'cme' ? `c${index}` : null,
  joined: true,
})

const engineOf = (index: number, primary: string | null, bound: readonly string[], offset: number): EngineStatus => ({
  pid: 100 + index,
  version: '9.1.2',
  loading: false,
  usedMemoryBytes: 1,
  maxMemoryBytes: 1,
  clients: 1,
  bound,
  ioThreads: 1,
  persistenceFails: false,
  replication: {
    role: primary === null ? 'primary' : 'replica',
    primary: primary === null ? null : { address: primary, port: 6379 },
    linkUp: primary !== null,
    offset,
    replicationId: 'r',
    connectedReplicas: 0,
  },
  cluster: null,
})

export const primaryEndpoint = '127.64.0.1'
export const configurationEndpoint = '127.64.0.3'

/** What every node of a cluster knows: the first of each shard has its slots. */
const clusterOf = (spec: GroupSpec, nodes: readonly NodeState[], index: number): NonNullable<EngineStatus['cluster']> => ({
  myId: nodes[index]?.clusterNodeId ?? '',
  state: 'ok',
  currentEpoch: 1,
  nodes: nodes.map((node) => {
    const primary = nodes.find((other) => other.shard === node.shard)
    return {
      id: node.clusterNodeId ?? '',
      address: node.address,
      port: node.port,
      flags: [node === primary ? 'master' : 'slave'],
      primaryId: node === primary ? null : (primary?.clusterNodeId ?? null),
      linkUp: true,
      slots: node === primary ? (spec.shards.find((shard) => shard.id === node.shard)?.slots ?? []) : [],
      configEpoch: 1,
    }
  }),
})

/**
 * A group at rest; only in cluster mode of more than one shard. Nodes are `demo-001`, `demo-002`, … (`demo-0001-001`, … in cluster mode) at
 * 127.65.0.1, 127.65.0.2, …; their offset is 100.
 */
export const groupAtRest = (kind: GroupKind, nodes: number, shards = 1): GroupInput => {
  const spec = groupSpec('demo', kind, shards, nodes)
  const entries = spec.shards.flatMap((shard) => shard.nodes.map((node) => ({ shard: shard.id, id: node.id })))
  const states = entries.map(({ shard, id }, index) => nodeState(spec, shard, id, index))
  const firstOf = (shard: string): NodeState | undefined => states.find((node) => node.shard === shard)
  const state: GroupState = {
    region: spec.region,
    space: spec.space,
    id: spec.id,
    status: 'available',
    reason: null,
    generation: spec.generation,
    shards:
      kind === 'memcached'
        ? {}
        : Object.fromEntries(
            spec.shards.map(({ id, slots }) => [
              id,
              { primary: firstOf(id)?.id ?? null, epoch: 1, ...(kind === 'cme' ? { slots } : {}) },
            ]),
          ),
    nodes: Object.fromEntries(states.map((node) => [node.id, node])),
    primaryEndpoint: kind === 'cmd' ? { address: primaryEndpoint, port: 6379 } : null,
    readerEndpoint: kind === 'cmd' ? { address: '127.64.0.2', port: 6379 } : null,
    configurationEndpoint: kind === 'memcached' || kind === 'cme' ? { address: configurationEndpoint, port: spec.port } : null,
    discoveryVersion: kind === 'memcached' ? 1 : 0,
    discoveryNodes: kind === 'memcached' ? states.map((node) => `${node.address}:${node.port}`) : [],
  }
  const observed = states.map((node, index): ObservedNode => {
    const primary = firstOf(node.shard)
    const isPrimary = node === primary
    const floating = kind === 'cmd' ? [primaryEndpoint] : kind === 'cme' ? [configurationEndpoint] : []
    const bound = [node.address, ...(index === 0 ? floating : [])]
    const status = engineOf(index, isPrimary ? null : (primary?.address ?? null), bound, 100)
    const engine = kind === 'cme' ? { ...status, cluster: clusterOf(spec, states, index) } : status
    return {
      id: node.id,
      process: 'running',
      hung: false,
      killed: false,
      engine: kind === 'memcached' ? { ...engine, replication: null } : engine,
      persisted: null,
    }
  })
  const replicas = states.slice(1).map((node) => `${node.address}:${node.port}`)
  return {
    spec,
    state,
    observed: {
      nodes: Object.fromEntries(observed.map((node) => [node.id, node])),
      readers: kind !== 'cmd' ? null : replicas.length > 0 ? replicas : [`${addressOf(0)}:6379`],
      fronts: '',
      discovery: kind === 'memcached' ? 1 : null,
      published: kind === 'memcached' ? Object.fromEntries(states.map((node) => [node.id, 1])) : {},
    },
    wanted: { parameters: {}, maxMemoryBytes: 1, requiresReboot: new Set(), ioThreads: 1 },
    now: 0,
    zonesDown: new Set(),
  }
}

/** The same world with one node seen otherwise. */
export const seeing = (input: GroupInput, id: string, change: Partial<ObservedNode>): GroupInput => {
  const node = input.observed.nodes[id]
  if (node === undefined) throw new TypeError(`expected a node of the group, found ${id}`)
  return { ...input, observed: { ...input.observed, nodes: { ...input.observed.nodes, [id]: { ...node, ...change } } } }
}

export const gone = {
  process: 'absent',
  hung: false,
  killed: false,
  engine: null,
  persisted: { kind: 'none', offset: null, modifiedAt: 0 },
} as const satisfies Partial<ObservedNode>

/** The same world with one replica at another offset. */
export const atOffset = (input: GroupInput, id: string, offset: number): GroupInput => {
  const engine = input.observed.nodes[id]?.engine ?? null
  if (engine?.replication == null) throw new TypeError(`expected a replicating node, found ${id}`)
  return seeing(input, id, { engine: { ...engine, replication: { ...engine.replication, offset } } })
}
