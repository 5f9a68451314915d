/**
 * Parameters of the Redis OSS and Valkey families. Source: AWS's pages on engine-specific parameters, and the engines' own
 * configuration. Larder differs in one point: `appendonly` and `appendfsync` can be modified in every family, for whoever wants a
 * cache that survives; AWS fixes them in the newer ones.
 */
import { allNodeTypes } from '../node-types.ts'
import { definitionsOf, type ParameterDefinition, type Row } from './definition.ts'

const yesNo = 'yes,no'
const reboot = { reboot: true } as const
const fixed = { fixed: true } as const
const own = { engineName: null } as const

const common: readonly Row[] = [
  ['activerehashing', 'yes', 'string', yesNo, 'Apply active rehashing or not.', reboot],
  ['appendfsync', 'everysec', 'string', 'always,everysec,no', 'fsync policy for AOF persistence'],
  ['appendonly', 'no', 'string', yesNo, 'Enable AOF persistence.'],
  ['client-output-buffer-limit-normal-hard-limit', '0', 'integer', '0-', 'Normal client output buffer hard limit in bytes'],
  ['client-output-buffer-limit-normal-soft-limit', '0', 'integer', '0-', 'Normal client output buffer soft limit in bytes'],
  ['client-output-buffer-limit-normal-soft-seconds', '0', 'integer', '0-', 'Normal client output buffer soft limit in seconds'],
  [
    'client-output-buffer-limit-pubsub-hard-limit',
    '33554432',
    'integer',
    '0-',
    'Pubsub client output buffer hard limit in bytes',
  ],
  ['client-output-buffer-limit-pubsub-soft-limit', '8388608', 'integer', '0-', 'Pubsub client output buffer soft limit in bytes'],
  ['client-output-buffer-limit-pubsub-soft-seconds', '60', 'integer', '0-', 'Pubsub client output buffer soft limit in seconds'],
  ['databases', '16', 'integer', '1-10000', 'Set the number of databases.', reboot],
  [
    'lua-time-limit',
    '5000',
    'integer',
    '5000',
    'Max execution time of a Lua script in milliseconds. 0 for unlimited execution without warnings.',
    fixed,
  ],
  ['maxclients', '65000', 'integer', '1-65000', 'The maximum number of clients that can be connected at once.', fixed],
  [
    'maxmemory-policy',
    'volatile-lru',
    'string',
    'volatile-lru,allkeys-lru,volatile-lfu,allkeys-lfu,volatile-random,allkeys-random,volatile-ttl,noeviction',
    'Max memory policy.',
  ],
  ['maxmemory-samples', '3', 'integer', '1-64', 'Max memory samples.'],
  [
    'notify-keyspace-events',
    '',
    'string',
    null,
    'The keyspace events for Redis to notify Pub/Sub clients about. By default all notifications are disabled',
  ],
  ['reserved-memory', '0', 'integer', '0-', 'The amount of memory reserved for non-cache memory usage, in bytes.', own],
  ['set-max-intset-entries', '512', 'integer', '0-', 'The limit in the size of the set in order for the set to be compressed.'],
  [
    'slowlog-log-slower-than',
    '10000',
    'integer',
    '-1-',
    'The execution time, in microseconds, to exceed in order for the command to get logged. A negative number disables the slow log, while a value of zero forces the logging of every command.',
  ],
  [
    'slowlog-max-len',
    '128',
    'integer',
    '0-',
    'The length of the slow log. There is no limit to this length. Just be aware that it will consume memory. You can reclaim memory used by the slow log with SLOWLOG RESET.',
  ],
  ['tcp-keepalive', '300', 'integer', '0-', 'If non-zero, send ACKs every given number of seconds.'],
  ['timeout', '0', 'integer', '0,20-', 'Close connection if client is idle for a given number of seconds, or never if 0.'],
]

/** Names of before Redis OSS 7.0. */
const ziplists: readonly Row[] = [
  [
    'hash-max-ziplist-entries',
    '512',
    'integer',
    '0-',
    'The maximum number of hash entries in order for the dataset to be compressed.',
  ],
  [
    'hash-max-ziplist-value',
    '64',
    'integer',
    '0-',
    'The threshold of biggest hash entries in order for the dataset to be compressed.',
  ],
  [
    'zset-max-ziplist-entries',
    '128',
    'integer',
    '0-',
    'The maximum number of sorted set entries in order for the dataset to be compressed.',
  ],
  [
    'zset-max-ziplist-value',
    '64',
    'integer',
    '0-',
    'The threshold of biggest sorted set entries in order for the dataset to be compressed.',
  ],
]

const listpacks: readonly Row[] = [
  [
    'hash-max-listpack-entries',
    '512',
    'integer',
    '0-',
    'The maximum number of hash entries in order for the dataset to be compressed.',
  ],
  [
    'hash-max-listpack-value',
    '64',
    'integer',
    '0-',
    'The threshold of biggest hash entries in order for the dataset to be compressed.',
  ],
  [
    'zset-max-listpack-entries',
    '128',
    'integer',
    '0-',
    'The maximum number of sorted set entries in order for the dataset to be compressed.',
  ],
  [
    'zset-max-listpack-value',
    '64',
    'integer',
    '0-',
    'The threshold of biggest sorted set entries in order for the dataset to be compressed.',
  ],
]

