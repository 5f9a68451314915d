/**
 * Commands of Valkey and Redis OSS, and which of them an engine has: an access string that names one that it has not would keep the engine from starting.
 * Source: the answers of the engines to COMMAND (`engines/valkey/commands.test.ts` compares).
 */
import { compareVersions } from './engine-versions.ts'
import type { EngineName } from './group.ts'

/** Those of Redis OSS 7.0, which all later engines have too. */
const commands: readonly string[] = [
  'acl append asking auth bgrewriteaof bgsave bitcount bitfield bitfield_ro bitop bitpos blmove blmpop blpop brpop',
  'brpoplpush bzmpop bzpopmax bzpopmin client cluster command config copy dbsize debug decr decrby del discard dump echo',
  'eval eval_ro evalsha evalsha_ro exec exists expire expireat expiretime failover fcall fcall_ro flushall flushdb function',
  'geoadd geodist geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro geosearch geosearchstore get',
  'getbit getdel getex getrange getset hdel hello hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset',
  'hrandfield hscan hset hsetnx hstrlen hvals incr incrby incrbyfloat info keys lastsave latency lcs lindex linsert llen',
  'lmove lmpop lolwut lpop lpos lpush lpushx lrange lrem lset ltrim memory mget migrate module monitor move mset msetnx',
  'multi object persist pexpire pexpireat pexpiretime pfadd pfcount pfdebug pfmerge pfselftest ping psetex psubscribe psync',
  'pttl publish pubsub punsubscribe quit randomkey readonly readwrite rename renamenx replconf replicaof reset restore',
  'restore-asking role rpop rpoplpush rpush rpushx sadd save scan scard script sdiff sdiffstore select set setbit setex',
  'setnx setrange shutdown sinter sintercard sinterstore sismember slaveof slowlog smembers smismember smove sort sort_ro',
  'spop spublish srandmember srem sscan ssubscribe strlen subscribe substr sunion sunionstore sunsubscribe swapdb sync time',
  'touch ttl type unlink unsubscribe unwatch wait watch xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange',
  'xread xreadgroup xrevrange xsetid xtrim zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore',
  'zlexcount zmpop zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem',
  'zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion',
  'zunionstore',
].flatMap((line) => line.split(' '))

const subcommands: Readonly<Record<string, string>> = {
  acl: 'cat deluser dryrun genpass getuser help list load log save setuser users whoami',
  client: 'caching getname getredir help id info kill list no-evict pause reply setname tracking trackinginfo unblock unpause',
  cluster:
    'addslots addslotsrange bumpepoch count-failure-reports countkeysinslot delslots delslotsrange failover flushslots forget getkeysinslot help info keyslot links meet myid nodes replicas replicate reset saveconfig set-config-epoch setslot shards slaves slots',
  command: 'count docs getkeys getkeysandflags help info list',
  config: 'get help resetstat rewrite set',
  function: 'delete dump flush help kill list load restore stats',
  latency: 'doctor graph help histogram history latest reset',
  memory: 'doctor help malloc-stats purge stats usage',
  module: 'help list load loadex unload',
  object: 'encoding freq help idletime refcount',
  pubsub: 'channels help numpat numsub shardchannels shardnumsub',
  script: 'debug exists flush help kill load',
  slowlog: 'get help len reset',
  xgroup: 'create createconsumer delconsumer destroy help setid',
  xinfo: 'consumers groups help stream',
}

/** First version of each engine that has it; an engine that is missing never has it. */
const later: Readonly<Record<string, Readonly<Partial<Record<'valkey' | 'redis', string>>>>> = {
  'client|capa': { valkey: '8.0' },
  'client|import-source': { valkey: '8.1' },
  'client|no-touch': { valkey: '7.2', redis: '7.2' },
  'client|setinfo': { valkey: '7.2', redis: '7.2' },
  clusterscan: { valkey: '9.1' },
  'cluster|cancelslotmigrations': { valkey: '9.0' },
  'cluster|flushslot': { valkey: '9.0' },
  'cluster|getslotmigrations': { valkey: '9.0' },
  'cluster|migrateslots': { valkey: '9.0' },
  'cluster|myshardid': { valkey: '7.2', redis: '7.2' },
  'cluster|slot-stats': { valkey: '8.0', redis: '8.2' },
  'cluster|syncslots': { valkey: '9.0' },
  commandlog: { valkey: '8.1' },
  'commandlog|get': { valkey: '8.1' },
  'commandlog|help': { valkey: '8.1' },
  'commandlog|len': { valkey: '8.1' },
  'commandlog|reset': { valkey: '8.1' },
  delifeq: { valkey: '9.0' },
  hexpire: { valkey: '9.0', redis: '7.4' },
  hexpireat: { valkey: '9.0', redis: '7.4' },
  hexpiretime: { valkey: '9.0', redis: '7.4' },
  hgetdel: { valkey: '9.1', redis: '8.0' },
  hgetex: { valkey: '9.0', redis: '8.0' },
  hpersist: { valkey: '9.0', redis: '7.4' },
  hpexpire: { valkey: '9.0', redis: '7.4' },
  hpexpireat: { valkey: '9.0', redis: '7.4' },
  hpexpiretime: { valkey: '9.0', redis: '7.4' },
  hpttl: { valkey: '9.0', redis: '7.4' },
  hsetex: { valkey: '9.0', redis: '8.0' },
  httl: { valkey: '9.0', redis: '7.4' },
  msetex: { valkey: '9.1', redis: '8.4' },
  'script|show': { valkey: '8.0' },
  waitaof: { valkey: '7.2', redis: '7.2' },
}

const always: ReadonlySet<string> = new Set([
  ...commands,
  ...Object.entries(subcommands).flatMap(([name, texts]) => texts.split(' ').map((text) => `${name}|${text}`)),
])

export const commandCategories: ReadonlySet<string> = new Set(
  'admin all bitmap blocking connection dangerous fast geo hash hyperloglog keyspace list pubsub read scripting set slow sortedset stream string transaction write'.split(
    ' ',
  ),
)

/** `get`, `config|get`. Has any engine that Larder knows this command? */
export const isCommand = (name: string): boolean => always.has(name) || Object.hasOwn(later, name)

export const isContainer = (name: string): boolean => Object.hasOwn(subcommands, name) || name === 'commandlog'

export const hasCommand = (name: string, engine: EngineName, version: string): boolean => {
  if (always.has(name)) return true
  const since = engine === 'memcached' || !Object.hasOwn(later, name) ? undefined : later[name]?.[engine]
  return since !== undefined && compareVersions(version, since) >= 0
}

/** Every subcommand of a command that this engine has. */
export const subcommandsOf = (name: string, engine: EngineName, version: string): readonly string[] =>
  [...always, ...Object.keys(later)]
    .filter((each) => each.startsWith(`${name}|`) && hasCommand(each, engine, version))
    .map((each) => each.slice(name.length + 1))
