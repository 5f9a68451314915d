/** Cases after the pages of AWS on policy elements, condition operators, variables and evaluation. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { evaluate } from './evaluate.ts'
import { readPolicy } from './policy.ts'

type Json = Readonly<Record<string, unknown>>
type Context = Readonly<Record<string, string | readonly string[]>>

const decide = (statements: readonly Json[], resource: string, context: Context = {}, version = '2012-10-17') =>
  evaluate([readPolicy(JSON.stringify({ Version: version, Statement: statements }))], {
    action: 'elasticache:CreateReplicationGroup',
    resource,
    context: new Map(
      Object.entries(context).map(([key, value]) => [key.toLowerCase(), typeof value === 'string' ? [value] : value]),
    ),
  })

const demo = 'arn:aws:elasticache:us-east-1:000000000000:replicationgroup:demo'
const allow = (more: Json = {}): Json => ({ Effect: 'Allow', Action: '*', Resource: '*', ...more })
const without = (name: 'Action' | 'Resource', more: Json): Json => {
  const { [name]: _, ...rest } = allow()
  return { ...rest, ...more }
}
/** Parts of a variable, so that no template string is meant. */
const variable = (text: string): string => ['$', `{${text}}`].join('')
const user = { 'aws:username': 'ada' }

const cases: readonly (readonly [name: string, expected: boolean, statement: Json, context?: Context, version?: string])[] = [
  ['everything', true, allow()],
  ['the action', true, allow({ Action: 'elasticache:CreateReplicationGroup' })],
  ['the action in other letters', true, allow({ Action: 'ElastiCache:createreplicationgroup' })],
  ['another service', false, allow({ Action: 'ec2:*' })],
  ['one of several actions', true, allow({ Action: ['ec2:*', 'elasticache:Create?eplication*'] })],
  ['a question mark is one character', false, allow({ Action: 'elasticache:CreateReplicationGrou??' })],
  ['every other action', true, without('Action', { NotAction: 'elasticache:Delete*' })],
  ['every action but this', false, without('Action', { NotAction: 'elasticache:Create*' })],
  ['the resource', true, allow({ Resource: demo })],
  ['a star for the region', true, allow({ Resource: 'arn:aws:elasticache:*:*:replicationgroup:demo' })],
  ['a star reaches not into the next part', false, allow({ Resource: 'arn:aws:elasticache:*:demo' })],
  ['resources are told apart by their case', false, allow({ Resource: demo.toUpperCase().replace('ARN:AWS', 'arn:aws') })],
  ['the beginning of a name', true, allow({ Resource: 'arn:aws:elasticache:us-east-1:000000000000:replicationgroup:de*' })],
  ['every other resource', false, without('Resource', { NotResource: demo })],
  ['every resource but another', true, without('Resource', { NotResource: `${demo}2` })],
  ['a variable', true, allow({ Resource: demo.replace('demo', variable('aws:username')) }), { 'aws:username': 'demo' }],
  [
    'a variable with a star in its value',
    false,
    allow({ Resource: demo.replace('demo', variable('aws:username')) }),
    { 'aws:username': '*' },
  ],
  ['a variable that stands for nothing', false, allow({ Resource: demo.replace('demo', variable('aws:username')) })],
  ['a variable with a default', true, allow({ Resource: demo.replace('demo', variable("aws:username, 'demo'")) })],
  [
    'variables before 2012 are text',
    false,
    allow({ Resource: demo.replace('demo', variable('aws:username')) }),
    { 'aws:username': 'demo' },
    '2008-10-17',
  ],
  ['an equal text', true, allow({ Condition: { StringEquals: { 'aws:username': ['bob', 'ada'] } } }), user],
  ['a text in other letters', false, allow({ Condition: { StringEquals: { 'aws:username': 'ADA' } } }), user],
  ['letters that do not matter', true, allow({ Condition: { StringEqualsIgnoreCase: { 'AWS:UserName': 'ADA' } } }), user],
  ['a key that is absent', false, allow({ Condition: { StringEquals: { 'aws:username': 'ada' } } })],
  ['a key that is absent, if it exists', true, allow({ Condition: { StringEqualsIfExists: { 'aws:username': 'ada' } } })],
  ['not equal to a key that is absent', true, allow({ Condition: { StringNotEquals: { 'aws:username': 'ada' } } })],
  ['none of several', false, allow({ Condition: { StringNotEquals: { 'aws:username': ['bob', 'ada'] } } }), user],
  ['like a pattern', true, allow({ Condition: { StringLike: { 'aws:username': 'a?*' } } }), user],
  [
    'all conditions',
    false,
    allow({ Condition: { StringLike: { 'aws:username': 'a*' }, Bool: { 'aws:SecureTransport': true } } }),
    user,
  ],
  ['a key that is to be absent', true, allow({ Condition: { Null: { 'aws:username': 'true' } } })],
  ['a key that is to be there', false, allow({ Condition: { Null: { 'aws:username': 'false' } } })],
  [
    'all tag keys',
    false,
    allow({ Condition: { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a'] } } }),
    { 'aws:TagKeys': ['a', 'b'] },
  ],
  ['all of no tag keys', true, allow({ Condition: { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a'] } } })],
  [
    'any tag key',
    true,
    allow({ Condition: { 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['a'] } } }),
    { 'aws:TagKeys': ['a', 'b'] },
  ],
  ['any of no tag keys', false, allow({ Condition: { 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['a'] } } })],
  [
    'an address in a range',
    true,
    allow({ Condition: { IpAddress: { 'aws:SourceIp': ['10.0.0.0/8'] } } }),
    { 'aws:SourceIp': '10.9.8.7' },
  ],
  [
    'an address out of a range',
    false,
    allow({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }),
    { 'aws:SourceIp': '11.0.0.1' },
  ],
  [
    'an address of the other family',
    false,
    allow({ Condition: { IpAddress: { 'aws:SourceIp': '::/0' } } }),
    { 'aws:SourceIp': '11.0.0.1' },
  ],
  [
    'not an address',
    true,
    allow({ Condition: { NotIpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }),
    { 'aws:SourceIp': '11.0.0.1' },
  ],
  [
    'before a date',
    true,
    allow({ Condition: { DateLessThan: { 'aws:CurrentTime': '2030-01-01T00:00:00Z' } } }),
    { 'aws:CurrentTime': '2026-01-01T00:00:00Z' },
  ],
  [
    'after a date',
    false,
    allow({ Condition: { DateGreaterThan: { 'aws:CurrentTime': '2030-01-01' } } }),
    { 'aws:CurrentTime': '2026-01-01T00:00:00Z' },
  ],
  [
    'a number',
    true,
    allow({ Condition: { NumericLessThan: { 'aws:EpochTime': '2000000000' } } }),
    { 'aws:EpochTime': '1700000000' },
  ],
  [
    'an ARN',
    true,
    allow({ Condition: { ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:user/a*' } } }),
    { 'aws:PrincipalArn': 'arn:aws:iam::000000000000:user/ada' },
  ],
]

for (const [name, expected, statement, context, version] of cases)
  test(`a policy that allows by ${name} ${expected ? 'allows' : 'does not'}`, () => {
    assert.equal(decide([statement], demo, context, version), expected ? 'allow' : 'implicit-deny')
    // The same words deny exactly where they would have allowed; a variable that stands for nothing lets nothing escape.
    const denies = decide([allow(), { ...statement, Effect: 'Deny' }], demo, context, version)
    if (!JSON.stringify(statement).includes('NotResource')) assert.equal(denies, expected ? 'explicit-deny' : 'allow')
  })

test('a pattern of many stars takes no more than the product of the lengths', () => {
  const began = process.cpuUsage()
  decide([allow({ Resource: `arn:aws:elasticache:${'*a'.repeat(300)}` })], `arn:aws:elasticache:x:x:${'a'.repeat(2_000)}b`)
  assert.ok(process.cpuUsage(began).user < 1_000_000)
})
