/**
 * Configurations of `aws_elasticache_replication_group` that the acceptance tests of the provider cover, written anew.
 * `refused`: the answer that the creation gets, or where there are updates the last one of them, where it cannot be made here yet.
 */
import { region } from '../../../testing/fixtures.ts'
import type { GroupConfig, LogConfig } from './groups.ts'

/** Names of what is made around a row, by which its configuration refers to it. */
export const around = {
  securityGroup: '(security group)',
  other: '(another security group)',
  userGroup: '(user group)',
  mixed: '(user group with IAM)',
} as const

export interface GroupRow {
  readonly name: string
  readonly config: GroupConfig
  /** The attributes that change, one step after the other. */
  readonly updates?: readonly Partial<GroupConfig>[]
  readonly refused?: RegExp
}

const zone = (letter: string): string => `${region}${letter}`
const small = { node_type: 'cache.t4g.small' } as const
const redis = { ...small, engine: 'redis' } as const
const valkey = { ...small, engine: 'valkey' } as const
const tls = { ...valkey, transit_encryption_enabled: true } as const
const two = { ...redis, num_cache_clusters: 2 } as const
const clustered = {
  ...redis,
  parameter_group_name: 'default.redis7.cluster.on',
  automatic_failover_enabled: true,
  num_node_groups: 2,
  replicas_per_node_group: 1,
} as const
const [first, second] = ['a-first-secret-token', 'a-second-secret-token'] as const
const slow: LogConfig = { log_type: 'slow-log', destination_type: 'cloudwatch-logs', destination: '/c/slow', log_format: 'text' }
const engine: LogConfig = {
  log_type: 'engine-log',
  destination_type: 'kinesis-firehose',
  destination: 'stream',
  log_format: 'json',
}
const topic = `arn:aws:sns:${region}:000000000000:topic`
const key = `arn:aws:kms:${region}:000000000000:key/00000000-0000-0000-0000-000000000000`

const row = (name: string, config: GroupConfig, ...updates: readonly Partial<GroupConfig>[]): GroupRow => ({
  name,
  config,
  updates,
})
const refused = (name: string, config: GroupConfig, words: RegExp): GroupRow => ({ name, config, refused: words })

