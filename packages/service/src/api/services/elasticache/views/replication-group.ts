import type {
  EffectiveDurability,
  Endpoint,
  NodeGroup,
  NodeGroupMember,
  ReplicationGroup,
  StorageEncryptionType,
} from '@aws-sdk/client-elasticache'
import type { GroupLabels, GroupSpec, GroupStatus, Endpoint as ModelEndpoint, ShardSpec } from '../../../../model/group.ts'
import { type GroupRecords, type Member, membersOf, primaryOf } from '../../../../model/members.ts'
import { arn } from '../../../../model/names.ts'
import { shardsOf } from '../../../../model/shards.ts'
import { formatSlots } from '../../../../model/slots.ts'
import { groupStatus } from '../../../../model/status.ts'
import { logDeliveryView } from './log-delivery.ts'

/** An endpoint as the API shows it; undefined while there is none. */
export const endpointView = (endpoint: ModelEndpoint | null | undefined): Endpoint | undefined =>
  endpoint === null || endpoint === undefined ? undefined : { Address: endpoint.address, Port: endpoint.port }

/** Endpoints are shown once they can be used: as on AWS not before the group is there. */
const isServed = (status: GroupStatus): boolean => status !== 'creating' && status !== 'create-failed'

const memberView = (group: GroupRecords, member: Member, served: boolean): NodeGroupMember => {
  const base = {
    CacheClusterId: member.clusterId,
    CacheNodeId: member.cacheNodeId,
    PreferredAvailabilityZone: member.zone,
  }
  // With cluster mode a client asks the nodes themselves where to read and who is primary.
  if (group.spec.kind === 'cme' || !served || member.status === 'creating' || member.status === 'deleting') return base
  return {
    ...base,
    ReadEndpoint: endpointView(member.node),
    CurrentRole: primaryOf(group, member.shard) === member.id ? 'primary' : 'replica',
  }
}

/** `create-failed` is a word for groups alone. */
const nodeGroupStatus = (status: GroupStatus): string => (status === 'create-failed' ? 'creating' : status)

const nodeGroupView = (group: GroupRecords, shard: ShardSpec, members: readonly Member[], status: GroupStatus): NodeGroup => {
  const served = isServed(status)
  const { state, spec } = group
  const endpoints =
    spec.kind === 'cmd' && served
      ? { PrimaryEndpoint: endpointView(state?.primaryEndpoint), ReaderEndpoint: endpointView(state?.readerEndpoint) }
      : {}
  return {
    NodeGroupId: shard.id,
    Status: nodeGroupStatus(status),
    ...endpoints,
    ...(spec.kind === 'cme' ? { Slots: formatSlots(shard.slots) } : {}),
    NodeGroupMembers: members.map((member) => memberView(group, member, served)),
  }
}

const automaticFailover = (spec: GroupSpec, status: GroupStatus): 'enabled' | 'enabling' | 'disabled' => {
  if (!spec.automaticFailover) return 'disabled'
  return status === 'creating' ? 'enabling' : 'enabled'
}

const pendingView = ({ pending }: GroupSpec): ReplicationGroup['PendingModifiedValues'] =>
  pending?.automaticFailover === undefined ? {} : { AutomaticFailoverStatus: pending.automaticFailover ? 'enabled' : 'disabled' }

const storageEncryption = ({ atRestEncryption }: GroupLabels): StorageEncryptionType => {
  if (atRestEncryption === undefined) return 'none'
  return atRestEncryption.kmsKeyId === null ? 'sse-elasticache' : 'sse-kms'
}

/** As on AWS, where `default` is `disabled` with the versions that Larder has. */
const effective = (durability: NonNullable<GroupSpec['durability']>): EffectiveDurability =>
  durability === 'default' ? 'disabled' : durability

/** The replication group as CreateReplicationGroup, DescribeReplicationGroups and the others answer it. */
export const replicationGroupView = (group: GroupRecords, account: string): ReplicationGroup => {
  const { spec, state } = group
  const { labels } = spec
  const status = groupStatus(spec, state)
  const members = membersOf(group)
  return {
    ReplicationGroupId: spec.id,
    Description: labels.description,
    GlobalReplicationGroupInfo: {},
    Status: status,
    PendingModifiedValues: pendingView(spec),
    MemberClusters: members.map((member) => member.clusterId),
    NodeGroups: shardsOf(group).map((shard) =>
      nodeGroupView(
        group,
        shard,
        members.filter((member) => member.shard === shard.id),
        status,
      ),
    ),
    ...(labels.snapshottingCluster === null ? {} : { SnapshottingClusterId: labels.snapshottingCluster }),
    AutomaticFailover: automaticFailover(spec, status),
    MultiAZ: spec.multiAz ? 'enabled' : 'disabled',
    ...(spec.kind === 'cme' && isServed(status) ? { ConfigurationEndpoint: endpointView(state?.configurationEndpoint) } : {}),
    SnapshotRetentionLimit: labels.snapshotRetentionLimit,
    ...(labels.snapshotWindow === null ? {} : { SnapshotWindow: labels.snapshotWindow }),
    ClusterEnabled: spec.kind === 'cme',
    CacheNodeType: spec.nodeType,
    AuthTokenEnabled: spec.auth !== undefined,
    ...(spec.auth === undefined ? {} : { AuthTokenLastModifiedDate: new Date(spec.auth.modifiedAt) }),
    TransitEncryptionEnabled: spec.transitEncryption !== undefined,
    ...(spec.transitEncryption === undefined ? {} : { TransitEncryptionMode: spec.transitEncryption }),
    AtRestEncryptionEnabled: labels.atRestEncryption !== undefined,
    StorageEncryptionType: storageEncryption(labels),
    ...(labels.atRestEncryption?.kmsKeyId ? { KmsKeyId: labels.atRestEncryption.kmsKeyId } : {}),
    ARN: arn(spec.region, account, 'replicationgroup', spec.id),
    UserGroupIds: spec.userGroup === undefined ? [] : [spec.userGroup.id],
    LogDeliveryConfigurations: logDeliveryView(labels),
    ReplicationGroupCreateTime: new Date(spec.createdAt),
    DataTiering: labels.dataTiering === true ? 'enabled' : 'disabled',
    AutoMinorVersionUpgrade: labels.autoMinorVersionUpgrade,
    NetworkType: labels.networkType,
    IpDiscovery: labels.ipDiscovery,
    ClusterMode: spec.clusterMode,
    Engine: spec.engine,
    ...(spec.durability === null ? {} : { Durability: spec.durability, EffectiveDurability: effective(spec.durability) }),
  }
}
