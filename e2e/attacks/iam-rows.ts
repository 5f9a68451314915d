/** Attacks of users of IAM: calls that their policies do not allow, said in other ways. */

import { http } from '../../packages/service/src/api/testing/exchange.ts'
import { formOf, signHeader } from '../../packages/service/src/api/testing.ts'
import type { Attack } from './table.ts'

interface Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export const people = ['nothing', 'narrow', 'keeper', 'far', 'past', 'idle', 'gone'] as const
export type Person = (typeof people)[number]

export interface IamTarget {
  readonly root: Keys
  readonly keysOf: (person: Person) => Keys
  /** Of the security group `guarded`. */
  readonly guardedId: string
  readonly send: (bytes: Uint8Array) => Promise<string>
}

const region = 'us-east-1'
const account = '000000000000'
const arn = (rest: string): string => `arn:aws:elasticache:${region}:${account}:${rest}`

type Statement = Readonly<Record<string, unknown>>
const allow = (Action: string | readonly string[], Resource: string | readonly string[], Condition?: unknown): Statement => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...(Condition === undefined ? {} : { Condition }),
})
const deny = (Resource: string, Condition?: unknown): Statement => ({ ...allow('*', Resource, Condition), Effect: 'Deny' })

/** What each may do. */
export const statementsOf = (person: Person, guardedId: string): readonly Statement[] => {
  switch (person) {
    case 'nothing':
      return []
    case 'narrow':
      return [
        allow('elasticache:*', [arn('parametergroup:mine-*'), arn('user:*'), arn('usergroup:*')]),
        allow('ec2:*', '*'),
        deny(`arn:aws:ec2:${region}:${account}:security-group/${guardedId}`),
        deny('*', { StringEquals: { 'aws:ResourceTag/class': 'secret' } }),
        deny('*', { StringEquals: { 'aws:RequestTag/class': 'secret' } }),
      ]
    case 'keeper':
      return [allow(['iam:*AccessKey*', 'iam:GetUser'], `arn:aws:iam::${account}:user/keeper`)]
    case 'far':
      return [allow('*', '*', { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } })]
    case 'past':
      return [allow('*', '*', { DateLessThan: { 'aws:CurrentTime': '2020-01-01T00:00:00Z' } })]
    default:
      return [allow('*', '*')]
  }
}

const versions = {
  elasticache: '2015-02-02',
  iam: '2010-05-08',
  ec2: '2016-11-15',
  sts: '2011-06-15',
  larder: '2026-01-01',
} as const
export type ServiceName = keyof typeof versions

export const requestOf = (
  keys: Keys,
  service: ServiceName,
  Action: string,
  parameters: Readonly<Record<string, string>> = {},
  more: Readonly<Record<string, string>> = {},
): Uint8Array => {
  const body = formOf({ Action, Version: versions[service], ...parameters })
  const headers = { 'content-type': 'application/x-www-form-urlencoded', ...more }
  const request = signHeader({ body, headers }, { ...keys, service, region })
  return http('POST', '/', request.headers, body)
}

/** Status and code of the answer to a call with these keys. */
export const call = (target: Pick<IamTarget, 'send'>, ...request: Parameters<typeof requestOf>): Promise<string> =>
  target.send(requestOf(...request))

const group = (name: string): Readonly<Record<string, string>> => ({
  CacheParameterGroupName: name,
  'ParameterNameValues.ParameterNameValue.1.ParameterName': 'timeout',
  'ParameterNameValues.ParameterNameValue.1.ParameterValue': '20',
})
const made = (name: string): Readonly<Record<string, string>> => ({
  CacheParameterGroupName: name,
  CacheParameterGroupFamily: 'valkey9',
  Description: 'x',
})
const tagged = (value: string): Readonly<Record<string, string>> => ({ 'Tags.Tag.1.Key': 'class', 'Tags.Tag.1.Value': value })
const ec2Tagged = {
  'TagSpecification.1.ResourceType': 'security-group',
  'TagSpecification.1.Tag.1.Key': 'class',
  'TagSpecification.1.Tag.1.Value': 'secret',
}
const rule = { IpProtocol: 'tcp', FromPort: '1', ToPort: '65535', CidrIp: '0.0.0.0/0' }

