/** What Redis OSS 5.0 to 7 changed. Valkey 7.2 has the parameters of Redis OSS 7. */
import { extended, type Row } from './definition.ts'
import { compactForms, redis40 } from './redis-2.ts'

const yesNo = 'yes,no'
const fixed = { fixed: true } as const
const own = { engineName: null } as const
const wide = { wide: true } as const

/** Commands that AWS lets be renamed. */
const renamable =
  'APPEND,BITCOUNT,BITFIELD,BITOP,BITPOS,BLPOP,BRPOP,BRPOPLPUSH,BZPOPMIN,BZPOPMAX,CLIENT,COMMAND,DBSIZE,DECR,DECRBY,DEL,DISCARD,DUMP,ECHO,EVAL,EVALSHA,EXEC,EXISTS,EXPIRE,EXPIREAT,FLUSHALL,FLUSHDB,GEOADD,GEOHASH,GEOPOS,GEODIST,GEORADIUS,GEORADIUSBYMEMBER,GET,GETBIT,GETRANGE,GETSET,HDEL,HEXISTS,HGET,HGETALL,HINCRBY,HINCRBYFLOAT,HKEYS,HLEN,HMGET,HMSET,HSET,HSETNX,HSTRLEN,HVALS,INCR,INCRBY,INCRBYFLOAT,INFO,KEYS,LASTSAVE,LINDEX,LINSERT,LLEN,LPOP,LPUSH,LPUSHX,LRANGE,LREM,LSET,LTRIM,MEMORY,MGET,MONITOR,MOVE,MSET,MSETNX,MULTI,OBJECT,PERSIST,PEXPIRE,PEXPIREAT,PFADD,PFCOUNT,PFMERGE,PING,PSETEX,PSUBSCRIBE,PUBSUB,PTTL,PUBLISH,PUNSUBSCRIBE,RANDOMKEY,READONLY,READWRITE,RENAME,RENAMENX,RESTORE,ROLE,RPOP,RPOPLPUSH,RPUSH,RPUSHX,SADD,SCARD,SCRIPT,SDIFF,SDIFFSTORE,SELECT,SET,SETBIT,SETEX,SETNX,SETRANGE,SINTER,SINTERSTORE,SISMEMBER,SLOWLOG,SMEMBERS,SMOVE,SORT,SPOP,SRANDMEMBER,SREM,STRLEN,SUBSCRIBE,SUNION,SUNIONSTORE,SWAPDB,TIME,TOUCH,TTL,TYPE,UNSUBSCRIBE,UNLINK,UNWATCH,WAIT,WATCH,ZADD,ZCARD,ZCOUNT,ZINCRBY,ZINTERSTORE,ZLEXCOUNT,ZPOPMAX,ZPOPMIN,ZRANGE,ZRANGEBYLEX,ZREVRANGEBYLEX,ZRANGEBYSCORE,ZRANK,ZREM,ZREMRANGEBYLEX,ZREMRANGEBYRANK,ZREMRANGEBYSCORE,ZREVRANGE,ZREVRANGEBYSCORE,ZREVRANK,ZSCORE,ZUNIONSTORE,SCAN,SSCAN,HSCAN,ZSCAN,XINFO,XADD,XTRIM,XDEL,XRANGE,XREVRANGE,XLEN,XREAD,XGROUP,XREADGROUP,XACK,XCLAIM,XPENDING,GEORADIUS_RO,GEORADIUSBYMEMBER_RO,LOLWUT,XSETID,SUBSTR'

const events = (letters: string): Row => [
  'notify-keyspace-events',
  '',
  'string',
  null,
  'The keyspace events for Redis to notify Pub/Sub clients about. By default all notifications are disabled',
  { letters },
]

