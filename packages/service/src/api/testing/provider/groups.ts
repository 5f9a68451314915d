/** `aws_elasticache_replication_group`: the calls of the provider for it, in its order, and what it reads back. */
import {
  CreateReplicationGroupCommand,
  type CreateReplicationGroupCommandInput,
  DecreaseReplicaCountCommand,
  DeleteReplicationGroupCommand,
  DescribeCacheClustersCommand,
  DescribeReplicationGroupsCommand,
  type ElastiCacheClient,
  IncreaseReplicaCountCommand,
  ListTagsForResourceCommand,
  type LogDeliveryConfigurationRequest,
  ModifyReplicationGroupCommand,
  type ModifyReplicationGroupCommandInput,
  type ReplicationGroup,
} from '@aws-sdk/client-elasticache'
import { readVersion } from './versions.ts'
import { orGone, waitFor, whileFault } from './waiting.ts'

export interface LogConfig {
  readonly log_type: 'slow-log' | 'engine-log'
  readonly destination_type: 'cloudwatch-logs' | 'kinesis-firehose'
  readonly destination: string
  readonly log_format: 'json' | 'text'
}

/** Attributes of the resource, by their names in Terraform. */
export interface GroupConfig {
  readonly engine?: 'redis' | 'valkey'
  readonly engine_version?: string
  readonly node_type: string
  readonly description?: string
  readonly num_cache_clusters?: number
  readonly num_node_groups?: number
  readonly replicas_per_node_group?: number
  readonly automatic_failover_enabled?: boolean
  readonly multi_az_enabled?: boolean
  readonly parameter_group_name?: string
  readonly port?: number
  readonly subnet_group_name?: string
  readonly security_group_ids?: readonly string[]
  readonly preferred_cache_cluster_azs?: readonly string[]
  readonly maintenance_window?: string
  readonly snapshot_window?: string
  readonly snapshot_retention_limit?: number
  readonly snapshot_name?: string
  readonly final_snapshot_identifier?: string
  readonly notification_topic_arn?: string
  readonly at_rest_encryption_enabled?: boolean
  readonly kms_key_id?: string
  readonly transit_encryption_enabled?: boolean
  readonly transit_encryption_mode?: 'preferred' | 'required'
  readonly auth_token?: string
  readonly auth_token_update_strategy?: 'SET' | 'ROTATE' | 'DELETE'
  readonly user_group_ids?: readonly string[]
  readonly log_delivery_configuration?: readonly LogConfig[]
  readonly data_tiering_enabled?: boolean
  readonly auto_minor_version_upgrade?: boolean
  readonly network_type?: 'ipv4' | 'dual_stack' | 'ipv6'
  readonly ip_discovery?: 'ipv4' | 'ipv6'
  readonly cluster_mode?: 'enabled' | 'disabled' | 'compatible'
  readonly global_replication_group_id?: string
  readonly node_group_configuration?: CreateReplicationGroupCommandInput['NodeGroupConfiguration']
  readonly tags?: Readonly<Record<string, string>>
}

/** What the provider takes for a difference where the configuration says nothing: attributes that AWS may not fill in by itself. */
export const groupDefaults = {
  automatic_failover_enabled: false,
  multi_az_enabled: false,
  snapshot_retention_limit: 0,
  user_group_ids: [],
  log_delivery_configuration: [],
  kms_key_id: undefined,
  tags: {},
} as const satisfies { readonly [Name in keyof GroupConfig]?: GroupConfig[Name] | undefined }

export const logRequest = (log: LogConfig): LogDeliveryConfigurationRequest => ({
  LogType: log.log_type,
  DestinationType: log.destination_type,
  DestinationDetails:
    log.destination_type === 'cloudwatch-logs'
      ? { CloudWatchLogsDetails: { LogGroup: log.destination } }
      : { KinesisFirehoseDetails: { DeliveryStream: log.destination } },
  LogFormat: log.log_format,
  Enabled: true,
})