/** What root makes beforehand. */
export const preparations: readonly (readonly [ServiceName, string, Readonly<Record<string, string>>])[] = [
  ['elasticache', 'CreateCacheParameterGroup', made('mine-own')],
  ['elasticache', 'CreateCacheParameterGroup', { ...made('mine-secret'), ...tagged('secret') }],
  ['elasticache', 'CreateCacheParameterGroup', made('theirs')],
  [
    'elasticache',
    'CreateUser',
    {
      UserId: 'secret',
      UserName: 'secret',
      Engine: 'valkey',
      AccessString: 'on ~* +@all',
      NoPasswordRequired: 'true',
      ...tagged('secret'),
    },
  ],
  [
    'elasticache',
    'CreateUserGroup',
    { UserGroupId: 'secrets', Engine: 'valkey', 'UserIds.member.1': 'secret', ...tagged('secret') },
  ],
  ['ec2', 'CreateSecurityGroup', { GroupName: 'tagged', GroupDescription: 'x', ...ec2Tagged }],
]

const denied = /^40[03] (?:AccessDenied|UnauthorizedOperation)$/
const as =
  (person: Person, service: ServiceName, action: string, parameters = {}, more = {}): Attack<IamTarget>['how'] =>
  (target) =>
    call(target, target.keysOf(person), service, action, parameters, more)
const row = (name: string, how: Attack<IamTarget>['how'], must = denied): Attack<IamTarget> => ({ name, how, must })

