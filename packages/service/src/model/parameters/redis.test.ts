import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisParameters } from './redis.ts'

const names = (family: string): ReadonlySet<string> => new Set(redisParameters(family).map(({ name }) => name))
const added = (from: string, to: string): readonly string[] => [...names(to)].filter((name) => !names(from).has(name)).sort()
const found = (family: string, name: string) => redisParameters(family).find((each) => each.name === name)

test('Redis OSS 5.0 has the parameters of the answer that AWS publishes, and those that depend on the node type', () => {
  const published = `activedefrag active-defrag-cycle-max active-defrag-cycle-min active-defrag-ignore-bytes active-defrag-max-scan-fields
    active-defrag-threshold-lower active-defrag-threshold-upper activerehashing appendfsync appendonly
    client-output-buffer-limit-normal-hard-limit client-output-buffer-limit-normal-soft-limit
    client-output-buffer-limit-normal-soft-seconds client-output-buffer-limit-pubsub-hard-limit
    client-output-buffer-limit-pubsub-soft-limit client-output-buffer-limit-pubsub-soft-seconds
    client-output-buffer-limit-replica-soft-seconds client-query-buffer-limit close-on-replica-write cluster-enabled
    cluster-require-full-coverage databases hash-max-ziplist-entries hash-max-ziplist-value hll-sparse-max-bytes lazyfree-lazy-eviction
    lazyfree-lazy-expire lazyfree-lazy-server-del lfu-decay-time lfu-log-factor list-compress-depth list-max-ziplist-size
    lua-replicate-commands lua-time-limit maxclients maxmemory-policy maxmemory-samples min-replicas-max-lag min-replicas-to-write
    notify-keyspace-events proto-max-bulk-len rename-commands repl-backlog-size repl-backlog-ttl replica-allow-chaining
    replica-ignore-maxmemory replica-lazy-flush reserved-memory-percent set-max-intset-entries slowlog-log-slower-than slowlog-max-len
    stream-node-max-bytes stream-node-max-entries tcp-keepalive timeout zset-max-ziplist-entries zset-max-ziplist-value`
  const ofNodeType = [
    'client-output-buffer-limit-replica-hard-limit',
    'client-output-buffer-limit-replica-soft-limit',
    'maxmemory',
  ]
  assert.deepEqual([...names('redis5.0')].sort(), [...published.split(/\s+/), ...ofNodeType].sort())
  const fixed = redisParameters('redis5.0').filter((each) => !each.modifiable && each.nodeTypeSpecific === undefined)
  assert.deepEqual(fixed.map(({ name }) => name).sort(), [
    'client-output-buffer-limit-replica-soft-seconds',
    'cluster-enabled',
    'list-max-ziplist-size',
    'lua-time-limit',
    'maxclients',
    'replica-allow-chaining',
    'replica-ignore-maxmemory',
    'replica-lazy-flush',
  ])
  assert.equal(found('redis5.0', 'rename-commands')?.minimumEngineVersion, '5.0.3')
})

test('each generation adds and removes what AWS says', () => {
  assert.deepEqual(added('redis5.0', 'redis6.x'), [
    'acl-pubsub-default',
    'acllog-max-len',
    'active-expire-effort',
    'cluster-allow-reads-when-down',
    'lazyfree-lazy-user-del',
    'tracking-table-max-keys',
  ])
  assert.deepEqual(added('redis6.x', 'redis5.0'), ['lua-replicate-commands'])
  assert.deepEqual(added('redis6.x', 'redis7'), [
    'cluster-allow-pubsubshard-when-down',
    'cluster-preferred-endpoint-type',
    'hash-max-listpack-entries',
    'hash-max-listpack-value',
    'latency-tracking',
    'list-max-listpack-size',
    'zset-max-listpack-entries',
    'zset-max-listpack-value',
  ])
  assert.deepEqual(names('valkey7'), names('redis7'))
  assert.deepEqual(added('valkey8', 'valkey7'), [
    'lazyfree-lazy-eviction',
    'lazyfree-lazy-expire',
    'lazyfree-lazy-server-del',
    'lazyfree-lazy-user-del',
    'replica-lazy-flush',
  ])
  assert.deepEqual(added('valkey7', 'valkey8'), [
    'commandlog-large-reply-max-len',
    'commandlog-large-request-max-len',
    'commandlog-reply-larger-than',
    'commandlog-request-larger-than',
    'extended-redis-compatibility',
    'search-default-timeout-ms',
    'search-enable-partial-results',
    'search-fanout-target-mode',
  ])
  assert.deepEqual(added('valkey8', 'valkey9'), ['cluster-databases'])
})

test('defaults follow the generation', () => {
  const values = (name: string, ...families: readonly string[]) => families.map((family) => found(family, name)?.value)
  assert.deepEqual(values('tcp-keepalive', 'redis2.8', 'redis3.2', 'valkey9'), ['0', '300', '300'])
  assert.deepEqual(values('active-defrag-cycle-min', 'redis4.0', 'redis5.0'), ['25', '5'])
  assert.deepEqual(values('repl-backlog-size', 'redis7', 'valkey7', 'valkey8', 'valkey9'), [
    '1048576',
    '1048576',
    '10485760',
    '10485760',
  ])
  assert.equal(found('redis2.8', 'maxmemory-policy')?.allowedValues?.includes('lfu'), false)
  assert.equal(found('redis2.8', 'close-on-slave-write')?.since, '2.8.23')
})

test('a family that does not exist has none', () => {
  assert.deepEqual(redisParameters('memcached1.6'), [])
})