/** Those that are wanted, and a request to turn off each type that is wanted no longer. */
export const logChange = (
  before: readonly LogConfig[] = [],
  after: readonly LogConfig[] = [],
): LogDeliveryConfigurationRequest[] => [
  ...after.map(logRequest),
  ...before
    .filter(({ log_type }) => !after.some((log) => log.log_type === log_type))
    .map(({ log_type }) => ({ LogType: log_type, Enabled: false })),
]

export const readLogs = (logs: ReplicationGroup['LogDeliveryConfigurations'] = []): readonly LogConfig[] =>
  logs.map((log) => ({
    log_type: log.LogType ?? 'slow-log',
    destination_type: log.DestinationType ?? 'cloudwatch-logs',
    destination:
      log.DestinationDetails?.CloudWatchLogsDetails?.LogGroup ??
      log.DestinationDetails?.KinesisFirehoseDetails?.DeliveryStream ??
      '',
    log_format: log.LogFormat ?? 'json',
  }))

export const tagsOf = async (client: ElastiCacheClient, arn: string | undefined): Promise<Readonly<Record<string, string>>> => {
  const { TagList = [] } = await client.send(new ListTagsForResourceCommand({ ResourceName: arn }))
  return Object.fromEntries(TagList.map(({ Key = '', Value = '' }) => [Key, Value]))
}

export const tagList = (tags: Readonly<Record<string, string>> = {}) =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))

const find = async (client: ElastiCacheClient, id: string): Promise<ReplicationGroup | null> => {
  const asked = client.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }))
  return (await orGone(asked, 'ReplicationGroupNotFoundFault'))?.ReplicationGroups?.[0] ?? null
}

const waitAvailable = (client: ElastiCacheClient, id: string): Promise<void> =>
  waitFor(`replication group ${id}`, async () => (await find(client, id))?.Status ?? null, {
    target: 'available',
    pending: ['creating', 'modifying', 'snapshotting'],
  })

export const createGroup = async (client: ElastiCacheClient, id: string, config: GroupConfig): Promise<void> => {
  const ofGlobal = config.global_replication_group_id !== undefined
  await client.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: id,
      ReplicationGroupDescription: config.description ?? 'of a test',
      Tags: tagList(config.tags),
      AtRestEncryptionEnabled: config.at_rest_encryption_enabled,
      AuthToken: config.auth_token,
      AutoMinorVersionUpgrade: config.auto_minor_version_upgrade,
      ClusterMode: config.cluster_mode,
      DataTieringEnabled: config.data_tiering_enabled,
      EngineVersion: config.engine_version,
      GlobalReplicationGroupId: config.global_replication_group_id,
      ...(ofGlobal
        ? {}
        : {
            AutomaticFailoverEnabled: config.automatic_failover_enabled ?? false,
            CacheNodeType: config.node_type,
            TransitEncryptionEnabled: config.transit_encryption_enabled ?? false,
            Engine: config.engine ?? 'redis',
          }),
      IpDiscovery: config.ip_discovery,
      KmsKeyId: config.kms_key_id,
      LogDeliveryConfigurations: config.log_delivery_configuration?.map(logRequest),
      PreferredMaintenanceWindow: config.maintenance_window,
      MultiAZEnabled: config.multi_az_enabled,
      NetworkType: config.network_type,
      NotificationTopicArn: config.notification_topic_arn,
      NumCacheClusters: config.num_cache_clusters,
      NumNodeGroups: config.num_node_groups,
      CacheParameterGroupName: config.parameter_group_name,
      Port: config.port,
      PreferredCacheClusterAZs: config.preferred_cache_cluster_azs?.slice(),
      NodeGroupConfiguration: config.node_group_configuration,
      ReplicasPerNodeGroup: config.replicas_per_node_group,
      CacheSubnetGroupName: config.subnet_group_name,
      SecurityGroupIds: config.security_group_ids?.slice(),
      SnapshotName: config.snapshot_name,
      SnapshotRetentionLimit: config.snapshot_retention_limit,
      SnapshotWindow: config.snapshot_window,
      TransitEncryptionMode: config.transit_encryption_mode,
      UserGroupIds: config.user_group_ids?.slice(),
    }),
  )
  await waitAvailable(client, id)
}

