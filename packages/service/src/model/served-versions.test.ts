import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { awsDefaults, awsVersions } from './aws-versions.ts'
import { compareVersions, familyOf, minorOf } from './engine-versions.ts'
import type { EngineName } from './group.ts'
import { parametersOf } from './parameters.ts'
import { type Build, defaultVersion, servedBy, wholeVersion } from './served-versions.ts'

const builds = (text: string): readonly Build[] =>
  text.split(', ').map((each) => {
    const [engine = '', version = ''] = each.split(' ')
    return { engine: engine as EngineName, version }
  })

const catalog = builds('valkey 9.1.2, valkey 8.1.1, redis 7.0.15, memcached 1.6.18')

/** engine, what is asked for, what the group then has, what runs */
const cases: readonly (readonly [EngineName, string, string, string])[] = [
  ['redis', '7.1', '7.1.0', '7.0.15'],
  ['redis', '7.0', '7.0.15', '7.0.15'],
  ['redis', '7.0.7', '7.0.7', '7.0.15'],
  ['redis', '7.0.15', '7.0.15', '7.0.15'],
  ['redis', '7', '7.0.15', '7.0.15'],
  ['redis', '6.x', '6.2.6', '7.0.15'],
  ['redis', '6.2', '6.2.6', '7.0.15'],
  ['redis', '6.0', '6.0.5', '7.0.15'],
  ['redis', '5.0.6', '5.0.6', '7.0.15'],
  ['redis', '4.0.10', '4.0.10', '7.0.15'],
  ['redis', '3.2.10', '3.2.10', '7.0.15'],
  ['redis', '2.8.24', '2.8.24', '7.0.15'],
  ['valkey', '7.2', '7.2.6', '8.1.1'],
  ['valkey', '8.0', '8.0.1', '8.1.1'],
  ['valkey', '8.1', '8.1.1', '8.1.1'],
  ['valkey', '8.2', '8.2.0', '8.1.1'],
  ['valkey', '9.0', '9.0.0', '9.1.2'],
  ['valkey', '9.1', '9.1.2', '9.1.2'],
  ['valkey', '9.1.0', '9.1.0', '9.1.2'],
  ['memcached', '1.6.22', '1.6.22', '1.6.18'],
  ['memcached', '1.6.17', '1.6.17', '1.6.18'],
  ['memcached', '1.6.12', '1.6.12', '1.6.18'],
  ['memcached', '1.5.16', '1.5.16', '1.6.18'],
  ['memcached', '1.4.34', '1.4.34', '1.6.18'],
]

test('each version that people ask for is shown as it was asked for, and served by the nearest engine', () => {
  for (const [engine, wanted, shown, runs] of cases) {
    const whole = wholeVersion(catalog, engine, wanted)
    assert.equal(whole, shown, `${engine} ${wanted}`)
    assert.equal(servedBy(catalog, engine, shown)?.version, runs, `${engine} ${wanted}`)
  }
})

test('every version of the table is served, never by an older major, and has a family with parameters', () => {
  for (const { engine, version, whole } of awsVersions) {
    for (const each of whole) {
      assert.equal(wholeVersion(catalog, engine, each), each)
      const served = servedBy(catalog, engine, each)
      assert.ok(served !== null, `${engine} ${each}`)
      assert.ok(compareVersions(minorOf(served.version), each.split('.')[0] ?? '') >= 0, `${engine} ${each}: ${served.version}`)
    }
    assert.ok(parametersOf(familyOf(engine, version)).length > 10, `${engine} ${version}`)
  }
})

test('what neither AWS nor this machine has is not there', () => {
  for (const [engine, wanted] of [
    ['redis', '7.2'],
    ['redis', '6.3'],
    ['redis', '7.0.14'],
    ['valkey', '7.0'],
    ['valkey', '9.2'],
    ['memcached', '1.6.19'],
    ['memcached', '1.7'],
  ] as const)
    assert.equal(wholeVersion(catalog, engine, wanted), null, `${engine} ${wanted}`)
  assert.equal(servedBy(builds('valkey 8.1.1'), 'valkey', '9.0.0'), null, 'an older engine does not stand in')
  assert.equal(servedBy(builds('valkey 8.1.1'), 'redis', '7.1.0'), null, 'nor does another one')
})