const redis50Rows: readonly Row[] = [
  ['active-defrag-cycle-min', '5', 'integer', '1-75', 'Minimal effort for defrag in CPU percentage'],
  [
    'active-defrag-max-scan-fields',
    '1000',
    'integer',
    '1-1000000',
    'Maximum number of set/hash/zset/list fields that will be processed from the main dictionary scan',
  ],
  [
    'client-output-buffer-limit-replica-soft-seconds',
    '60',
    'integer',
    '0-',
    'Replica client output buffer soft limit in seconds.',
    fixed,
  ],
  [
    'close-on-replica-write',
    'yes',
    'string',
    yesNo,
    'If enabled, clients who attempt to write to a read-only replica will be disconnected. Applicable to 2.8.23 and higher.',
    own,
  ],
  ['lua-replicate-commands', 'yes', 'string', yesNo, 'Always enable Lua effect replication or not'],
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
  events('KEg$lshzxeAt'),
  [
    'rename-commands',
    '',
    'string',
    renamable,
    'Redis commands that can be dynamically renamed by the customer',
    // To take it and do nothing would leave commands open that somebody believes to be closed.
    { ...own, since: '5.0.3', refused: 'commands keep their names here' },
  ],
  ['replica-allow-chaining', 'no', 'string', yesNo, 'Configures if chaining of replicas is allowed', { ...fixed, ...own }],
  [
    'replica-ignore-maxmemory',
    'yes',
    'string',
    yesNo,
    'Determines if replica ignores maxmemory setting by not evicting items independent from the master',
    fixed,
  ],
  ['replica-lazy-flush', 'no', 'string', yesNo, 'Perform an asynchronous flushDB during replica sync', fixed],
  ['stream-node-max-bytes', '4096', 'integer', '0-', 'The maximum size of a single node in a stream in bytes', wide],
  ['stream-node-max-entries', '100', 'integer', '0-', 'The maximum number of items a single node in a stream can contain', wide],
]

const removedIn50 = [
  'client-output-buffer-limit-slave-soft-seconds',
  'close-on-slave-write',
  'min-slaves-max-lag',
  'min-slaves-to-write',
  'repl-timeout',
  'reserved-memory',
  'slave-allow-chaining',
  'slave-lazy-flush',
]

const redis60Rows: readonly Row[] = [
  [
    'acl-pubsub-default',
    'allchannels',
    'string',
    'resetchannels,allchannels',
    'Default pubsub channel permissions for ACL users deployed to this cluster',
    { since: '6.2.0' },
  ],
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
  events('KEg$lshzxeAtm'),
  [
    'tracking-table-max-keys',
    '1000000',
    'integer',
    '1-100000000',
    'The maximum number of keys allowed for the tracking table for client side caching',
  ],
]

const redis70Rows: readonly Row[] = [
  [
    'cluster-allow-pubsubshard-when-down',
    'yes',
    'string',
    yesNo,
    'When yes, nodes serve pubsub shard traffic while the cluster is in a down state, as long as they believe they own the slots',
  ],
  [
    'cluster-preferred-endpoint-type',
    'tls-dynamic',
    'string',
    'ip,tls-dynamic',
    'The endpoint that is returned for MOVED and ASKING, CLUSTER SLOTS and CLUSTER SHARDS: the ip address, or with tls-dynamic a hostname where encryption in transit is enabled',
    own,
  ],
  ['databases', '16', 'integer', '1-10000', 'Set the number of databases.', { reboot: true }],
  ...compactForms('listpack'),
  ['latency-tracking', 'no', 'string', yesNo, 'When set to yes, tracks the per command latencies'],
  [
    'list-max-listpack-size',
    '-2',
    'integer',
    '-5,-4,-3,-2,-1,1-',
    'The number of entries allowed per internal list node can be specified as a fixed maximum size or a maximum number of elements',
  ],
  events('KEg$lshzxeAtmdn'),
]

export const redis50 = extended(redis40, redis50Rows, removedIn50)
export const redis60 = extended(redis50, redis60Rows, ['lua-replicate-commands'])
export const redis70 = extended(redis60, redis70Rows, [...compactForms('ziplist').map(([name]) => name), 'list-max-ziplist-size'])
