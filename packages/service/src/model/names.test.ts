import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../errors.ts'
import * as names from './names.ts'

const isFault =
  (shape: string) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.shape === shape
const refused = isFault('InvalidParameterValueException')

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('')
const goodName = (most: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom(...letters),
      fc.array(fc.constantFrom(...letters, ...'0123456789'.split(''), '-'), { maxLength: most - 1 }),
    )
    .map(([first, rest]) => [first, ...rest].join(''))
    .filter((name) => !name.includes('--') && !name.endsWith('-'))

test('identifiers by AWS’s rule are taken, in lower case', () => {
  fc.assert(fc.property(goodName(40), (name) => assert.equal(names.replicationGroupId(name), name.toLowerCase())))
  fc.assert(fc.property(goodName(50), (name) => assert.equal(names.cacheClusterId(name), name.toLowerCase())))
})

test('identifiers against the rule are refused, whatever is wrong with them', () => {
  const bad = ['', '1a', '-a', 'a-', 'a--b', 'a b', 'a_b', 'a.b', 'ä', 'a\n', 'a/b', 'a:b', "a'", 'A'.repeat(300)]
  for (const check of [names.replicationGroupId, names.cacheClusterId, names.parameterGroupName]) {
    assert.throws(() => check(undefined), refused)
    for (const name of bad) assert.throws(() => check(name), refused, JSON.stringify(name))
  }
})

test('each kind of name has its own longest length', () => {
  const cases = [
    [names.replicationGroupId, 40],
    [names.cacheClusterId, 50],
    [names.parameterGroupName, 255],
    [names.subnetGroupName, 255],
  ] as const
  for (const [check, most] of cases) {
    assert.equal(check('x'.repeat(most)).length, most)
    assert.throws(() => check('x'.repeat(most + 1)), refused)
  }
})

test('a long name is not repeated whole in the message', () => {
  assert.throws(
    () => names.cacheClusterId('_'.repeat(10_000)),
    (error) => error instanceof Fault && error.message.length < 500,
  )
})

test('subnet groups may hold dots, underscores and double hyphens', () => {
  assert.equal(names.subnetGroupName('My.Group_1--x-'), 'my.group_1--x-')
  for (const name of ['', undefined, '.a', 'a b', 'a/b', 'a\n']) assert.throws(() => names.subnetGroupName(name), refused)
})

test('nodes have the names that AWS gives them in each kind of group', () => {
  assert.deepEqual(names.nodeIds({ id: 'g', kind: 'cmd' }, '0001', 2), { id: 'g-002', clusterId: 'g-002', cacheNodeId: '0001' })
  assert.deepEqual(names.nodeIds({ id: 'g', kind: 'cme' }, '0003', 12), {
    id: 'g-0003-012',
    clusterId: 'g-0003-012',
    cacheNodeId: '0001',
  })
  assert.deepEqual(names.nodeIds({ id: 'g', kind: 'single' }, '0001', 1), { id: 'g', clusterId: 'g', cacheNodeId: '0001' })
  assert.deepEqual(names.nodeIds({ id: 'g', kind: 'memcached' }, '0001', 40), {
    id: 'g.0040',
    clusterId: 'g',
    cacheNodeId: '0040',
  })
  assert.equal(names.shardId(90), '0090')
})

test('every ARN that is made is read back as it was', () => {
  const type = fc.constantFrom<names.ArnType[]>('cluster', 'replicationgroup', 'parametergroup', 'subnetgroup', 'user')
  fc.assert(
    fc.property(type, goodName(40), fc.constantFrom('us-east-1', 'us-gov-west-1', 'eu-central-1'), (kind, name, region) => {
      const parsed = names.parseArn(names.arn(region, '000000000000', kind, name))
      assert.deepEqual(parsed, { region, account: '000000000000', type: kind, name })
    }),
  )
})

test('what is no ARN of this service is refused', () => {
  const bad = [
    '',
    'x',
    'arn:aws:elasticache:us-east-1:1:cluster:x',
    'arn:aws:rds:us-east-1:000000000000:cluster:x',
    'arn:aws:elasticache:us-east-1:000000000000:planet:x',
    'arn:aws:elasticache:us-east-1:000000000000:cluster:',
    'arn:aws:elasticache:us-east-1:000000000000:cluster:a:b',
    ' arn:aws:elasticache:us-east-1:000000000000:cluster:x',
  ]
  for (const text of bad) assert.throws(() => names.parseArn(text), isFault('InvalidARNFault'), text)
})
