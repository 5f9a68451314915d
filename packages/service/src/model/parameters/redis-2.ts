/** Parameters of the oldest families, on which all later ones are built, and what each version up to 4.0 changed. */
import { extended, type Row } from './definition.ts'

const yesNo = 'yes,no'
const reboot = { reboot: true } as const
const fixed = { fixed: true } as const
const wide = { wide: true } as const
/** AWS's own: Larder acts upon it, or there is nothing to act upon; the engine does not know it. */
const own = { engineName: null } as const

/** One row for each of the limits of the output buffers of normal and of Pub/Sub clients. */
const buffers = (kind: string, title: string, hard: string, soft: string, seconds: string): readonly Row[] => [
  [
    `client-output-buffer-limit-${kind}-hard-limit`,
    hard,
    'integer',
    '0-',
    `${title} client output buffer hard limit in bytes.`,
    wide,
  ],
  [
    `client-output-buffer-limit-${kind}-soft-limit`,
    soft,
    'integer',
    '0-',
    `${title} client output buffer soft limit in bytes.`,
    wide,
  ],
  [
    `client-output-buffer-limit-${kind}-soft-seconds`,
    seconds,
    'integer',
    '0-',
    `${title} client output buffer soft limit in seconds.`,
  ],
]

const compressed = (things: string): string =>
  `The maximum number of ${things} entries in order for the dataset to be compressed.`
const compressedValue = (things: string): string =>
  `The threshold of biggest ${things} entries in order for the dataset to be compressed.`

/** Hashes and sorted sets in their compact form, which was called otherwise before Redis OSS 7. */
export const compactForms = (form: 'ziplist' | 'listpack'): readonly Row[] => [
  [`hash-max-${form}-entries`, '512', 'integer', '0-', compressed('hash'), wide],
  [`hash-max-${form}-value`, '64', 'integer', '0-', compressedValue('hash'), wide],
  [`zset-max-${form}-entries`, '128', 'integer', '0-', compressed('sorted set'), wide],
  [`zset-max-${form}-value`, '64', 'integer', '0-', compressedValue('sorted set'), wide],
]

const redis26Rows: readonly Row[] = [
  ['activerehashing', 'yes', 'string', yesNo, 'Apply rehashing or not.', reboot],
  ['appendfsync', 'everysec', 'string', 'always,everysec,no', 'fsync policy for AOF persistence'],
  ['appendonly', 'no', 'string', yesNo, 'Enable AOF persistence.'],
  ...buffers('normal', 'Normal', '0', '0', '0'),
  ...buffers('pubsub', 'Pubsub', '33554432', '8388608', '60'),
  [
    'client-output-buffer-limit-slave-soft-seconds',
    '60',
    'integer',
    '0-',
    'Slave client output buffer soft limit in seconds.',
    { fixed: true, engineName: null },
  ],
  ['databases', '16', 'integer', '1-1200000', 'Set the number of databases.', reboot],
  ...compactForms('ziplist'),
  ['list-max-ziplist-entries', '512', 'integer', '0-', compressed('list'), wide],
  ['list-max-ziplist-value', '64', 'integer', '0-', compressedValue('list'), wide],
  [
    'lua-time-limit',
    '5000',
    'integer',
    '5000',
    'Max execution time of a Lua script in milliseconds. 0 for unlimited execution without warnings.',
    fixed,
  ],
  ['maxclients', '65000', 'integer', '1-65000', 'The maximum number of clients.', { fixed: true, reboot: true }],
  [
    'maxmemory-policy',
    'volatile-lru',
    'string',
    'volatile-lru,allkeys-lru,volatile-random,allkeys-random,volatile-ttl,noeviction',
    'Max memory policy.',
  ],
  ['maxmemory-samples', '3', 'integer', '1-', 'Max memory samples.'],
  [
    'reserved-memory',
    '0',
    'integer',
    '0-',
    'The amount of memory reserved for non-cache memory usage, in bytes.',
    { ...own, ...wide },
  ],
  [
    'set-max-intset-entries',
    '512',
    'integer',
    '0-',
    'The limit in the size of the set in order for the dataset to be compressed.',
    wide,
  ],
  [
    'slave-allow-chaining',
    'no',
    'string',
    yesNo,
    'Configures if chaining of slaves is allowed',
    { fixed: true, engineName: null },
  ],
  [
    'slowlog-log-slower-than',
    '10000',
    'integer',
    '-1-',
    'The execution time, in microseconds, to exceed in order for the command to get logged. Note that a negative number disables the slow log, while a value of zero forces the logging of every command.',
    wide,
  ],
  [
    'slowlog-max-len',
    '128',
    'integer',
    '0-',
    'The length of the slow log. There is no limit to this length. Just be aware that it will consume memory. You can reclaim memory used by the slow log with SLOWLOG RESET.',
    wide,
  ],
  ['tcp-keepalive', '0', 'integer', '0-', 'If non-zero, send ACKs every given number of seconds.'],
  ['timeout', '0', 'integer', '0,20-', 'Close connection if client is idle for a given number of seconds, or never if 0.'],
]