const since32: readonly Row[] = [
  [
    'close-on-replica-write',
    'yes',
    'string',
    yesNo,
    'If enabled, clients who attempt to write to a read-only replica will be disconnected. Applicable to Redis OSS 3.2 and later.',
    own,
  ],
  ['cluster-enabled', 'no', 'string', yesNo, 'Enable cluster mode', { fixed: true, reboot: true, engineName: null }],
  [
    'cluster-require-full-coverage',
    'no',
    'string',
    yesNo,
    'Whether cluster becomes unavailable if one or more slots are not covered',
  ],
  ['hll-sparse-max-bytes', '3000', 'integer', '1-16000', 'HyperLogLog sparse representation bytes limit'],
  [
    'list-compress-depth',
    '0',
    'integer',
    '0-',
    'Number of quicklist ziplist nodes from each side of the list to exclude from compression. The head and tail of the list are always uncompressed. Settings: 0: Disable all list compression',
  ],
  ['reserved-memory-percent', '25', 'integer', '0-100', 'The percent of memory reserved for non-cache memory usage.', own],
]

const since40: readonly Row[] = [
  ['active-defrag-cycle-max', '75', 'integer', '1-75', 'Maximal effort for defrag in CPU percentage'],
  ['active-defrag-cycle-min', '5', 'integer', '1-75', 'Minimal effort for defrag in CPU percentage'],
  [
    'active-defrag-ignore-bytes',
    '104857600',
    'integer',
    '1048576-',
    'Minimum amount of fragmentation waste to start active defrag',
  ],
  [
    'active-defrag-max-scan-fields',
    '1000',
    'integer',
    '1-1000000',
    'Maximum number of set/hash/zset/list fields that will be processed from the main dictionary scan',
  ],
  ['active-defrag-threshold-lower', '10', 'integer', '1-100', 'Minimum percentage of fragmentation to start active defrag'],
  [
    'active-defrag-threshold-upper',
    '100',
    'integer',
    '1-100',
    'Maximum percentage of fragmentation at which we use maximum effort',
  ],
  ['activedefrag', 'no', 'string', yesNo, 'Enabled active memory defragmentation'],
  ['client-query-buffer-limit', '1073741824', 'integer', '1048576-1073741824', 'Max size of a single client query buffer'],
  ['lazyfree-lazy-eviction', 'no', 'string', yesNo, 'Perform an asynchronous delete on evictions'],
  ['lazyfree-lazy-expire', 'no', 'string', yesNo, 'Perform an asynchronous delete on expired keys'],
  ['lazyfree-lazy-server-del', 'no', 'string', yesNo, 'Perform an asynchronous delete on key updates'],
  ['lfu-decay-time', '1', 'integer', '0-', 'The amount of time in minutes to decrement the key counter for LFU eviction policy'],
  ['lfu-log-factor', '10', 'integer', '1-', 'The log factor for incrementing key counter for LFU eviction policy'],
  ['proto-max-bulk-len', '536870912', 'integer', '1048576-536870912', 'Max size of a single element request'],
]

const since50: readonly Row[] = [
  [
    'client-output-buffer-limit-replica-soft-seconds',
    '60',
    'integer',
    '0-',
    'Replica client output buffer soft limit in seconds',
  ],
  ['lua-replicate-commands', 'yes', 'string', yesNo, 'Always enable Lua effect replication or not', { engineName: null }],
  [
    'min-replicas-max-lag',
    '10',
    'integer',
    '0-',
    'The maximum amount of replica lag in seconds beyond which the master would stop taking writes. A value of 0 means the master always takes writes.',
  ],
  [
    'min-replicas-to-write',
    '0',
    'integer',
    '0-',
    'The minimum number of replicas that must be present with lag no greater than min-replicas-max-lag for master to take writes. Setting this to 0 means the master always takes writes.',
  ],
  [
    'repl-backlog-size',
    '1048576',
    'integer',
    '16384-',
    'The replication backlog size in bytes for PSYNC. This is the size of the buffer which accumulates slave data when slave is disconnected for some time, so that when slave reconnects again, only transfer the portion of data which the slave missed. Minimum value is 16K.',
  ],
  [
    'repl-backlog-ttl',
    '3600',
    'integer',
    '0-',
    'The amount of time in seconds after the master no longer have any slaves connected for the master to free the replication backlog. A value of 0 means to never release the backlog.',
  ],
  [
    'repl-timeout',
    '60',
    'integer',
    '11-',
    'The timeout in seconds for bulk transfer I/O during sync and master timeout from the perspective of the replica, and replica timeout from the perspective of the master.',
  ],
  [
    'replica-allow-chaining',
    'no',
    'string',
    yesNo,
    'Configures if chaining of replicas is allowed',
    { fixed: true, engineName: null },
  ],
  [
    'replica-ignore-maxmemory',
    'yes',
    'string',
    yesNo,
    'Determines if replica ignores maxmemory setting by not evicting items independent from the master',
    fixed,
  ],
  ['replica-lazy-flush', 'no', 'string', yesNo, 'Perform an asynchronous flushDB during replica sync'],
  [
    'rename-commands',
    '',
    'string',
    null,
    'Redis commands that can be dynamically renamed by the customer',
    { fixed: true, engineName: null },
  ],
  ['stream-node-max-bytes', '4096', 'integer', '0-', 'The maximum size of a single node in a stream in bytes'],
  ['stream-node-max-entries', '100', 'integer', '0-', 'The maximum number of items a single node in a stream can contain'],
]

