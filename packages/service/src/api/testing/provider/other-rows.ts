/** As `group-rows.ts`, for clusters, users, parameter groups and subnet groups. */
import { region } from '../../../testing/fixtures.ts'
import type { ClusterConfig } from './clusters.ts'
import { around } from './group-rows.ts'
import type { LogConfig } from './groups.ts'
import type { ParameterGroupConfig } from './parameters.ts'
import type { UserConfig } from './users.ts'

export interface ClusterRow {
  readonly name: string
  readonly config: ClusterConfig
  readonly updates?: readonly Partial<ClusterConfig>[]
  readonly refused?: RegExp
}

const zone = (letter: string): string => `${region}${letter}`
const memcached = { engine: 'memcached', node_type: 'cache.t4g.small', num_cache_nodes: 1 } as const
const redis = { engine: 'redis', node_type: 'cache.t4g.small', num_cache_nodes: 1 } as const
const log: LogConfig = { log_type: 'slow-log', destination_type: 'cloudwatch-logs', destination: '/c/slow', log_format: 'json' }
const engineLog: LogConfig = {
  log_type: 'engine-log',
  destination_type: 'kinesis-firehose',
  destination: 'stream',
  log_format: 'json',
}
const topic = `arn:aws:sns:${region}:000000000000:topic`

const row = (name: string, config: ClusterConfig, ...updates: readonly Partial<ClusterConfig>[]): ClusterRow => ({
  name,
  config,
  updates,
})
const refused = (name: string, config: ClusterConfig, words: RegExp): ClusterRow => ({ name, config, refused: words })

export const clusterRows: readonly ClusterRow[] = [
  row('Memcached', memcached),
  row('Redis OSS', redis),
  row('Valkey', { ...redis, engine: 'valkey' }),
  row('Memcached, its port and parameter group', { ...memcached, port: 11211, parameter_group_name: 'default.memcached1.6' }),
  row('Memcached, another port', { ...memcached, port: 11212 }),
  row('Redis OSS, another port', { ...redis, port: 6380 }),
  row('Memcached, three nodes, one, two', { ...memcached, num_cache_nodes: 3 }, { num_cache_nodes: 1 }, { num_cache_nodes: 2 }),
  row(
    'Memcached, more nodes in zones by name',
    { ...memcached, preferred_availability_zones: [zone('a')] },
    { num_cache_nodes: 3, preferred_availability_zones: [zone('a'), zone('b'), zone('a')], az_mode: 'cross-az' },
  ),
  row('Memcached, across zones', { ...memcached, num_cache_nodes: 2, az_mode: 'cross-az' }),
  row('Memcached, one zone by its mode', { ...memcached, az_mode: 'single-az' }),
  row('a zone by name', { ...redis, availability_zone: zone('b') }),
  row('Redis OSS, one zone by its mode', { ...redis, az_mode: 'single-az' }),
  row(
    'maintenance window',
    { ...memcached, maintenance_window: 'tue:06:30-tue:07:30' },
    { maintenance_window: 'wed:03:00-wed:06:00' },
  ),
  row('Redis OSS, node type up and down', redis, { node_type: 'cache.t4g.medium' }, { node_type: 'cache.t4g.small' }),
  row(
    'Redis OSS, retention and window',
    { ...redis, snapshot_window: '05:00-09:00', snapshot_retention_limit: 3, maintenance_window: 'sun:10:00-sun:11:00' },
    { snapshot_window: '07:00-09:00', snapshot_retention_limit: 7 },
    { snapshot_retention_limit: 0 },
  ),
  row('Redis OSS, final snapshot', { ...redis, final_snapshot_identifier: 'last' }),
  row('automatic minor upgrades off, on', { ...redis, auto_minor_version_upgrade: false }, { auto_minor_version_upgrade: true }),
  row(
    'logs on, changed, off',
    redis,
    { log_delivery_configuration: [log, engineLog] },
    { log_delivery_configuration: [{ ...log, log_format: 'text' }] },
    { log_delivery_configuration: [] },
  ),
  row('logs from the start', { ...redis, log_delivery_configuration: [log] }),
  row('notification topic on and off', { ...memcached, notification_topic_arn: topic }, { notification_topic_arn: undefined }),
  row('tags', { ...memcached, tags: { key1: 'value1' } }),
  row('security groups', { ...redis, security_group_ids: [around.securityGroup] }, { security_group_ids: [around.other] }),
  row('Memcached in transit', { ...memcached, transit_encryption_enabled: true }),
  row('IPv4 by name', { ...redis, network_type: 'ipv4', ip_discovery: 'ipv4' }),
  row('a node type of a former generation', { ...memcached, node_type: 'cache.m1.small' }),
  ...(['1.6.22', '1.6.17', '1.6.12', '1.5.16'] as const).map((version) =>
    row(`Memcached ${version}`, { ...memcached, engine_version: version }),
  ),
  ...(['7.1', '6.2', '5.0.6'] as const).map((version) => row(`Redis OSS ${version}`, { ...redis, engine_version: version })),
  row('Memcached, a newer version', { ...memcached, engine_version: '1.6.12' }, { engine_version: '1.6.22' }),
  refused('Redis OSS, two nodes', { ...redis, num_cache_nodes: 2 }, /NumCacheNodes parameter greater than 1/),
  refused(
    'an outpost',
    { ...redis, outpost_mode: 'single-outpost', preferred_outpost_arn: 'arn' },
    /outposts are not available yet/,
  ),
  refused('a snapshot to begin with', { ...redis, snapshot_name: 'snap' }, /snapshots are not available yet/),
  refused('in transit, Redis OSS', { ...redis, transit_encryption_enabled: true }, /create a replication group/),
]