const backlogSize =
  'The replication backlog size in bytes for PSYNC. This is the size of the buffer which accumulates replica data when a replica is disconnected for some time, so that when it reconnects again, only the portion of data that it missed is transferred. Minimum value is 16K.'

/** Valkey 8 begins with a larger one. */
export const backlog = (size: string): Row => ['repl-backlog-size', size, 'integer', '16384-', backlogSize, wide]

const redis28Rows: readonly Row[] = [
  [
    'close-on-slave-write',
    'yes',
    'string',
    yesNo,
    'If enabled, clients who attempt to write to a read-only slave will be disconnected. Applicable to 2.8.23 and higher.',
    { ...own, since: '2.8.23' },
  ],
  [
    'min-slaves-max-lag',
    '10',
    'integer',
    '0-',
    'Maximum number of seconds within which the master must receive a ping from a slave to take writes. Setting this value to 0 means the master always takes writes.',
  ],
  [
    'min-slaves-to-write',
    '0',
    'integer',
    '0-',
    'Number of slaves that must be connected in order for master to take writes. Setting this to 0 means the master always takes writes.',
  ],
  [
    'notify-keyspace-events',
    '',
    'string',
    null,
    'The keyspace events for Redis to notify Pub/Sub clients about. By default all notifications are disabled',
    { letters: 'KEg$lshzxeA' },
  ],
  backlog('1048576'),
  [
    'repl-backlog-ttl',
    '3600',
    'integer',
    '0-',
    'The amount of time in seconds after the master no longer has any replicas connected for the master to free the replication backlog. A value of 0 means to never release the backlog.',
    wide,
  ],
  [
    'repl-timeout',
    '60',
    'integer',
    '11-',
    'The timeout in seconds for bulk transfer I/O during sync, and of master and replica from the perspective of each other.',
  ],
]

const redis32Rows: readonly Row[] = [
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
    'Number of quicklist ziplist nodes from each side of the list to exclude from compression. The head and tail of the list are always uncompressed for fast push/pop operations',
  ],
  [
    'list-max-ziplist-size',
    '-2',
    'integer',
    '-5,-4,-3,-2,-1,1-',
    'The number of entries allowed per internal list node can be specified as a fixed maximum size or a maximum number of elements',
    fixed,
  ],
  ['repl-timeout', '60', 'integer', '60', 'The timeout in seconds for bulk transfer I/O during sync.', fixed],
  [
    'reserved-memory-percent',
    '25',
    'integer',
    '0-100',
    'The percent of memory reserved for non-cache memory usage. You may want to increase this parameter for nodes with read replicas, AOF enabled, etc, to reduce swap usage.',
    own,
  ],
  ['tcp-keepalive', '300', 'integer', '0-', 'If non-zero, send ACKs every given number of seconds.'],
]

const redis40Rows: readonly Row[] = [
  ['active-defrag-cycle-max', '75', 'integer', '1-75', 'Maximal effort for defrag in CPU percentage'],
  ['active-defrag-cycle-min', '25', 'integer', '1-75', 'Minimal effort for defrag in CPU percentage'],
  [
    'active-defrag-ignore-bytes',
    '104857600',
    'integer',
    '1048576-',
    'Minimum amount of fragmentation waste to start active defrag',
    wide,
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
  [
    'maxmemory-policy',
    'volatile-lru',
    'string',
    'volatile-lru,allkeys-lru,volatile-lfu,allkeys-lfu,volatile-random,allkeys-random,volatile-ttl,noeviction',
    'Max memory policy.',
  ],
  ['proto-max-bulk-len', '536870912', 'integer', '1048576-536870912', 'Max size of a single element request'],
  [
    'slave-lazy-flush',
    'no',
    'string',
    yesNo,
    'Perform an asynchronous flushDB during slave sync',
    { fixed: true, engineName: null },
  ],
]

export const redis26 = redis26Rows
export const redis28 = extended(redis26, redis28Rows)
export const redis32 = extended(redis28, redis32Rows, ['list-max-ziplist-entries', 'list-max-ziplist-value'])
export const redis40 = extended(redis32, redis40Rows)
