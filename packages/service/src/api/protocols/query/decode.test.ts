import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../../errors.ts'
import { decodeInput } from './decode.ts'
import { operations } from './schema.ts'

const decode = (operation: string, parameters: Readonly<Record<string, string>>): unknown => {
  const found = operations.get(operation)
  assert.ok(found, operation)
  return decodeInput(found.input, new Map(Object.entries(parameters)))
}

const refused = (operation: string, parameters: Readonly<Record<string, string>>, shape: string, message: RegExp): void =>
  assert.throws(
    () => decode(operation, parameters),
    (error: unknown) => {
      assert.ok(error instanceof Fault, String(error))
      assert.equal(error.shape, shape, error.message)
      assert.match(error.message, message)
      assert.ok(error.message.length < 400, 'a message does not repeat a long request')
      return true
    },
  )

const group = { ReplicationGroupId: 'a', ReplicationGroupDescription: 'b' }
const invalid = 'InvalidParameterValueException'

test('a list stands below the name of its items, or below member, as AWS takes it', () => {
  const parameters = (between: string): Readonly<Record<string, string>> => ({
    ...group,
    [`PreferredCacheClusterAZs.${between}1`]: 'x',
    [`PreferredCacheClusterAZs.${between}2`]: 'y',
  })
  for (const between of ['member.', 'AvailabilityZone.']) {
    const decoded = decode('CreateReplicationGroup', parameters(between))
    assert.deepEqual(decoded, { ...group, PreferredCacheClusterAZs: ['x', 'y'] })
  }
  refused('CreateReplicationGroup', parameters(''), 'MalformedInput', /^Top level element may not be treated as a list/)
  refused('CreateReplicationGroup', parameters('Zone.'), 'InvalidQueryParameter', /PreferredCacheClusterAZs\.Zone is not one/)
})

test('structures stand in lists, in any order of the form', () => {
  assert.deepEqual(
    decode('CreateReplicationGroup', {
      'Tags.Tag.2.Value': 'v2',
      'NodeGroupConfiguration.NodeGroupConfiguration.1.ReplicaAvailabilityZones.AvailabilityZone.1': 'z',
      'Tags.Tag.1.Key': 'k1',
      'Tags.Tag.2.Key': 'k2',
      ...group,
    }),
    {
      ...group,
      Tags: [{ Key: 'k1' }, { Key: 'k2', Value: 'v2' }],
      NodeGroupConfiguration: [{ ReplicaAvailabilityZones: ['z'] }],
    },
  )
})

test('clients send an empty list as an empty value', () => {
  assert.deepEqual(decode('CreateReplicationGroup', { ...group, Tags: '' }), { ...group, Tags: [] })
})

test('a list of more than nine items keeps its order', () => {
  const tags = Array.from({ length: 50 }, (_, index) => `k${index}`)
  const parameters = Object.fromEntries(tags.map((key, index) => [`TagKeys.member.${index + 1}`, key]).reverse())
  assert.deepEqual(decode('RemoveTagsFromResource', { ResourceName: 'r', ...parameters }), { ResourceName: 'r', TagKeys: tags })
})

test('lists with gaps or strange numbers are refused, and cost nothing', () => {
  for (const index of ['0', '2', '-1', '01', '1.0', '1e3', '999999999999999999999', 'x', '', '__proto__', 'constructor', '１']) {
    assert.throws(() => decode('RemoveTagsFromResource', { ResourceName: 'r', [`TagKeys.member.${index}`]: 'k' }), Fault, index)
  }
  refused(
    'RemoveTagsFromResource',
    { ResourceName: 'r', 'TagKeys.member.1': 'a', 'TagKeys.member.3': 'c' },
    'MalformedInput',
    /expected TagKeys\.member\.2, .* found TagKeys\.member\.3/,
  )
})

test('a list takes at most 1,000 items', () => {
  const many = Object.fromEntries(Array.from({ length: 1_001 }, (_, index) => [`TagKeys.member.${index + 1}`, 'k']))
  refused('RemoveTagsFromResource', { ResourceName: 'r', ...many }, invalid, /at most 1000, found 1001/)
})

test('two forms of one list together are refused', () => {
  refused(
    'AddTagsToResource',
    { ResourceName: 'r', 'Tags.Tag.1.Key': 'a', 'Tags.1.Key': 'b' },
    'InvalidQueryParameter',
    /Tags\.1/,
  )
  refused(
    'AddTagsToResource',
    { ResourceName: 'r', 'Tags.Tag.1.Key': 'a', 'Tags.member.1.Key': 'b' },
    'InvalidQueryParameter',
    /Tags\.member/,
  )
})

test('a value where a list or a structure stands is refused, and the other way round', () => {
  const listEnds = /^Unexpected list element termination/
  refused('AddTagsToResource', { ResourceName: 'r', Tags: 'x' }, 'MalformedInput', listEnds)
  refused('AddTagsToResource', { ResourceName: 'r', 'Tags.Tag': 'x' }, 'MalformedInput', listEnds)
  refused('AddTagsToResource', { ResourceName: 'r', Tags: '', 'Tags.Tag.1.Key': 'x' }, 'MalformedInput', listEnds)
  refused('AddTagsToResource', { ResourceName: 'r', 'Tags.Tag': '', 'Tags.Tag.1.Key': 'x' }, 'MalformedInput', listEnds)
  const structureEnds = /^Unexpected complex element termination: Tags\.Tag\.1/
  refused('AddTagsToResource', { ResourceName: 'r', 'Tags.Tag.1': 'x' }, 'MalformedInput', structureEnds)
  const listStarts = /^Start of list found where not expected: ResourceName/
  refused('AddTagsToResource', { 'ResourceName.x': 'r', 'Tags.Tag.1.Key': 'k' }, 'MalformedInput', listStarts)
  refused('AddTagsToResource', { ResourceName: 'r', 'ResourceName.1': 'r' }, 'MalformedInput', listStarts)
})

