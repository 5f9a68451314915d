import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../errors.ts'
import { families } from './engine-versions.ts'
import { allNodeTypes, nodeType } from './node-types.ts'
import { changeTypeOf, checkParameter, effectiveParameters, maxMemoryBytes, parametersOf } from './parameters.ts'

const refused = (error: unknown): boolean => error instanceof Fault && error.shape === 'InvalidParameterValueException'
const small = nodeType('cache.t4g.small') ?? assert.fail('no such type')

test('every default that can be modified is a value that is allowed', () => {
  for (const { family } of families)
    for (const { name, value, modifiable } of parametersOf(family))
      if (modifiable && value !== undefined) assert.doesNotThrow(() => checkParameter(family, name, value), `${family} ${name}`)
})

test('every parameter has a default, for each node type where it depends on it, and stands once', () => {
  for (const { family } of families) {
    const definitions = parametersOf(family)
    const names = definitions.map(({ name }) => name)
    assert.deepEqual(names, [...new Set(names)].sort(), family)
    for (const { name, value, nodeTypeSpecific, description } of definitions) {
      assert.ok(description.length > 5, name)
      if (value === undefined)
        for (const type of allNodeTypes)
          assert.match(nodeTypeSpecific?.[type.name] ?? '', /^\d+$/, `${family} ${name} ${type.name}`)
    }
  }
})

test('ranges take both their ends and nothing beyond', () => {
  const cases: readonly (readonly [string, string, readonly string[], readonly string[]])[] = [
    ['valkey9', 'maxmemory-samples', ['1', '64'], ['0', '65', '-1', '1.5', '', 'x', '1e1', ' 1', '0x1']],
    ['valkey9', 'timeout', ['0', '20', '2147483647'], ['1', '19', '-1', '2147483648']],
    ['valkey9', 'repl-backlog-size', ['16384', '4294967296'], ['16383', '99999999999999999']],
    ['valkey9', 'slowlog-log-slower-than', ['-1', '0', '5'], ['-2', '']],
    ['valkey9', 'list-max-listpack-size', ['-5', '-1', '1', '128'], ['-6', '0']],
    ['valkey9', 'maxmemory-policy', ['noeviction', 'allkeys-lfu'], ['NOEVICTION', '', 'lru', 'noeviction,allkeys-lfu']],
    ['valkey9', 'activedefrag', ['yes', 'no'], ['1', 'true', 'YES']],
    ['memcached1.6', 'chunk_size_growth_factor', ['1.01', '1.25', '100'], ['1', '100.1', 'x']],
    ['valkey9', 'extended-redis-compatibility', ['yes', 'no'], ['1', '']],
    ['memcached1.6', 'slab_automove', ['0', '1', '2'], ['3', '-1']],
    ['memcached1.6', 'hash_algorithm', ['jenkins', 'murmur3'], ['md5']],
    ['memcached1.6', 'disable_flush_all', ['0', '1'], ['2', 'yes']],
  ]
  for (const [family, name, good, bad] of cases) {
    for (const value of good) assert.doesNotThrow(() => checkParameter(family, name, value), `${name} ${value}`)
    for (const value of bad) assert.throws(() => checkParameter(family, name, value), refused, `${name} ${JSON.stringify(value)}`)
  }
})

test('a value can bring no second line and no quote into a configuration file', () => {
  for (const value of ['Ko', 'Kc', 'K\nrequirepass x', 'K"', 'K\r', 'K\u0000', 'K'.repeat(2_000)])
    assert.throws(() => checkParameter('valkey9', 'notify-keyspace-events', value), refused)
  for (const value of ['', 'KEA', 'Kg$lshzxetd']) checkParameter('valkey9', 'notify-keyspace-events', value)
})

test('parameters that AWS fixes, or that the family does not have, cannot be set', () => {
  for (const name of [
    'maxclients',
    'maxmemory',
    'cluster-enabled',
    'lua-time-limit',
    'hash-max-ziplist-value',
    'requirepass',
    'dir',
    '',
  ])
    assert.throws(() => checkParameter('valkey9', name, '1'), refused, name)
  assert.throws(() => checkParameter('no-such-family', 'timeout', '0'), refused)
})

test('names of before Redis OSS 7 are in the older families only', () => {
  const has = (family: string, name: string): boolean => parametersOf(family).some((definition) => definition.name === name)
  assert.deepEqual(
    ['redis6.x', 'redis7', 'valkey8'].map((family) => [
      has(family, 'hash-max-ziplist-value'),
      has(family, 'hash-max-listpack-value'),
    ]),
    [
      [true, false],
      [false, true],
      [false, true],
    ],
  )
})