export interface UserRow {
  readonly name: string
  readonly config: UserConfig
  readonly updates?: readonly Partial<UserConfig>[]
  readonly refused?: RegExp
  /** By the user id that a row of IAM must have as its name. */
  readonly named?: true
}

const user = { user_name: 'ada', engine: 'valkey', access_string: 'on ~app::* -@all +@read' } as const
const [one, two] = ['a-first-password', 'a-second-password'] as const

export const userRows: readonly UserRow[] = [
  { name: 'no password', config: { ...user, no_password_required: true } },
  { name: 'a password', config: { ...user, passwords: [one] }, updates: [{ passwords: [two] }, { passwords: [one, two] }] },
  { name: 'a password by its mode', config: { ...user, authentication_mode: { type: 'password', passwords: [one] } } },
  { name: 'no password by its mode', config: { ...user, authentication_mode: { type: 'no-password-required' } } },
  { name: 'IAM', config: { ...user, authentication_mode: { type: 'iam' } }, named: true },
  { name: 'another access string', config: { ...user, passwords: [one] }, updates: [{ access_string: 'on ~* +@all' }] },
  {
    name: 'from no password to one by its mode',
    config: { ...user, no_password_required: true },
    updates: [{ no_password_required: false, authentication_mode: { type: 'password', passwords: [one] } }],
  },
  { name: 'of Redis OSS, with tags', config: { ...user, engine: 'redis', passwords: [one], tags: { key1: 'value1' } } },
  { name: 'nothing to log in by', config: user, refused: /must have at least one password/ },
  {
    name: 'IAM and a password',
    config: { ...user, passwords: [one], authentication_mode: { type: 'iam' } },
    refused: /not allowed with authentication type: iam/,
  },
]

export interface ParameterRow {
  readonly name: string
  readonly config: ParameterGroupConfig
  readonly updates?: readonly Readonly<Record<string, string>>[]
}

const families = [
  'redis2.8',
  'redis3.2',
  'redis4.0',
  'redis5.0',
  'redis6.x',
  'redis7',
  'valkey7',
  'valkey8',
  'memcached1.4',
  'memcached1.5',
  'memcached1.6',
] as const
const many = Object.fromEntries(
  [
    'activerehashing lazyfree-lazy-eviction lazyfree-lazy-server-del lazyfree-lazy-user-del lfu-decay-time lfu-log-factor list-compress-depth',
    'maxmemory-samples min-replicas-max-lag repl-backlog-ttl set-max-intset-entries slowlog-log-slower-than slowlog-max-len tcp-keepalive',
    'stream-node-max-bytes stream-node-max-entries timeout tracking-table-max-keys zset-max-listpack-entries zset-max-listpack-value',
    'hash-max-listpack-entries hash-max-listpack-value',
  ]
    .join(' ')
    .split(' ')
    .map((name) => [name, /^(activerehashing|lazyfree)/.test(name) ? 'yes' : '20']),
)

export const parameterRows: readonly ParameterRow[] = [
  ...families.map((family): ParameterRow => ({ name: family, config: { family } })),
  {
    name: 'parameters added, changed and taken away',
    config: { family: 'redis7', parameter: { appendonly: 'yes' } },
    updates: [{ appendonly: 'yes', timeout: '100' }, { timeout: '200' }, {}],
  },
  { name: 'a description and tags', config: { family: 'valkey8', description: 'mine', tags: { key1: 'value1' } } },
  { name: 'more parameters than one request takes', config: { family: 'redis7', parameter: many }, updates: [{}] },
  { name: 'cluster mode', config: { family: 'redis7', parameter: { 'cluster-enabled': 'yes' } } },
]