const shardRead = (group: ReplicationGroup): Readonly<Record<string, unknown>> => {
  const [first] = group.NodeGroups ?? []
  return {
    num_node_groups: group.NodeGroups?.length,
    replicas_per_node_group: (first?.NodeGroupMembers?.length ?? 0) - 1,
    port: group.ConfigurationEndpoint?.Port ?? first?.PrimaryEndpoint?.Port,
  }
}

/** What the provider keeps of a group after a refresh. Null: it is gone. */
export const readGroup = async (
  client: ElastiCacheClient,
  id: string,
  config: GroupConfig,
): Promise<Readonly<Record<string, unknown>> | null> => {
  const group = await find(client, id)
  if (group === null || group.Status === 'deleting') return null
  const member = group.NodeGroups?.[0]?.NodeGroupMembers?.[0]?.CacheClusterId
  const { CacheClusters } = await client.send(
    new DescribeCacheClustersCommand({ CacheClusterId: member, ShowCacheNodeInfo: true }),
  )
  const cluster = CacheClusters?.[0]
  return {
    automatic_failover_enabled: group.AutomaticFailover === 'enabled' || group.AutomaticFailover === 'enabling',
    multi_az_enabled: group.MultiAZ === 'enabled',
    kms_key_id: group.KmsKeyId,
    description: group.Description,
    num_cache_clusters: group.MemberClusters?.length,
    ...shardRead(group),
    cluster_mode: group.ClusterMode,
    data_tiering_enabled: group.DataTiering === 'enabled',
    ip_discovery: group.IpDiscovery,
    network_type: group.NetworkType,
    log_delivery_configuration: readLogs(group.LogDeliveryConfigurations),
    snapshot_window: group.SnapshotWindow,
    snapshot_retention_limit: group.SnapshotRetentionLimit,
    user_group_ids: group.UserGroupIds,
    node_type: cluster?.CacheNodeType,
    engine: cluster?.Engine,
    engine_version: readVersion(cluster?.Engine, cluster?.EngineVersion, config.engine_version),
    auto_minor_version_upgrade: cluster?.AutoMinorVersionUpgrade,
    subnet_group_name: cluster?.CacheSubnetGroupName,
    security_group_ids: cluster?.SecurityGroups?.map(({ SecurityGroupId }) => SecurityGroupId),
    parameter_group_name: cluster?.CacheParameterGroup?.CacheParameterGroupName,
    maintenance_window: cluster?.PreferredMaintenanceWindow,
    at_rest_encryption_enabled: cluster?.AtRestEncryptionEnabled,
    transit_encryption_enabled: cluster?.TransitEncryptionEnabled,
    transit_encryption_mode: cluster?.TransitEncryptionMode,
    tags: await tagsOf(client, group.ARN),
  }
}

type Change = <K extends keyof GroupConfig>(name: K) => GroupConfig[K] | undefined