export const iamAttacks: readonly Attack<IamTarget>[] = [
  row(
    'a call that is allowed (so that the others fail for what is in them)',
    as('narrow', 'elasticache', 'ModifyCacheParameterGroup', group('mine-own')),
    /^200 -$/,
  ),
  row('a user without policies asks who he is', as('nothing', 'sts', 'GetCallerIdentity'), /^200 -$/),
  row('a user without policies', as('nothing', 'elasticache', 'DescribeEvents')),
  row('a user without policies, on IAM', as('nothing', 'iam', 'ListUsers')),
  row('a user without policies, on EC2', as('nothing', 'ec2', 'DescribeSecurityGroups')),
  row(
    'a user without policies, on what is Larder’s own',
    as('nothing', 'larder', 'SetZone', { Zone: `${region}a`, Down: 'true' }),
  ),
  row('a resource of others', as('narrow', 'elasticache', 'ModifyCacheParameterGroup', group('theirs'))),
  row('a resource of others, in capitals', as('narrow', 'elasticache', 'ModifyCacheParameterGroup', group('THEIRS'))),
  row(
    'a resource of others, read',
    as('narrow', 'elasticache', 'DescribeCacheParameters', { CacheParameterGroupName: 'theirs' }),
  ),
  row('all resources, by asking for none', as('narrow', 'elasticache', 'DescribeCacheParameterGroups')),
  row(
    'a resource of others beside one of his own',
    as('narrow', 'elasticache', 'CreateUserGroup', { UserGroupId: 'x', Engine: 'valkey', 'UserIds.member.1': 'secret' }),
  ),
  row(
    'tags of a resource of others',
    as('narrow', 'elasticache', 'ListTagsForResource', { ResourceName: arn('parametergroup:theirs') }),
  ),
  row(
    'tags of a resource of another region',
    as('narrow', 'elasticache', 'ListTagsForResource', {
      ResourceName: arn('parametergroup:theirs').replace(region, 'eu-west-1'),
    }),
  ),
  row('tags of something that is no ARN', as('narrow', 'elasticache', 'ListTagsForResource', { ResourceName: 'theirs' })),
  row('a resource whose tag denies it', as('narrow', 'elasticache', 'ModifyCacheParameterGroup', group('mine-secret'))),
  row(
    'the tag that denies, removed',
    as('narrow', 'elasticache', 'RemoveTagsFromResource', {
      ResourceName: arn('parametergroup:mine-secret'),
      'TagKeys.member.1': 'class',
    }),
  ),
  row('a user whose tag denies it', as('narrow', 'elasticache', 'DeleteUser', { UserId: 'secret' })),
  row('a user whose tag denies it, in capitals', as('narrow', 'elasticache', 'DeleteUser', { UserId: 'SECRET' })),
  row('a user group whose tag denies it', as('narrow', 'elasticache', 'DeleteUserGroup', { UserGroupId: 'secrets' })),
  row(
    'a new resource with a tag that denies it',
    as('narrow', 'elasticache', 'CreateCacheParameterGroup', { ...made('mine-new'), ...tagged('secret') }),
  ),
  row(
    'a new security group with a tag that denies it',
    as('narrow', 'ec2', 'CreateSecurityGroup', { GroupName: 'new', GroupDescription: 'x', ...ec2Tagged }),
  ),
  row('a security group whose tag denies it, by its name', as('narrow', 'ec2', 'DeleteSecurityGroup', { GroupName: 'tagged' })),
  row('a security group that is denied', (target) =>
    call(target, target.keysOf('narrow'), 'ec2', 'AuthorizeSecurityGroupIngress', { GroupId: target.guardedId, ...rule }),
  ),
  row(
    'a security group that is denied, by its name',
    as('narrow', 'ec2', 'AuthorizeSecurityGroupIngress', { GroupName: 'guarded', ...rule }),
  ),
  row(
    'a security group that is denied, by its name and an empty id',
    as('narrow', 'ec2', 'DeleteSecurityGroup', { GroupId: '', GroupName: 'guarded' }),
  ),
  row('a key for another user', as('keeper', 'iam', 'CreateAccessKey', { UserName: 'narrow' })),
  row('a key for his own name in capitals', as('keeper', 'iam', 'CreateAccessKey', { UserName: 'KEEPER' })),
  row(
    'the key of another user, named without him',
    (target) =>
      call(target, target.keysOf('keeper'), 'iam', 'UpdateAccessKey', {
        AccessKeyId: target.keysOf('narrow').accessKeyId,
        Status: 'Inactive',
      }),
    /^404 NoSuchEntity$/,
  ),
  row(
    'a policy for himself',
    as('keeper', 'iam', 'PutUserPolicy', {
      UserName: 'keeper',
      PolicyName: 'x',
      PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [allow('*', '*')] }),
    }),
  ),
  row('a new user', as('keeper', 'iam', 'CreateUser', { UserName: 'helper' })),
  row('a new user under a path of his own', as('keeper', 'iam', 'CreateUser', { UserName: 'keeper', Path: '/keeper/' })),
  row('from an address that is not allowed', as('far', 'elasticache', 'DescribeEvents')),
  row(
    'from an address that is not allowed, with a header that says another',
    as(
      'far',
      'elasticache',
      'DescribeEvents',
      {},
      { 'x-forwarded-for': '10.0.0.1', forwarded: 'for=10.0.0.1', 'x-real-ip': '10.0.0.1' },
    ),
  ),
  row('after the time that is allowed', as('past', 'elasticache', 'DescribeEvents')),
  row('a key that is off', as('idle', 'elasticache', 'DescribeEvents'), /^403 InvalidClientTokenId$/),
  row('a key of a user who is gone', as('gone', 'elasticache', 'DescribeEvents'), /^403 InvalidClientTokenId$/),
  row(
    'the key of one user with the secret of another',
    (target) =>
      call(
        target,
        { ...target.keysOf('narrow'), accessKeyId: target.keysOf('far').accessKeyId },
        'elasticache',
        'DescribeEvents',
      ),
    /^403 SignatureDoesNotMatch$/,
  ),
  row(
    'the name of an action in other letters',
    as('nothing', 'elasticache', 'describeEVENTS'),
    /^40[03] (?:AccessDenied|InvalidAction)$/,
  ),
]