export const groupRows: readonly GroupRow[] = [
  row('basic, Redis OSS', redis),
  row('basic, Valkey', valkey),
  row('basic, without an engine', small),
  row('description', redis, { description: 'updated' }),
  row(
    'maintenance window',
    { ...redis, maintenance_window: 'tue:06:30-tue:07:30' },
    { maintenance_window: 'wed:03:00-wed:06:00' },
  ),
  row(
    'node type up and down',
    { ...redis, node_type: 'cache.t4g.medium' },
    { node_type: 'cache.m7g.large' },
    { node_type: 'cache.t4g.small' },
  ),
  row('parameter group', { ...redis, parameter_group_name: 'default.redis7' }),
  row('port', { ...redis, port: 7000 }),
  row('tags', { ...redis, tags: { key1: 'value1', key2: '' } }),
  row('every zone by name', { ...redis, num_cache_clusters: 3, preferred_cache_cluster_azs: [zone('a'), zone('b'), zone('c')] }),
  row('automatic minor upgrades off, on', { ...redis, auto_minor_version_upgrade: false }, { auto_minor_version_upgrade: true }),
  row('automatic minor upgrades on, off', { ...redis, auto_minor_version_upgrade: true }, { auto_minor_version_upgrade: false }),
  row('notification topic', { ...redis, notification_topic_arn: topic }),
  row('automatic failover', { ...two, automatic_failover_enabled: true }, { automatic_failover_enabled: false }),
  row('automatic failover later', two, { automatic_failover_enabled: true }),
  row('Multi-AZ', { ...two, automatic_failover_enabled: true, multi_az_enabled: true }),
  row('Multi-AZ later', { ...two, automatic_failover_enabled: true }, { multi_az_enabled: true }, { multi_az_enabled: false }),
  row('two nodes, four, two', two, { num_cache_clusters: 4 }, { num_cache_clusters: 2 }),
  row('one node, three', redis, { num_cache_clusters: 3 }),
  row(
    'from three nodes with failover to one without',
    { ...redis, num_cache_clusters: 3, automatic_failover_enabled: true },
    { num_cache_clusters: 1, automatic_failover_enabled: false },
  ),
  row('more nodes and a description at once', two, { num_cache_clusters: 3, description: 'more' }),
  row('cluster mode', clustered),
  row('cluster mode by its own name', { ...clustered, cluster_mode: 'enabled' }),
  row('cluster mode, Valkey', { ...clustered, engine: 'valkey', parameter_group_name: 'default.valkey9.cluster.on' }),
  row('cluster mode off by its own name', { ...two, cluster_mode: 'disabled' }),
  row('cluster mode, one shard without replicas', { ...clustered, num_node_groups: 1, replicas_per_node_group: 0 }),
  row('cluster mode, three shards', { ...clustered, num_node_groups: 3 }),
  row('cluster mode, replicas up and down', clustered, { replicas_per_node_group: 2 }, { replicas_per_node_group: 1 }),
  row(
    'cluster mode, replicas where there were none',
    { ...clustered, replicas_per_node_group: 0 },
    { replicas_per_node_group: 1 },
  ),
  row('cluster mode, Multi-AZ', { ...clustered, multi_az_enabled: true }),
  row('one shard, no cluster mode', {
    ...redis,
    num_node_groups: 1,
    replicas_per_node_group: 1,
    parameter_group_name: 'default.redis7',
  }),
  row('cluster mode, shards by their own', {
    ...redis,
    parameter_group_name: 'default.redis7.cluster.on',
    automatic_failover_enabled: true,
    node_group_configuration: [
      {
        NodeGroupId: '0001',
        Slots: '0-8191',
        ReplicaCount: 1,
        PrimaryAvailabilityZone: zone('a'),
        ReplicaAvailabilityZones: [zone('b')],
      },
      {
        NodeGroupId: '0002',
        Slots: '8192-16383',
        ReplicaCount: 1,
        PrimaryAvailabilityZone: zone('b'),
        ReplicaAvailabilityZones: [zone('c')],
      },
    ],
  }),
  row(
    'retention on, more, off',
    redis,
    { snapshot_retention_limit: 2 },
    { snapshot_retention_limit: 5 },
    { snapshot_retention_limit: 0 },
  ),
  row(
    'retention and window from the start',
    { ...redis, snapshot_retention_limit: 2, snapshot_window: '05:00-09:00', maintenance_window: 'sun:10:00-sun:11:00' },
    { snapshot_window: '02:00-03:00' },
  ),
  row('retention with cluster mode', { ...clustered, snapshot_retention_limit: 7 }),
  row('final snapshot', { ...redis, final_snapshot_identifier: 'last' }),
  row('final snapshot with cluster mode', { ...clustered, final_snapshot_identifier: 'last-of-shards' }),
  row('at rest, Redis OSS', { ...redis, at_rest_encryption_enabled: true }),
  row('at rest off, Redis OSS', { ...redis, at_rest_encryption_enabled: false }),
  row('at rest off, Valkey', { ...valkey, at_rest_encryption_enabled: false }),
  row('at rest, Valkey', { ...valkey, at_rest_encryption_enabled: true }),
  row('at rest by a key of KMS', { ...redis, at_rest_encryption_enabled: true, kms_key_id: key }),
  row('at rest and in transit, as public modules have it', {
    ...two,
    automatic_failover_enabled: true,
    multi_az_enabled: true,
    at_rest_encryption_enabled: true,
    transit_encryption_enabled: true,
    snapshot_retention_limit: 7,
    auto_minor_version_upgrade: true,
  }),
  row('in transit', { ...redis, transit_encryption_enabled: true, transit_encryption_mode: 'required' }),
  row('in transit, preferred', { ...redis, transit_encryption_enabled: true, transit_encryption_mode: 'preferred' }),
  row(
    'in transit, step by step',
    redis,
    { transit_encryption_enabled: true, transit_encryption_mode: 'preferred' },
    { transit_encryption_mode: 'required' },
    { transit_encryption_mode: 'preferred' },
  ),
  row('in transit with cluster mode', { ...clustered, transit_encryption_enabled: true }),
  row('token', { ...tls, auth_token: first }),
  row(
    'token: set, rotated, set',
    tls,
    { auth_token: first, auth_token_update_strategy: 'SET' },
    { auth_token: second, auth_token_update_strategy: 'ROTATE' },
    { auth_token_update_strategy: 'SET' },
  ),
  row('token: rotated from none', tls, { auth_token: first, auth_token_update_strategy: 'ROTATE' }),
  row('user group', { ...tls, user_group_ids: [around.userGroup] }),
  row('user group of Redis OSS with a user of IAM', {
    ...redis,
    transit_encryption_enabled: true,
    user_group_ids: [around.mixed],
  }),
  row('user group later, and no longer', tls, { user_group_ids: [around.userGroup] }, { user_group_ids: [] }),
  row(
    'from a token to a user group',
    { ...tls, auth_token: first },
    { user_group_ids: [around.userGroup], auth_token_update_strategy: 'DELETE' },
  ),
  row('slow log', { ...redis, log_delivery_configuration: [slow] }),
  row('both logs', { ...redis, log_delivery_configuration: [slow, engine] }),
  row(
    'logs on, another place, one of them off, both off',
    redis,
    { log_delivery_configuration: [slow, engine] },
    {
      log_delivery_configuration: [
        { ...slow, destination_type: 'kinesis-firehose', destination: 'other' },
        { ...engine, log_format: 'text' },
      ],
    },
    { log_delivery_configuration: [engine] },
    { log_delivery_configuration: [] },
  ),
  row('logs with cluster mode', { ...clustered, log_delivery_configuration: [slow, engine] }),
  row('data tiering', { ...valkey, node_type: 'cache.r6gd.xlarge', data_tiering_enabled: true }),
  row('data tiering off', { ...redis, data_tiering_enabled: false }),
  row('security groups', { ...two, security_group_ids: [around.securityGroup] }, { security_group_ids: [around.other] }),
  row(
    'two security groups, then one',
    { ...redis, security_group_ids: [around.securityGroup, around.other] },
    { security_group_ids: [around.other] },
  ),
  row('IPv4 by name', { ...redis, network_type: 'ipv4', ip_discovery: 'ipv4' }),
  row('a node type of a former generation', { ...redis, node_type: 'cache.m3.medium' }),
  row('t2 without failover', { ...two, node_type: 'cache.t2.micro' }),
  ...(['7.1', '7.0', '6.2', '6.x', '5.0.6'] as const).map((version) =>
    row(`Redis OSS ${version}`, { ...redis, engine_version: version }),
  ),
  ...(['7.2', '8.0', '8.1'] as const).map((version) => row(`Valkey ${version}`, { ...valkey, engine_version: version })),
  row('Redis OSS 7.0 to 7.1', { ...redis, engine_version: '7.0' }, { engine_version: '7.1' }),
  row('Redis OSS 6.x to 6.2', { ...redis, engine_version: '6.x' }, { engine_version: '6.2' }),
  {
    name: 'Redis OSS to Valkey',
    config: { ...redis, engine_version: '7.1', parameter_group_name: 'default.redis7' },
    updates: [{ engine: 'valkey', engine_version: '7.2', parameter_group_name: 'default.valkey7' }],
    refused: /: Engine: changing the engine from redis to valkey is not available yet/,
  },
  row('the version that the catalog has, Redis OSS', { ...redis, engine_version: '7.0' }),
  refused('IPv6', { ...redis, network_type: 'ipv6', ip_discovery: 'ipv6' }, /: NetworkType: IPv6 is not available yet/),
  refused('both kinds of IP', { ...redis, network_type: 'dual_stack' }, /: NetworkType: IPv6 is not available yet/),
  refused('a snapshot to begin with', { ...redis, snapshot_name: 'snap' }, /: SnapshotName: snapshots are not available yet/),
  refused(
    'a part of a global group',
    { ...redis, global_replication_group_id: 'world' },
    /: GlobalReplicationGroupId: global datastores are not/,
  ),
  refused('cluster mode compatible', { ...two, cluster_mode: 'compatible' }, /not available yet/),
  refused(
    'failover with one node',
    { ...redis, automatic_failover_enabled: true },
    /: When using automatic failover, there must be at least 2/,
  ),
  refused(
    'a parameter group of another family',
    { ...redis, parameter_group_name: 'default.redis6.x' },
    /: Expected a parameter group of family redis7/,
  ),
  refused('data tiering on a node without SSD', { ...redis, data_tiering_enabled: true }, /: Data tiering is supported only/),
]