/** The one modification for all attributes that have no call of their own. Null: none has changed. */
const modification = (id: string, before: GroupConfig, after: GroupConfig): ModifyReplicationGroupCommandInput | null => {
  const changed: Change = (name) => (JSON.stringify(before[name]) === JSON.stringify(after[name]) ? undefined : after[name])
  const retention = changed('snapshot_retention_limit')
  const logs = JSON.stringify(before.log_delivery_configuration) !== JSON.stringify(after.log_delivery_configuration)
  const groups = [before.user_group_ids ?? [], after.user_group_ids ?? []] as const
  const added = groups[1].filter((group) => !groups[0].includes(group))
  const removed = groups[0].filter((group) => !groups[1].includes(group))
  const leavesToken = after.auth_token_update_strategy === 'DELETE' && added.length > 0
  const version = changed('engine_version')
  const input = {
    AutoMinorVersionUpgrade: changed('auto_minor_version_upgrade'),
    AutomaticFailoverEnabled: changed('automatic_failover_enabled'),
    ReplicationGroupDescription: changed('description'),
    ClusterMode: changed('cluster_mode'),
    ...(version === undefined && changed('engine') === undefined
      ? {}
      : { Engine: after.engine ?? 'redis', EngineVersion: after.engine_version }),
    LogDeliveryConfigurations: logs ? logChange(before.log_delivery_configuration, after.log_delivery_configuration) : undefined,
    PreferredMaintenanceWindow: changed('maintenance_window'),
    MultiAZEnabled: changed('multi_az_enabled'),
    CacheNodeType: changed('node_type'),
    NotificationTopicArn: changed('notification_topic_arn'),
    CacheParameterGroupName: changed('parameter_group_name'),
    SecurityGroupIds: changed('security_group_ids')?.slice(),
    SnapshotRetentionLimit: retention,
    // The provider takes the first node where there was no retention before.
    SnapshottingClusterId:
      retention !== undefined && (before.snapshot_retention_limit ?? 0) === 0 && after.num_node_groups === undefined
        ? `${id}-001`
        : undefined,
    SnapshotWindow: changed('snapshot_window'),
    TransitEncryptionEnabled: changed('transit_encryption_enabled'),
    TransitEncryptionMode: changed('transit_encryption_mode'),
    UserGroupIdsToAdd: added.length > 0 ? added : undefined,
    UserGroupIdsToRemove: removed.length > 0 ? removed : undefined,
    AuthTokenUpdateStrategy: leavesToken ? ('DELETE' as const) : undefined,
  }
  if (Object.values(input).every((value) => value === undefined)) return null
  return { ReplicationGroupId: id, ApplyImmediately: true, ...input }
}

/** In the order of the provider: more replicas, the modification, the token, fewer replicas; each between two waits. */
export const updateGroup = async (
  client: ElastiCacheClient,
  id: string,
  before: GroupConfig,
  after: GroupConfig,
): Promise<void> => {
  const nodes = [before.num_cache_clusters ?? 1, after.num_cache_clusters ?? 1] as const
  const replicas = [before.replicas_per_node_group ?? 0, after.replicas_per_node_group ?? 0] as const
  const count = (NewReplicaCount: number) => ({ ReplicationGroupId: id, ApplyImmediately: true, NewReplicaCount })
  const change = modification(id, before, after)
  const token = after.auth_token !== before.auth_token || after.auth_token_update_strategy !== before.auth_token_update_strategy
  const steps: (readonly [wanted: boolean, step: () => Promise<unknown>])[] = [
    [replicas[1] > replicas[0], () => client.send(new IncreaseReplicaCountCommand(count(replicas[1])))],
    [replicas[1] < replicas[0], () => client.send(new DecreaseReplicaCountCommand(count(replicas[1])))],
    [nodes[1] > nodes[0], () => client.send(new IncreaseReplicaCountCommand(count(nodes[1] - 1)))],
    [change !== null, async () => (change === null ? undefined : client.send(new ModifyReplicationGroupCommand(change)))],
    [
      token && after.auth_token_update_strategy !== 'DELETE',
      () =>
        client.send(
          new ModifyReplicationGroupCommand({
            ReplicationGroupId: id,
            ApplyImmediately: true,
            AuthToken: after.auth_token,
            AuthTokenUpdateStrategy: after.auth_token_update_strategy,
          }),
        ),
    ],
    [nodes[1] < nodes[0], () => client.send(new DecreaseReplicaCountCommand(count(nodes[1] - 1)))],
  ]
  for (const [wanted, step] of steps) {
    if (!wanted) continue
    await waitAvailable(client, id)
    await step()
    await waitAvailable(client, id)
  }
}

/** Once more when it is gone, as after a state that was not saved. */
export const destroyGroup = async (client: ElastiCacheClient, id: string, config: GroupConfig): Promise<void> => {
  const remove = () =>
    client.send(
      new DeleteReplicationGroupCommand({
        ReplicationGroupId: id,
        FinalSnapshotIdentifier: config.final_snapshot_identifier,
      }),
    )
  await whileFault('InvalidReplicationGroupStateFault', remove)
  await waitFor(`replication group ${id}`, async () => (await find(client, id))?.Status ?? null, {
    target: null,
    pending: ['creating', 'available', 'deleting'],
  })
  if ((await orGone(remove(), 'ReplicationGroupNotFoundFault')) !== null) throw new Error(`${id} was deleted twice`)
}