test('on a node the user’s value goes before that of its type, and that before the default', () => {
  const values = effectiveParameters('valkey9', true, { 'maxmemory-policy': 'noeviction' }, small)
  assert.equal(values['maxmemory-policy'], 'noeviction')
  assert.equal(values['maxmemory'], String(small.maxmemory))
  assert.equal(values['timeout'], '0')
  assert.equal(values['cluster-enabled'], 'yes')
  assert.equal(effectiveParameters('valkey9', false, { 'cluster-enabled': 'yes' }, small)['cluster-enabled'], 'no')
  assert.equal('cluster-enabled' in effectiveParameters('memcached1.6', false, {}, small), false)
})

test('the memory for data is what the type has, less what is reserved', () => {
  const of = (family: string, overrides: Record<string, string>): number =>
    maxMemoryBytes(small, effectiveParameters(family, false, overrides, small))
  assert.equal(of('valkey9', {}), Math.floor(small.maxmemory * 0.75))
  assert.equal(of('valkey9', { 'reserved-memory-percent': '0' }), small.maxmemory)
  assert.equal(of('redis2.8', { 'reserved-memory': '100000000' }), small.maxmemory - 100_000_000)
  assert.equal(of('memcached1.6', {}), (1_402 - 100) * 1024 ** 2)
  assert.equal(of('memcached1.6', { memcached_connections_overhead: '100000' }), 16 * 1024 ** 2)
  assert.equal(of('valkey9', { 'reserved-memory-percent': '100' }), 16 * 1024 ** 2, 'an engine without memory would be of no use')
})

test('which changes wait for a reboot is told', () => {
  assert.equal(changeTypeOf('valkey9', 'timeout'), 'immediate')
  assert.equal(changeTypeOf('valkey9', 'databases'), 'requires-reboot')
  assert.equal(changeTypeOf('memcached1.6', 'max_item_size'), 'requires-reboot')
  assert.throws(() => changeTypeOf('valkey9', 'nothing'), Fault)
})

test('only parameters that the version knows reach it', () => {
  const has = (name: string, family: string, version?: string): boolean =>
    name in effectiveParameters(family, false, { [name]: '0' }, small, version)
  assert.deepEqual(
    [undefined, '8.0.1', '8.1.0', '8.2.1'].map((version) => has('commandlog-large-reply-max-len', 'valkey8', version)),
    [false, false, true, true],
  )
  assert.ok(has('commandlog-large-reply-max-len', 'valkey9'), 'every version of the family knows it')
  assert.ok(!has('acl-pubsub-default', 'redis6.x', '6.0.16') && has('acl-pubsub-default', 'redis6.x', '6.2.6'))
})

test('the number of databases of a sharded group is the engine’s own until it is set', () => {
  const of = (clusterOn: boolean, overrides: Record<string, string>): string | undefined =>
    effectiveParameters('valkey9', clusterOn, overrides, small)['cluster-databases']
  assert.equal(of(true, {}), undefined)
  assert.equal(of(true, { 'cluster-databases': '16' }), '16')
  assert.equal(of(false, { 'cluster-databases': '16' }), undefined)
})

test('smaller types take fewer clients, whatever the parameter shows', () => {
  const of = (name: string): string | undefined => {
    const type = nodeType(name) ?? assert.fail(name)
    return effectiveParameters('valkey8', false, {}, type)['maxclients']
  }
  assert.deepEqual(['cache.t4g.micro', 'cache.t3.medium', 'cache.m7g.large'].map(of), ['20000', '46000', '65000'])
})

test('Memcached is modern where its alias says so, except for what the user says', () => {
  const of = (overrides: Record<string, string>): string => {
    const values = effectiveParameters('memcached1.6', false, overrides, small)
    return ['slab_reassign', 'lru_maintainer', 'maxconns_fast'].map((name) => values[name]).join('')
  }
  assert.equal(of({}), '000')
  assert.equal(of({ no_modern: '0' }), '111')
  assert.equal(of({ no_modern: '0', slab_reassign: '0' }), '011')
  assert.equal(of({ slab_reassign: '1' }), '100')
})

test('a parameter that Larder cannot act upon keeps its default, and the refusal says why', () => {
  checkParameter('valkey9', 'rename-commands', '')
  assert.throws(
    () => checkParameter('valkey9', 'rename-commands', 'FLUSHALL blocked'),
    (error) => refused(error) && error instanceof Fault && /commands keep their names/.test(error.message),
  )
})