test('members that an operation does not have are refused by name', () => {
  for (const name of ['Nothing', '__proto__', 'constructor', 'toString', 'engine', 'ReplicationGroupId ', 'ä', 'X'.repeat(290)]) {
    refused('CreateReplicationGroup', { ...group, [name]: '1' }, 'InvalidQueryParameter', /is not one of this operation/)
  }
  refused(
    'AddTagsToResource',
    { ResourceName: 'r', 'Tags.Tag.1.__proto__': 'k' },
    'InvalidQueryParameter',
    /Tags\.Tag\.1\.__proto__/,
  )
  refused('CreateReplicationGroup', { ...group, '.': '1' }, 'InvalidQueryParameter', /is not one/)
})

test('names of many parts are refused', () => {
  refused('CreateReplicationGroup', { ...group, [Array(100).fill('a').join('.')]: '1' }, 'MalformedQueryString', /too many parts/)
})

test('what has to be there has to be there', () => {
  const blank = /^The parameter ReplicationGroupDescription must be provided and must not be blank\.$/
  refused('CreateReplicationGroup', { ReplicationGroupId: 'a' }, invalid, blank)
  refused('AddTagsToResource', { ResourceName: 'r' }, invalid, /^The parameter Tags must be provided\.$/)
  assert.deepEqual(decode('CreateReplicationGroup', { ReplicationGroupId: '', ReplicationGroupDescription: '' }), {
    ReplicationGroupId: '',
    ReplicationGroupDescription: '',
  })
})

test('numbers are integers of 32 bits', () => {
  for (const [text, number] of [
    ['0', 0],
    ['-0', 0],
    ['+7', 7],
    ['007', 7],
    ['2147483647', 2147483647],
    ['-2147483648', -2147483648],
  ] as const)
    assert.deepEqual(decode('DescribeEvents', { Duration: text }), { Duration: number })
  for (const text of [
    '',
    ' ',
    '1.5',
    '1.0',
    '1e3',
    '0x10',
    'NaN',
    'Infinity',
    '2147483648',
    '-2147483649',
    '9'.repeat(400),
    '１',
    '1 ',
    '1,000',
    'one',
  ])
    refused('DescribeEvents', { Duration: text }, invalid, /Duration must be an integer/)
})

test('a boolean is true or false', () => {
  assert.deepEqual(decode('DescribeCacheClusters', { ShowCacheNodeInfo: 'true' }), { ShowCacheNodeInfo: true })
  assert.deepEqual(decode('DescribeCacheClusters', { ShowCacheNodeInfo: 'false' }), { ShowCacheNodeInfo: false })
  for (const text of ['', '1', 'yes', 'TRUE', ' true'])
    refused('DescribeCacheClusters', { ShowCacheNodeInfo: text }, invalid, /true or false/)
})

test('a time is of ISO 8601, or the seconds since 1970', () => {
  const at = new Date('2026-11-20T12:00:00Z')
  for (const text of [
    '2026-11-20T12:00:00Z',
    '2026-11-20T12:00:00.000Z',
    '2026-11-20T12:00Z',
    '2026-11-20T13:00:00+01:00',
    '1795176000',
    '1795176000.000',
  ])
    assert.deepEqual(decode('DescribeEvents', { StartTime: text }), { StartTime: at }, text)
  for (const text of [
    '',
    'now',
    '2026-11-20',
    '2026-13-20T12:00:00Z',
    '2026-11-20T25:00:00Z',
    '2026-02-30T12:00:00Z',
    '2026-11-20T12:00:00',
    '20261120T120000Z',
    '-1',
    '9'.repeat(12),
  ])
    refused('DescribeEvents', { StartTime: text }, invalid, /must be a time/)
})

test('a text may hold what XML can carry, up to 64 KB', () => {
  const of = (description: string): Readonly<Record<string, string>> => ({
    ReplicationGroupId: 'a',
    ReplicationGroupDescription: description,
  })
  for (const text of ['ä€😀', 'a\tb\r\nc', 'x'.repeat(65_536)])
    assert.deepEqual(decode('CreateReplicationGroup', of(text)), of(text))
  for (const text of ['\0', 'a\u0007', '\uffff', '\ud800']) refused('CreateReplicationGroup', of(text), invalid, /not allowed/)
  refused('CreateReplicationGroup', of('x'.repeat(65_537)), invalid, /too long/)
})

test('any form is decoded or refused with a fault', () => {
  const part = fc.constantFrom(
    'Tags',
    'Tag',
    'member',
    '1',
    '2',
    'Key',
    'ReplicationGroupId',
    'NodeGroupConfiguration',
    'Slots',
    'Port',
    '',
    '__proto__',
    'é',
  )
  const name = fc.array(part, { minLength: 1, maxLength: 14 }).map((parts) => parts.join('.'))
  fc.assert(
    fc.property(fc.dictionary(name, fc.string({ maxLength: 4 }), { maxKeys: 6 }), (parameters) => {
      try {
        decode('CreateReplicationGroup', { ...group, ...parameters })
      } catch (error) {
        assert.ok(error instanceof Fault, String(error))
      }
    }),
    { numRuns: 1_000 },
  )
})
