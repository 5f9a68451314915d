import { Fault } from '../../../../errors.ts'

/** Kinds of resources that cannot exist yet, with the fault of each. */
const faults = {
  snapshot: 'SnapshotNotFoundFault',
  'serverless cache': 'ServerlessCacheNotFoundFault',
  'serverless cache snapshot': 'ServerlessCacheSnapshotNotFoundFault',
  'global replication group': 'GlobalReplicationGroupNotFoundFault',
  'reserved cache node': 'ReservedCacheNodeNotFoundFault',
  'reserved cache nodes offering': 'ReservedCacheNodesOfferingNotFoundFault',
  'service update': 'ServiceUpdateNotFoundFault',
} as const

export type AbsentKind = keyof typeof faults

export const absent = (kind: AbsentKind, name: string): Fault =>
  new Fault(faults[kind], `${kind.charAt(0).toUpperCase()}${kind.slice(1)} ${name.slice(0, 100)} not found.`)
