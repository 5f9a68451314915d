/** `aws_elasticache_cluster`: the calls of the provider for it, and what it reads back. */
import {
  type CacheCluster,
  CreateCacheClusterCommand,
  DeleteCacheClusterCommand,
  DescribeCacheClustersCommand,
  type ElastiCacheClient,
  ModifyCacheClusterCommand,
} from '@aws-sdk/client-elasticache'
import { type LogConfig, logChange, logRequest, readLogs, tagList, tagsOf } from './groups.ts'
import { readVersion } from './versions.ts'
import { orGone, waitFor, whileFault } from './waiting.ts'

export interface ClusterConfig {
  readonly engine?: 'memcached' | 'redis' | 'valkey'
  readonly engine_version?: string
  readonly node_type?: string
  readonly num_cache_nodes?: number
  readonly replication_group_id?: string
  readonly az_mode?: 'single-az' | 'cross-az'
  readonly availability_zone?: string
  readonly preferred_availability_zones?: readonly string[]
  readonly parameter_group_name?: string
  readonly port?: number
  readonly subnet_group_name?: string
  readonly security_group_ids?: readonly string[]
  readonly maintenance_window?: string
  readonly snapshot_window?: string
  readonly snapshot_retention_limit?: number
  readonly snapshot_name?: string
  readonly final_snapshot_identifier?: string
  readonly notification_topic_arn?: string | undefined
  readonly transit_encryption_enabled?: boolean
  readonly auto_minor_version_upgrade?: boolean
  readonly log_delivery_configuration?: readonly LogConfig[]
  readonly network_type?: 'ipv4' | 'dual_stack' | 'ipv6'
  readonly ip_discovery?: 'ipv4' | 'ipv6'
  readonly outpost_mode?: 'single-outpost' | 'cross-outpost'
  readonly preferred_outpost_arn?: string
  readonly tags?: Readonly<Record<string, string>>
}

export const clusterDefaults = {
  log_delivery_configuration: [],
  notification_topic_arn: undefined,
  tags: {},
} as const satisfies { readonly [Name in keyof ClusterConfig]?: ClusterConfig[Name] | undefined }

const find = async (client: ElastiCacheClient, id: string): Promise<CacheCluster | null> => {
  const asked = client.send(new DescribeCacheClustersCommand({ CacheClusterId: id, ShowCacheNodeInfo: true }))
  return (await orGone(asked, 'CacheClusterNotFoundFault'))?.CacheClusters?.[0] ?? null
}

const waitAvailable = (client: ElastiCacheClient, id: string): Promise<void> =>
  waitFor(`cache cluster ${id}`, async () => (await find(client, id))?.CacheClusterStatus ?? null, {
    target: 'available',
    pending: ['creating', 'modifying', 'snapshotting', 'rebooting cluster nodes'],
  })

export const createCluster = async (client: ElastiCacheClient, id: string, config: ClusterConfig): Promise<void> => {
  // Of a replica the provider leaves out what its group decides.
  const own =
    config.replication_group_id === undefined
      ? {
          CacheNodeType: config.node_type,
          NumCacheNodes: config.num_cache_nodes ?? 1,
          Engine: config.engine,
          EngineVersion: config.engine_version,
          Port: config.port,
          CacheSubnetGroupName: config.subnet_group_name,
          SecurityGroupIds: config.security_group_ids?.slice(),
          CacheParameterGroupName: config.parameter_group_name,
        }
      : { ReplicationGroupId: config.replication_group_id }
  await client.send(
    new CreateCacheClusterCommand({
      CacheClusterId: id,
      ...own,
      Tags: tagList(config.tags),
      AutoMinorVersionUpgrade: config.auto_minor_version_upgrade,
      TransitEncryptionEnabled: config.transit_encryption_enabled,
      PreferredMaintenanceWindow: config.maintenance_window,
      NotificationTopicArn: config.notification_topic_arn,
      SnapshotName: config.snapshot_name,
      SnapshotRetentionLimit: config.snapshot_retention_limit,
      SnapshotWindow: config.snapshot_window,
      LogDeliveryConfigurations: config.log_delivery_configuration?.map(logRequest),
      AZMode: config.az_mode,
      PreferredAvailabilityZone: config.availability_zone,
      PreferredAvailabilityZones: config.preferred_availability_zones?.slice(),
      IpDiscovery: config.ip_discovery,
      NetworkType: config.network_type,
      OutpostMode: config.outpost_mode,
      PreferredOutpostArn: config.preferred_outpost_arn,
    }),
  )
  await waitAvailable(client, id)
}

