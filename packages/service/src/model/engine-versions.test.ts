import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../errors.ts'
import * as versions from './engine-versions.ts'
import { parametersOf } from './parameters.ts'

test('versions are ordered by number, not by letter', () => {
  const ordered = ['2.6.13', '2.8', '5.0.6', '6.2', '7.0', '7.0.4', '7.0.15', '7.2', '8', '8.0.1', '9.1', '10.0']
  const shuffled = [...ordered].sort().sort(versions.compareVersions)
  assert.deepEqual(shuffled, ordered)
  assert.equal(versions.compareVersions('8', '8.0.0'), 0)
})

test('the order of versions is one: whoever is older is not newer', () => {
  const version = fc.array(fc.nat(30), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'))
  fc.assert(
    fc.property(version, version, (a, b) =>
      assert.equal(Math.sign(versions.compareVersions(a, b)) + Math.sign(versions.compareVersions(b, a)), 0),
    ),
  )
})

test('each version has the family that AWS gives it, and each family is known and has parameters', () => {
  const cases = [
    ['valkey', '9.1.2', 'valkey9'],
    ['valkey', '7.2', 'valkey7'],
    ['redis', '7.0', 'redis7'],
    ['redis', '7.1', 'redis7'],
    ['redis', '6.2', 'redis6.x'],
    ['redis', '6.x', 'redis6.x'],
    ['redis', '5.0.6', 'redis5.0'],
    ['redis', '2.8.24', 'redis2.8'],
    ['memcached', '1.6.22', 'memcached1.6'],
  ] as const
  for (const [engine, version, family] of cases) {
    assert.equal(versions.familyOf(engine, version), family)
    assert.ok(versions.families.some((known) => known.family === family && known.engine === engine))
  }
  for (const { family } of versions.families) assert.ok(parametersOf(family).length > 10, family)
})

test('the default parameter group follows the family and the cluster mode', () => {
  assert.equal(versions.defaultParameterGroup('valkey', '9.1', true), 'default.valkey9.cluster.on')
  assert.equal(versions.defaultParameterGroup('redis', '6.2', false), 'default.redis6.x')
  assert.equal(versions.defaultParameterGroup('memcached', '1.6.22', false), 'default.memcached1.6')
})

test('Redis OSS may become Valkey, never the other way; nobody goes back to an earlier version', () => {
  const cases = [
    ['valkey', '8.0', 'valkey', '9.1', 'upgrade'],
    ['valkey', '9.1', 'valkey', '9.1', 'same'],
    ['valkey', '9.1', 'valkey', '8.0', 'downgrade'],
    ['redis', '7.0', 'valkey', '8.0', 'upgrade'],
    ['redis', '7.1', 'valkey', '7.2', 'upgrade'],
    ['valkey', '8.0', 'redis', '7.0', 'invalid'],
    ['redis', '7.0', 'memcached', '1.6', 'invalid'],
    ['memcached', '1.5.16', 'memcached', '1.6.22', 'upgrade'],
    ['memcached', '1.6.22', 'memcached', '1.5.16', 'downgrade'],
  ] as const
  for (const [from, old, to, next, expected] of cases)
    assert.equal(versions.versionChange(from, old, to, next), expected, `${from} ${old} to ${to} ${next}`)
})

test('an engine has an ability from its first version on', () => {
  assert.equal(versions.engineCapabilities('valkey', '7.2.6').availabilityZone, false)
  assert.equal(versions.engineCapabilities('valkey', '8.0').availabilityZone, true)
  assert.equal(versions.engineCapabilities('redis', '7.0').availabilityZone, false)
  assert.equal(versions.engineCapabilities('redis', '7.0.15').shutdownNow, true)
  assert.equal(versions.engineCapabilities('redis', '6.2').shutdownNow, false)
  assert.deepEqual(new Set(Object.values(versions.engineCapabilities('memcached', '1.6'))), new Set([false]))
  assert.equal(versions.engineCapabilities('memcached', '1.6.11').tls, false)
  assert.equal(versions.engineCapabilities('memcached', '1.6.12').tls, true)
})

test('the text of a version is checked before anybody compares it', () => {
  for (const text of ['9', '9.1', '9.1.2', '6.x', '1.6.22']) assert.equal(versions.checkVersionText(text), text)
  for (const text of ['', 'x', '9.', '.9', '9.1.2.3', 'v9', '9.1-rc1', '9.1 ', '../9', '9999'])
    assert.throws(() => versions.checkVersionText(text), Fault, text)
})
