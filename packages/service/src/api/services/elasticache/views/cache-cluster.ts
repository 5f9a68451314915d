import type { CacheCluster, CacheNode, CacheParameterGroupStatus, PendingModifiedValues } from '@aws-sdk/client-elasticache'
import type { GroupSpec } from '../../../../model/group.ts'
import { type GroupRecords, type Member, membersOf } from '../../../../model/members.ts'
import { arn } from '../../../../model/names.ts'
import { cacheNodeStatus, clusterStatus } from '../../../../model/status.ts'
import { logDeliveryView } from './log-delivery.ts'
import { endpointView } from './replication-group.ts'
import { cacheSecurityGroupsView, securityGroupsView } from './security-groups.ts'

/** Where AWS's own console offers its client library with discovery for Memcached; clients look at no part of it. */
const landingPage = 'https://console.aws.amazon.com/elasticache/home#client-download:'

const isChanging = ({ status }: Member): boolean => status === 'creating' || status === 'deleting'

const nodeView = (member: Member): CacheNode => ({
  CacheNodeId: member.cacheNodeId,
  CacheNodeStatus: cacheNodeStatus(member.status),
  // AWS shows neither endpoint nor time of a node that is not there yet, or no longer.
  ...(isChanging(member) || member.wanted === null
    ? {}
    : { CacheNodeCreateTime: new Date(member.wanted.createdAt), Endpoint: endpointView(member.node) }),
  ParameterGroupStatus: member.node?.parameterStatus ?? 'in-sync',
  CustomerAvailabilityZone: member.zone,
})

const parameterGroupView = (spec: GroupSpec, members: readonly Member[]): CacheParameterGroupStatus => {
  const statuses = members.map((member) => member.node?.parameterStatus ?? 'in-sync')
  const toReboot = members.filter((member) => member.node?.parameterStatus === 'pending-reboot')
  const other = statuses.find((status) => status !== 'in-sync')
  return {
    CacheParameterGroupName: spec.parameterGroup,
    ParameterApplyStatus: toReboot.length > 0 ? 'pending-reboot' : (other ?? 'in-sync'),
    CacheNodeIdsToReboot: toReboot.map((member) => member.cacheNodeId),
  }
}

/** Nodes that are added or removed now, or at the next maintenance window. */
const pendingNodes = (spec: GroupSpec, members: readonly Member[]): PendingModifiedValues => {
  const wanted = spec.pending?.memcachedNodes ?? spec.shards[0]?.nodes ?? []
  const present = members.filter((member) => member.status !== 'creating')
  const removed = present.filter((member) => !wanted.some((node) => node.id === member.id)).map((member) => member.cacheNodeId)
  const added = wanted.some((node) => !present.some((member) => member.id === node.id))
  if (!added && removed.length === 0) return {}
  return { NumCacheNodes: wanted.length, ...(removed.length === 0 ? {} : { CacheNodeIdsToRemove: removed }) }
}

const pendingView = (spec: GroupSpec, members: readonly Member[], settled: boolean): PendingModifiedValues => ({
  ...(spec.kind === 'memcached' && settled ? pendingNodes(spec, members) : {}),
  ...(spec.pending?.engineVersion === undefined ? {} : { EngineVersion: spec.pending.engineVersion }),
  ...(spec.pending?.nodeType === undefined ? {} : { CacheNodeType: spec.pending.nodeType }),
})

const zoneView = (members: readonly Member[]): string | undefined => {
  const zones = new Set(members.map((member) => member.zone))
  return zones.size > 1 ? 'Multiple' : [...zones][0]
}

/**
 * One cache cluster: a Memcached cluster, a single node, or a member of a replication group. With `showNodes` its nodes too, but not
 * while it is made or deleted: as on AWS only the cluster itself is shown then.
 */
export const cacheClusterView = (group: GroupRecords, clusterId: string, account: string, showNodes: boolean): CacheCluster => {
  const { spec, state } = group
  const { labels } = spec
  const members = membersOf(group).filter((member) => member.clusterId === clusterId)
  const status = clusterStatus(
    spec,
    state,
    members.map((member) => member.status),
  )
  const settled = status !== 'creating' && status !== 'deleting' && status !== 'incompatible-network'
  const created = Math.min(...members.map((member) => member.wanted?.createdAt ?? spec.createdAt))
  const memcached = spec.kind === 'memcached'
  return {
    CacheClusterId: clusterId,
    ...(memcached && settled ? { ConfigurationEndpoint: endpointView(state?.configurationEndpoint) } : {}),
    ClientDownloadLandingPage: landingPage,
    CacheNodeType: spec.nodeType,
    Engine: spec.engine,
    EngineVersion: spec.engineVersion,
    CacheClusterStatus: status,
    NumCacheNodes: settled ? members.filter((member) => member.status !== 'creating').length : members.length,
    PreferredAvailabilityZone: zoneView(members),
    CacheClusterCreateTime: new Date(members.length === 0 ? spec.createdAt : created),
    PreferredMaintenanceWindow: labels.maintenanceWindow,
    PendingModifiedValues: pendingView(spec, members, settled),
    ...(labels.notificationTopicArn === null
      ? {}
      : { NotificationConfiguration: { TopicArn: labels.notificationTopicArn, TopicStatus: labels.notificationTopicStatus } }),
    CacheSecurityGroups: cacheSecurityGroupsView(group),
    CacheParameterGroup: parameterGroupView(spec, members),
    ...(spec.subnetGroup === null ? {} : { CacheSubnetGroupName: spec.subnetGroup }),
    ...(showNodes && settled ? { CacheNodes: members.map(nodeView) } : {}),
    AutoMinorVersionUpgrade: labels.autoMinorVersionUpgrade,
    SecurityGroups: securityGroupsView(group),
    ...(spec.space === 'rg' ? { ReplicationGroupId: spec.id } : {}),
    ...(memcached
      ? {}
      : {
          SnapshotRetentionLimit: labels.snapshotRetentionLimit,
          ...(labels.snapshotWindow === null ? {} : { SnapshotWindow: labels.snapshotWindow }),
        }),
    AuthTokenEnabled: spec.auth !== undefined,
    ...(spec.auth === undefined ? {} : { AuthTokenLastModifiedDate: new Date(spec.auth.modifiedAt) }),
    TransitEncryptionEnabled: spec.transitEncryption !== undefined,
    ...(spec.transitEncryption === undefined ? {} : { TransitEncryptionMode: spec.transitEncryption }),
    AtRestEncryptionEnabled: labels.atRestEncryption !== undefined,
    ARN: arn(spec.region, account, 'cluster', clusterId),
    ReplicationGroupLogDeliveryEnabled: spec.space === 'rg' && labels.logDelivery !== undefined,
    LogDeliveryConfigurations: spec.space === 'rg' ? [] : logDeliveryView(labels),
    NetworkType: labels.networkType,
    IpDiscovery: labels.ipDiscovery,
  }
}
