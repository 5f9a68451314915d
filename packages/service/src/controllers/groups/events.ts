/** Which events users see for what a controller has done; the words are in model/events. */
import { clusterEvents, type Happening, replicationGroupEvents } from '../../model/events.ts'
import type { GroupSpec, GroupState, NodeSpec, NodeState } from '../../model/group.ts'
import { eventOperations } from '../../ports/events.ts'
import type { Operation } from '../../ports/store.ts'
import type { GroupContext } from './context.ts'

export interface GroupEvents {
  settled(spec: GroupSpec, before: GroupState, after: GroupState): readonly Operation[]
  failover(spec: GroupSpec, from: string, to: string): readonly Operation[]
  recovering(spec: GroupSpec, nodes: readonly string[]): readonly Operation[]
  damaged(spec: GroupSpec, node: string, files: readonly string[]): readonly Operation[]
  mended(spec: GroupSpec, node: string): readonly Operation[]
  setAside(spec: GroupSpec, node: string, files: readonly string[], place: string): readonly Operation[]
  nodeRemoved(spec: GroupSpec, node: string): readonly Operation[]
  groupDeleted(spec: GroupSpec): readonly Operation[]
}

const specNodes = (spec: GroupSpec): readonly NodeSpec[] => spec.shards.flatMap((shard) => shard.nodes)
const clusterIdsOf = (spec: GroupSpec): readonly string[] => [...new Set(specNodes(spec).map((node) => node.clusterId))]

const createdEvents = (spec: GroupSpec): readonly Happening[] => [
  ...clusterIdsOf(spec).map((id) => clusterEvents(spec.region, id).created()),
  ...specNodes(spec).map((node) => clusterEvents(spec.region, node.clusterId).nodeAdded(node.cacheNodeId, node.zone)),
  ...(spec.space === 'rg' ? [replicationGroupEvents(spec.region, spec.id).created()] : []),
]

/** What became of one node between two settled states. */
const nodeEvents = (spec: GroupSpec, node: NodeSpec, before: NodeState | undefined): readonly Happening[] => {
  const events = clusterEvents(spec.region, node.clusterId)
  switch (before?.status) {
    case undefined:
    case 'creating':
      return [...(spec.kind === 'memcached' ? [] : [events.created()]), events.nodeAdded(node.cacheNodeId, node.zone)]
    case 'rebooting cluster nodes':
      return [events.nodeRestarted(node.cacheNodeId)]
    case 'modifying':
      return [events.recovered([node.cacheNodeId])]
    default:
      return []
  }
}

export const createGroupEvents = (context: GroupContext): GroupEvents => {
  const operations = (happenings: readonly Happening[]): readonly Operation[] =>
    eventOperations(happenings, context.clock.now(), context.unique())
  const nodeOf = (spec: GroupSpec, id: string): { readonly clusterId: string; readonly cacheNodeId: string } => {
    const node = specNodes(spec).find((candidate) => candidate.id === id)
    if (node !== undefined) return node
    const [clusterId = id, cacheNodeId = '0001'] = id.split('.')
    return { clusterId, cacheNodeId }
  }
  return {
    settled(spec, before, _after) {
      if (before.generation === 0) return operations(createdEvents(spec))
      return operations(specNodes(spec).flatMap((node) => nodeEvents(spec, node, before.nodes[node.id])))
    },
    failover(spec, from, to) {
      return operations([
        clusterEvents(spec.region, from).failoverCompleted(from, to),
        ...(spec.space === 'rg' ? [replicationGroupEvents(spec.region, spec.id).failoverCompleted(from, to)] : []),
      ])
    },
    recovering(spec, nodes) {
      return operations(
        nodes.map((id) => {
          const node = nodeOf(spec, id)
          return clusterEvents(spec.region, node.clusterId).recovering([node.cacheNodeId])
        }),
      )
    },
    damaged(spec, id, files) {
      const node = nodeOf(spec, id)
      return operations([clusterEvents(spec.region, node.clusterId).damaged(node.cacheNodeId, files)])
    },
    mended(spec, id) {
      const node = nodeOf(spec, id)
      return operations([clusterEvents(spec.region, node.clusterId).mended(node.cacheNodeId)])
    },
    setAside(spec, id, files, place) {
      const node = nodeOf(spec, id)
      return operations([clusterEvents(spec.region, node.clusterId).setAside(node.cacheNodeId, files, place)])
    },
    nodeRemoved(spec, id) {
      const node = nodeOf(spec, id)
      const events = clusterEvents(spec.region, node.clusterId)
      return operations([spec.kind === 'memcached' ? events.nodesRemoved([node.cacheNodeId]) : events.deleted()])
    },
    groupDeleted(spec) {
      return operations([
        ...clusterIdsOf(spec).map((id) => clusterEvents(spec.region, id).deleted()),
        ...(spec.space === 'rg' ? [replicationGroupEvents(spec.region, spec.id).deleted()] : []),
      ])
    },
  }
}