const since6: readonly Row[] = [
  ['acllog-max-len', '128', 'integer', '1-10000', 'The maximum length of the ACL Log'],
  [
    'active-expire-effort',
    '1',
    'integer',
    '1-10',
    'The amount of effort that redis uses to expire items in the active expiration job',
  ],
  ['cluster-allow-reads-when-down', 'no', 'string', yesNo, 'Whether cluster allows reads when it is down'],
  [
    'lazyfree-lazy-user-del',
    'no',
    'string',
    yesNo,
    'Specifies whether the default behavior of DEL command acts the same as UNLINK',
  ],
  [
    'tracking-table-max-keys',
    '1000000',
    'integer',
    '1-100000000',
    'The maximum number of keys allowed for the tracking table for client side caching',
  ],
]

const since7: readonly Row[] = [
  [
    'cluster-allow-pubsubshard-when-down',
    'yes',
    'string',
    yesNo,
    'When yes, sharded pubsub channels are still served by nodes while the cluster is down',
  ],
  [
    'cluster-preferred-endpoint-type',
    'ip',
    'string',
    'ip,tls-dynamic',
    'The preferred endpoint type of answers to cluster clients',
    { fixed: true, engineName: null },
  ],
  [
    'lazyfree-lazy-user-flush',
    'no',
    'string',
    yesNo,
    'Specifies whether the default behavior of FLUSHALL and FLUSHDB acts asynchronously',
  ],
  ['latency-tracking', 'no', 'string', yesNo, 'When set to yes, tracks the per command latencies'],
  [
    'list-max-listpack-size',
    '-2',
    'integer',
    '-5,-4,-3,-2,-1,1-',
    'The number of entries allowed per internal list node can be specified as a fixed maximum size or a maximum number of elements.',
  ],
  ['replica-priority', '100', 'integer', '0-', 'The priority of a replica for a promotion', { fixed: true, engineName: null }],
]

/** Largest output buffer of a replica: a tenth of the memory, as AWS sets it. */
const replicaBuffer = (limit: 'hard' | 'soft', since: string): ParameterDefinition => ({
  name: `client-output-buffer-limit-replica-${limit}-limit`,
  description: `Replica client output buffer ${limit} limit in bytes`,
  source: 'system',
  dataType: 'integer',
  allowedValues: '0-',
  modifiable: false,
  minimumEngineVersion: since,
  change: 'immediate',
  nodeTypeSpecific: Object.fromEntries(allNodeTypes.map((type) => [type.name, String(Math.floor(type.maxmemory / 10))])),
  engineName: `client-output-buffer-limit-replica-${limit}-limit`,
})

const maxmemory = (since: string): ParameterDefinition => ({
  name: 'maxmemory',
  description: 'The maximum memory that can be used by the cache, in bytes.',
  source: 'system',
  dataType: 'integer',
  allowedValues: '1-',
  modifiable: false,
  minimumEngineVersion: since,
  change: 'immediate',
  nodeTypeSpecific: Object.fromEntries(allNodeTypes.map((type) => [type.name, String(type.maxmemory)])),
  engineName: null,
})

interface Generation {
  readonly minimum: string
  readonly rows: readonly (readonly Row[])[]
}

const older = [common, ziplists] as const
const newest = [common, listpacks, since32, since40, since50, since6, since7] as const

const generations: Readonly<Record<string, Generation>> = {
  'redis2.6': { minimum: '2.6.13', rows: older },
  'redis2.8': { minimum: '2.8.6', rows: older },
  'redis3.2': { minimum: '3.2.4', rows: [...older, since32] },
  'redis4.0': { minimum: '4.0.10', rows: [...older, since32, since40] },
  'redis5.0': { minimum: '5.0.0', rows: [...older, since32, since40, since50] },
  'redis6.x': { minimum: '6.0.5', rows: [...older, since32, since40, since50, since6] },
  redis7: { minimum: '7.0.4', rows: newest },
  valkey7: { minimum: '7.2.6', rows: newest },
  valkey8: { minimum: '8.0.1', rows: newest },
  valkey9: { minimum: '9.0.0', rows: newest },
}

export const redisParameters = (family: string): readonly ParameterDefinition[] => {
  const generation = generations[family]
  if (generation === undefined) return []
  const { minimum, rows } = generation
  return [
    ...rows.flatMap((each) => definitionsOf(each, minimum)),
    maxmemory(minimum),
    ...(rows.length > older.length + 2 ? [replicaBuffer('hard', minimum), replicaBuffer('soft', minimum)] : []),
  ]
}
