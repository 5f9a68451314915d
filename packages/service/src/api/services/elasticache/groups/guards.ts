import { Fault } from '../../../../errors.ts'
import { membersOf } from '../../../../model/members.ts'
import { clusterStatus, groupStatus, isDeletable } from '../../../../model/status.ts'
import { recordsOf, type StoredCluster, type StoredGroup } from './find.ts'

/** Throws `InvalidReplicationGroupStateFault` unless nothing is under way. */
export const requireAvailableGroup = (group: StoredGroup): void => {
  const { spec, state } = recordsOf(group)
  const status = groupStatus(spec, state)
  if (status === 'available') return
  throw new Fault(
    'InvalidReplicationGroupStateFault',
    `Replication group ${spec.id} is not in the available state; its status is ${status}.`,
  )
}

const statusOf = (cluster: StoredCluster): string => {
  const records = recordsOf(cluster)
  const members = membersOf(records).filter((member) => member.clusterId === cluster.clusterId)
  return clusterStatus(
    records.spec,
    records.state,
    members.map((member) => member.status),
  )
}

/** Throws `InvalidCacheClusterStateFault` unless nothing is under way with this cluster, nor with the group that it belongs to. */
export const requireAvailableCluster = (cluster: StoredCluster): void => {
  const { spec, state } = recordsOf(cluster)
  const statuses = [statusOf(cluster), groupStatus(spec, state)]
  const busy = statuses.find((status) => status !== 'available')
  if (busy === undefined) return
  throw new Fault(
    'InvalidCacheClusterStateFault',
    `Cache cluster ${cluster.clusterId} is not in the available state; its status is ${busy}.`,
  )
}

/** Throws `InvalidReplicationGroupStateFault`. */
export const requireDeletableGroup = (group: StoredGroup): void => {
  const { spec, state } = recordsOf(group)
  if (isDeletable(spec, state)) return
  throw new Fault(
    'InvalidReplicationGroupStateFault',
    `Replication group ${spec.id} has status ${groupStatus(spec, state)} which is not valid for deletion.`,
  )
}

/** Of a cluster that is no member of a replication group. Throws `InvalidCacheClusterStateFault`. */
export const requireDeletableCluster = (cluster: StoredCluster): void => {
  const { spec, state } = recordsOf(cluster)
  if (isDeletable(spec, state)) return
  throw new Fault(
    'InvalidCacheClusterStateFault',
    `Cache cluster ${cluster.clusterId} has status ${statusOf(cluster)} which is not valid for deletion.`,
  )
}