export const readCluster = async (
  client: ElastiCacheClient,
  id: string,
  config: ClusterConfig,
): Promise<Readonly<Record<string, unknown>> | null> => {
  const cluster = await find(client, id)
  if (cluster === null) return null
  const topic = cluster.NotificationConfiguration
  // The provider fails on a node without an endpoint.
  for (const node of cluster.CacheNodes ?? [])
    if (node.Endpoint?.Address === undefined || node.CustomerAvailabilityZone === undefined)
      throw new Error(`${id}: expected an endpoint and a zone of node ${node.CacheNodeId}, found none`)
  return {
    engine: cluster.Engine,
    engine_version: readVersion(cluster.Engine, cluster.EngineVersion, config.engine_version),
    node_type: cluster.CacheNodeType,
    num_cache_nodes: cluster.NumCacheNodes,
    replication_group_id: cluster.ReplicationGroupId,
    az_mode: cluster.PreferredAvailabilityZone === 'Multiple' ? 'cross-az' : 'single-az',
    availability_zone: cluster.PreferredAvailabilityZone,
    preferred_availability_zones: cluster.CacheNodes?.map(({ CustomerAvailabilityZone: zone }) => zone),
    parameter_group_name: cluster.CacheParameterGroup?.CacheParameterGroupName,
    port: cluster.ConfigurationEndpoint?.Port ?? cluster.CacheNodes?.[0]?.Endpoint?.Port,
    subnet_group_name: cluster.CacheSubnetGroupName,
    security_group_ids: cluster.SecurityGroups?.map(({ SecurityGroupId }) => SecurityGroupId),
    maintenance_window: cluster.PreferredMaintenanceWindow,
    snapshot_window: cluster.SnapshotWindow,
    snapshot_retention_limit: cluster.SnapshotRetentionLimit,
    notification_topic_arn: topic?.TopicStatus === 'active' ? topic.TopicArn : undefined,
    transit_encryption_enabled: cluster.TransitEncryptionEnabled,
    auto_minor_version_upgrade: cluster.AutoMinorVersionUpgrade,
    log_delivery_configuration: readLogs(cluster.LogDeliveryConfigurations),
    network_type: cluster.NetworkType,
    ip_discovery: cluster.IpDiscovery,
    tags: await tagsOf(client, cluster.ARN),
  }
}

/** The nodes with the highest numbers go, which the provider names. */
const nodeChange = (before: number, after: number, zones: readonly string[] | undefined) => {
  if (before === after) return {}
  const removed = Array.from({ length: Math.max(0, before - after) }, (_, index) => String(before - index).padStart(4, '0'))
  return {
    NumCacheNodes: after,
    ...(removed.length > 0 ? { CacheNodeIdsToRemove: removed } : {}),
    ...(after > before && zones !== undefined ? { NewAvailabilityZones: zones.slice(before) } : {}),
  }
}

export const updateCluster = async (
  client: ElastiCacheClient,
  id: string,
  before: ClusterConfig,
  after: ClusterConfig,
): Promise<void> => {
  const changed = <K extends keyof ClusterConfig>(name: K): ClusterConfig[K] | undefined =>
    JSON.stringify(before[name]) === JSON.stringify(after[name]) ? undefined : after[name]
  const logs = JSON.stringify(before.log_delivery_configuration) !== JSON.stringify(after.log_delivery_configuration)
  const leavesTopic = before.notification_topic_arn !== undefined && after.notification_topic_arn === undefined
  await client.send(
    new ModifyCacheClusterCommand({
      CacheClusterId: id,
      ApplyImmediately: true,
      SecurityGroupIds: changed('security_group_ids')?.slice(),
      CacheParameterGroupName: changed('parameter_group_name'),
      LogDeliveryConfigurations: logs
        ? logChange(before.log_delivery_configuration, after.log_delivery_configuration)
        : undefined,
      PreferredMaintenanceWindow: changed('maintenance_window'),
      ...(leavesTopic
        ? { NotificationTopicArn: '', NotificationTopicStatus: 'inactive' }
        : { NotificationTopicArn: changed('notification_topic_arn') }),
      Engine: changed('engine'),
      EngineVersion: changed('engine_version'),
      AutoMinorVersionUpgrade: changed('auto_minor_version_upgrade'),
      SnapshotWindow: changed('snapshot_window'),
      CacheNodeType: changed('node_type'),
      SnapshotRetentionLimit: changed('snapshot_retention_limit'),
      AZMode: changed('az_mode'),
      ...nodeChange(before.num_cache_nodes ?? 1, after.num_cache_nodes ?? 1, after.preferred_availability_zones),
    }),
  )
  await waitAvailable(client, id)
}

export const destroyCluster = async (client: ElastiCacheClient, id: string, config: ClusterConfig): Promise<void> => {
  const remove = () =>
    client.send(new DeleteCacheClusterCommand({ CacheClusterId: id, FinalSnapshotIdentifier: config.final_snapshot_identifier }))
  await whileFault('InvalidCacheClusterStateFault', remove)
  await waitFor(`cache cluster ${id}`, async () => (await find(client, id))?.CacheClusterStatus ?? null, {
    target: null,
    pending: ['creating', 'available', 'modifying', 'deleting'],
  })
  if ((await orGone(remove(), 'CacheClusterNotFoundFault')) !== null) throw new Error(`${id} was deleted twice`)
}