test('an engine of one’s own that is nearer serves: the same minor first, then the next newer', () => {
  const own = builds('valkey 9.1.2, redis 7.2.4, redis 7.0.15, redis 6.2.14, memcached 1.6.38, memcached 1.6.18')
  assert.equal(servedBy(own, 'redis', '6.2.6')?.version, '6.2.14')
  assert.equal(servedBy(own, 'redis', '6.0.5')?.version, '6.2.14')
  assert.equal(servedBy(own, 'redis', '7.1.0')?.version, '7.0.15', 'AWS calls its 7.1 compatible with 7.0')
  assert.equal(wholeVersion(own, 'redis', '7.2'), '7.2.4')
  assert.equal(servedBy(own, 'memcached', '1.6.22')?.version, '1.6.38')
})

test('a group never gets an engine that is older than what wrote its data', () => {
  const both = builds('redis 7.0.15, redis 6.2.14, valkey 9.1.2, valkey 8.1.1')
  assert.equal(servedBy(both, 'redis', '6.2.6', ['7.0.15'])?.version, '7.0.15')
  assert.equal(servedBy(both, 'valkey', '8.1.0', ['8.1.1', '9.1.2'])?.version, '9.1.2')
  assert.equal(servedBy(both, 'valkey', '8.1.1', ['9.2.0']), null)
  const version = fc.constantFrom(...awsVersions.flatMap(({ engine, whole }) => whole.map((each) => [engine, each] as const)))
  const ran = fc.array(fc.constantFrom('7.0.15', '6.2.14', '9.1.2', '8.1.1'), { maxLength: 3 })
  fc.assert(
    fc.property(version, ran, ([engine, each], earlier) => {
      const served = servedBy(both, engine, each, earlier)
      for (const one of earlier) assert.ok(served === null || compareVersions(served.version, one) >= 0)
    }),
  )
})

test('an engine that is retired goes on for groups that run it, and gets no new ones', () => {
  const old = builds('valkey 9.1.2, valkey 8.1.1, valkey 8.0.1')
  assert.equal(servedBy(old, 'valkey', '8.0.1')?.version, '8.1.1')
  assert.equal(servedBy(old, 'valkey', '8.0.1', ['8.0.1'])?.version, '8.0.1')
  assert.equal(servedBy(old, 'valkey', '8.1.1', ['8.0.1'])?.version, '8.1.1')
  assert.equal(servedBy(old, 'valkey', '8.0.1', ['8.0.1', '8.1.1'])?.version, '8.1.1', 'on its way it does not go back')
})

test('without a version it is AWS’s default, or the newest where nothing serves that', () => {
  for (const engine of ['redis', 'memcached'] as const)
    assert.equal(defaultVersion(catalog, engine), wholeVersion(catalog, engine, awsDefaults[engine]))
  assert.equal(defaultVersion(catalog, 'redis'), '7.1.0')
  assert.equal(defaultVersion(catalog, 'memcached'), '1.6.22')
  assert.equal(defaultVersion(catalog, 'valkey'), '9.1.2')
  assert.equal(defaultVersion(builds('valkey 8.1.1, valkey 8.0.1'), 'valkey'), '8.1.1')
  assert.equal(defaultVersion([], 'valkey'), null)
  const last = builds('valkey 8.0.1')
  assert.equal(defaultVersion(last, 'valkey'), '8.0.1', 'what is retired is better than nothing')
  assert.equal(servedBy(last, 'valkey', '8.0.1')?.version, '8.0.1')
})

test('where only what is installed may be asked for, nothing else is there', () => {
  for (const [engine, wanted, , runs] of cases) {
    const whole = wholeVersion(catalog, engine, wanted, true)
    assert.equal(whole, `${runs}.`.startsWith(`${wanted}.`) ? runs : null, `${engine} ${wanted}`)
  }
  assert.equal(defaultVersion(catalog, 'redis', true), '7.0.15')
  assert.equal(wholeVersion(builds('valkey 9.1.2, valkey 8.0.1'), 'valkey', '8.0', true), null, 'nor what is retired')
})
