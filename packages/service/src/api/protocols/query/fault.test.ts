import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Fault } from '../../../errors.ts'
import { iamError } from '../../services/iam/answer.ts'
import { taggingError } from '../../services/tagging/input.ts'
import { ec2Error } from '../ec2.ts'
import { wireError } from './fault.ts'

const wire = (shape: string): unknown => {
  const found = wireError(new Fault(shape, 'm'))
  return found === null ? null : [found.code, found.status, found.message]
}

test('errors of the model have the irregular codes and statuses of AWS', () => {
  for (const [shape, code, status] of [
    ['CacheClusterNotFoundFault', 'CacheClusterNotFound', 404],
    ['ReplicationGroupNotFoundFault', 'ReplicationGroupNotFoundFault', 404],
    ['CacheSubnetGroupNotFoundFault', 'CacheSubnetGroupNotFoundFault', 400],
    ['CacheSecurityGroupQuotaExceededFault', 'QuotaExceeded.CacheSecurityGroup', 400],
    ['InvalidParameterValueException', 'InvalidParameterValue', 400],
    ['InvalidParameterCombinationException', 'InvalidParameterCombination', 400],
    ['InvalidReplicationGroupStateFault', 'InvalidReplicationGroupState', 400],
    ['ReservedCacheNodeAlreadyExistsFault', 'ReservedCacheNodeAlreadyExists', 404],
    ['InvalidCredentialsException', 'InvalidCredentialsException', 408],
  ] as const)
    assert.deepEqual(wire(shape), [code, status, 'm'])
})

test('errors that every service has keep their name', () => {
  assert.deepEqual(wire('SignatureDoesNotMatch'), ['SignatureDoesNotMatch', 403, 'm'])
  assert.deepEqual(wire('MalformedQueryString'), ['MalformedQueryString', 404, 'm'])
})

test('other errors are not known', () => {
  for (const shape of ['', 'Nothing', '__proto__', 'constructor', 'toString', 'CacheClusterNotFound'])
    assert.equal(wire(shape), null, shape)
})

test('every fault that is thrown anywhere in the service is known', () => {
  const source = fileURLToPath(new URL('../../../', import.meta.url))
  const files = globSync('**/*.ts', { cwd: source }).filter((file) => !file.endsWith('.test.ts'))
  const thrown = files.flatMap((file) =>
    [...readFileSync(`${source}${file}`, 'utf8').matchAll(/new Fault\(\s*'([^']*)'/g)].map(
      (match) => [file, match[1] ?? ''] as const,
    ),
  )
  assert.ok(thrown.length > 20, `found ${thrown.length}`)
  for (const [file, shape] of thrown) {
    // Services of their own have errors of their own.
    const known = /^api\/(services\/tagging\/|protocols\/json\.ts)/.test(file)
      ? taggingError
      : /^api\/(services\/ec2\/|protocols\/ec2\.ts)/.test(file)
        ? ec2Error
        : /^(api\/services|security)\/iam\//.test(file)
          ? iamError
          : wireError
    assert.notEqual(known(new Fault(shape, 'm')), null, `${shape} in ${file}`)
  }
})
