/** The subset of IAM, asked by the unmodified client of AWS, and what its policies allow to whom. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import {
  AddTagsToResourceCommand,
  CreateCacheParameterGroupCommand,
  CreateReplicationGroupCommand,
  DescribeReplicationGroupsCommand,
  ElastiCacheClient,
  ModifyReplicationGroupCommand,
} from '@aws-sdk/client-elasticache'
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  GetUserCommand,
  GetUserPolicyCommand,
  IAMClient,
  ListAccessKeysCommand,
  ListAccountAliasesCommand,
  ListGroupsCommand,
  ListUserPoliciesCommand,
  ListUsersCommand,
  PutUserPolicyCommand,
  UpdateAccessKeyCommand,
} from '@aws-sdk/client-iam'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import type { AuditRecord } from '../../../observe/audit.ts'
import { iamKeyHolder } from '../../../security/iam/key-holder.ts'
import { type DispatchDependencies, dispatch } from '../../dispatch.ts'
import {
  account,
  accessKeyId as rootId,
  secretAccessKey as rootSecret,
  signedRequestOf,
  unaudited,
  verifierAt,
} from '../../testing.ts'
import { groupContext } from '../elasticache/groups/testing.ts'
import { actions } from '../elasticache/index.ts'

interface Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

const root: Keys = { accessKeyId: rootId, secretAccessKey: rootSecret }

const world = () => {
  const context = { ...groupContext(), clock: { now: () => Date.now(), sleep: async () => undefined } }
  const audit: AuditRecord[] = []
  const problems: unknown[] = []
  const byIam = iamKeyHolder(context.store, unaudited.sealer, account)
  const verifier = verifierAt(() => Date.now())
  const dependencies: DispatchDependencies = {
    verifier: { ...verifier, keyHolder: async (id) => (await verifier.keyHolder(id)) ?? byIam(id) },
    actions,
    context: (caller) => ({ ...context, region: caller.region, account: caller.account }),
    log: (...entry) => problems.push(entry),
    audit: (record) => audit.push(record),
    sealer: unaudited.sealer,
  }
  const options = (credentials: Keys, sourceAddress = '127.0.0.1') => ({
    region: 'us-east-1',
    endpoint: 'http://localhost:4566',
    credentials,
    maxAttempts: 1,
    requestHandler: {
      handle: async (request: Parameters<typeof signedRequestOf>[0]) => {
        const received = { request: signedRequestOf(request), requestId: randomUUID(), sourceAddress }
        const { status, body } = await dispatch(dependencies, received)
        return { response: { statusCode: status, headers: { 'content-type': 'text/xml' }, body: Buffer.from(body) } }
      },
    },
  })
  return {
    audit,
    problems,
    context,
    iam: (keys = root) => new IAMClient(options(keys)),
    sts: (keys = root) => new STSClient(options(keys)),
    cache: (keys = root, sourceAddress?: string) => new ElastiCacheClient(options(keys, sourceAddress)),
  }
}

const keysOf = async (iam: IAMClient, UserName: string): Promise<Keys> => {
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }))
  assert.ok(AccessKey?.AccessKeyId && AccessKey.SecretAccessKey)
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey }
}

const allow = (iam: IAMClient, UserName: string, ...Statement: object[]) =>
  iam.send(
    new PutUserPolicyCommand({
      UserName,
      PolicyName: 'main',
      PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement }),
    }),
  )

const denied = async (work: Promise<unknown>, message: RegExp): Promise<void> => {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof Error)
    assert.match(`${error.name}: ${error.message}`, message)
    return true
  })
}

test('users, keys and policies are made, listed, shown and deleted', async () => {
  const { iam, problems, context } = world()
  const client = iam()
  const { User } = await client.send(
    new CreateUserCommand({ UserName: 'ada', Path: '/ops/', Tags: [{ Key: 'team', Value: 'a' }] }),
  )
  assert.equal(User?.Arn, `arn:aws:iam::${account}:user/ops/ada`)
  assert.match(User?.UserId ?? '', /^AIDA[A-Z2-7]{17}$/)
  await denied(client.send(new CreateUserCommand({ UserName: 'Ada' })), /^EntityAlreadyExists/)
  await client.send(new CreateUserCommand({ UserName: 'bob' }))
  const first = await client.send(new ListUsersCommand({ MaxItems: 1 }))
  assert.deepEqual([first.Users?.map((user) => user.UserName), first.IsTruncated], [['ada'], true])
  const second = await client.send(new ListUsersCommand({ Marker: first.Marker }))
  assert.deepEqual([second.Users?.map((user) => user.UserName), second.IsTruncated], [['bob'], false])
  assert.equal((await client.send(new ListUsersCommand({ PathPrefix: '/ops/' }))).Users?.length, 1)
  assert.deepEqual((await client.send(new GetUserCommand({ UserName: 'ada' }))).User?.Tags, [{ Key: 'team', Value: 'a' }])

  const keys = await keysOf(client, 'ada')
  await keysOf(client, 'ada')
  await denied(keysOf(client, 'ada'), /^LimitExceeded/)
  const { AccessKeyMetadata = [] } = await client.send(new ListAccessKeysCommand({ UserName: 'ada' }))
  assert.equal(AccessKeyMetadata.length, 2)
  assert.ok(AccessKeyMetadata.some((key) => key.AccessKeyId === keys.accessKeyId && key.Status === 'Active'))
  assert.ok(!JSON.stringify(await context.store.list('')).includes(keys.secretAccessKey), 'sealed')

  await allow(client, 'ada', { Effect: 'Allow', Action: 'elasticache:Describe*', Resource: '*' })
  assert.deepEqual((await client.send(new ListUserPoliciesCommand({ UserName: 'ada' }))).PolicyNames, ['main'])
  const { PolicyDocument = '' } = await client.send(new GetUserPolicyCommand({ UserName: 'ada', PolicyName: 'main' }))
  assert.equal(JSON.parse(decodeURIComponent(PolicyDocument)).Statement.length, 1)
  await denied(client.send(new DeleteUserCommand({ UserName: 'ada' })), /^DeleteConflict/)
  for (const { AccessKeyId } of AccessKeyMetadata) await client.send(new DeleteAccessKeyCommand({ UserName: 'ada', AccessKeyId }))
  await client.send(new DeleteUserPolicyCommand({ UserName: 'ada', PolicyName: 'main' }))
  await client.send(new DeleteUserCommand({ UserName: 'ada' }))
  await denied(client.send(new GetUserCommand({ UserName: 'ada' })), /^NoSuchEntity/)
  assert.deepEqual((await client.send(new ListAccountAliasesCommand({}))).AccountAliases, [])
  await denied(client.send(new ListGroupsCommand({})), /^InvalidAction.*Larder has CreateUser/)
  assert.deepEqual(problems, [])
})

test('policies that cannot be enforced are refused', async () => {
  const { iam } = world()
  const client = iam()
  await client.send(new CreateUserCommand({ UserName: 'ada' }))
  const base = { Effect: 'Allow', Action: 'elasticache:*', Resource: '*' }
  for (const wrong of [
    {},
    { ...base, Effect: 'Maybe' },
    { ...base, Action: 'everything' },
    { ...base, Action: undefined },
    { ...base, Resource: 'demo' },
    { ...base, Principal: '*' },
    { ...base, Condition: { StringSometimes: { 'aws:username': 'x' } } },
    { ...base, Condition: { IpAddress: { 'aws:SourceIp': 'everywhere' } } },
    { ...base, Condition: { StringEquals: { 'elasticache:CacheNodeType': 'x' } } },
    { ...base, More: 1 },
  ])
    await denied(allow(client, 'ada', wrong), /^MalformedPolicyDocument/)
  const statement = '"Effect":"Allow","Resource":"*"'
  for (const PolicyDocument of [
    '{ not json',
    // A reader of these sees one thing first, and the last is what would count.
    `{"Statement":{${statement},"Action":"elasticache:Describe*","Action":"*"}}`,
    `{"Statement":[{${statement},"A\\u0063tion":"elasticache:Describe*","Action":"*"}]}`,
    `{"Statement":[],"Statement":{${statement},"Action":"*"}}`,
    `{"Version":"2008-10-17","Version":"2012-10-17","Statement":{${statement},"Action":"*"}}`,
    `{"Statement":{${statement},"Action":"*","Condition":{"StringEquals":{"aws:username":"x"},"StringEquals":{}}}}`,
    `{"Statement":{${statement},"Action":"*","Condition":{"StringEquals":{"aws:username":"x","aws:username":"y"}}}}`,
  ])
    await denied(
      client.send(new PutUserPolicyCommand({ UserName: 'ada', PolicyName: 'p', PolicyDocument })),
      /^MalformedPolicyDocument/,
    )
})

test('who is allowed to look may look, and nothing else; both stand in the audit', async () => {
  const { iam, cache, sts, audit } = world()
  const admin = iam()
  await admin.send(new CreateUserCommand({ UserName: 'ada' }))
  const keys = await keysOf(admin, 'ada')
  const describe = () => cache(keys).send(new DescribeReplicationGroupsCommand({}))
  await denied(
    describe(),
    /^AccessDenied: User: arn:aws:iam::\d+:user\/ada is not authorized to perform: elasticache:DescribeReplicationGroups on resource: arn:aws:elasticache:us-east-1:\d+:replicationgroup:\* because no identity-based policy allows/,
  )
  await allow(admin, 'ada', { Effect: 'Allow', Action: 'elasticache:Describe*', Resource: '*' })
  assert.deepEqual((await describe()).ReplicationGroups, [])
  const create = { ReplicationGroupId: 'demo', ReplicationGroupDescription: 'x', Engine: 'valkey' }
  await denied(cache(keys).send(new CreateReplicationGroupCommand(create)), /^AccessDenied.*CreateReplicationGroup/)
  await denied(
    iam(keys).send(new CreateUserCommand({ UserName: 'eve' })),
    /^AccessDenied.*iam:CreateUser on resource: arn:aws:iam::\d+:user\/eve/,
  )
  assert.equal((await sts(keys).send(new GetCallerIdentityCommand({}))).Arn, `arn:aws:iam::${account}:user/ada`)
  await denied(
    cache({ ...keys, secretAccessKey: 'wrong' }).send(new DescribeReplicationGroupsCommand({})),
    /^SignatureDoesNotMatch/,
  )
  const lines = audit.map(({ action, decision, errorCode, accessKeyId }) => [action, decision, errorCode, accessKeyId])
  assert.deepEqual(
    lines.filter(([, , , id]) => id === keys.accessKeyId),
    [
      ['elasticache:DescribeReplicationGroups', 'denied', 'AccessDenied', keys.accessKeyId],
      ['elasticache:DescribeReplicationGroups', 'allowed', null, keys.accessKeyId],
      ['elasticache:CreateReplicationGroup', 'denied', 'AccessDenied', keys.accessKeyId],
      ['iam:CreateUser', 'denied', 'AccessDenied', keys.accessKeyId],
      ['sts:GetCallerIdentity', 'allowed', null, keys.accessKeyId],
    ],
  )
  assert.deepEqual(lines.at(-1), [null, 'unauthenticated', 'SignatureDoesNotMatch', null])
  assert.ok(!JSON.stringify(audit).includes(keys.secretAccessKey))
})

test('a deny wins, and a change of a policy, a key or a user counts at once', async () => {
  const { iam, cache } = world()
  const admin = iam()
  await admin.send(new CreateUserCommand({ UserName: 'ada' }))
  const keys = await keysOf(admin, 'ada')
  const make = (CacheParameterGroupName: string) =>
    cache(keys).send(
      new CreateCacheParameterGroupCommand({ CacheParameterGroupName, CacheParameterGroupFamily: 'valkey9', Description: 'x' }),
    )
  const everything = { Effect: 'Allow', Action: '*', Resource: '*' }
  const notProduction = { Effect: 'Deny', Action: 'elasticache:*', Resource: 'arn:aws:elasticache:*:*:parametergroup:prod-*' }
  await allow(admin, 'ada', everything, notProduction)
  await make('test-1')
  await denied(make('prod-1'), /^AccessDenied.*with an explicit deny in an identity-based policy/)
  await denied(make('PROD-1'), /^AccessDenied/)
  await allow(admin, 'ada', notProduction)
  await denied(make('test-2'), /^AccessDenied/)
  await allow(admin, 'ada', everything)
  await make('prod-2')
  const status = (Status: 'Active' | 'Inactive') =>
    admin.send(new UpdateAccessKeyCommand({ UserName: 'ada', AccessKeyId: keys.accessKeyId, Status }))
  await status('Inactive')
  await denied(make('test-3'), /^InvalidClientTokenId/)
  await status('Active')
  await make('test-3')
  await admin.send(new DeleteAccessKeyCommand({ UserName: 'ada', AccessKeyId: keys.accessKeyId }))
  await denied(make('test-4'), /^InvalidClientTokenId/)
})

/** A variable of policies. */
const ownTeam = ['$', '{aws:PrincipalTag/team}'].join('')

test('conditions on tags of the request, of the resource and of the caller, and on the source address', async () => {
  const { iam, cache } = world()
  const admin = iam()
  await admin.send(new CreateUserCommand({ UserName: 'ada', Tags: [{ Key: 'team', Value: 'blue' }] }))
  const keys = await keysOf(admin, 'ada')
  const group = (id: string, team: string) =>
    new CreateReplicationGroupCommand({
      ReplicationGroupId: id,
      ReplicationGroupDescription: 'x',
      Engine: 'valkey',
      CacheNodeType: 'cache.t4g.micro',
      Tags: [{ Key: 'team', Value: team }],
    })
  await allow(
    admin,
    'ada',
    {
      Effect: 'Allow',
      Action: 'elasticache:*',
      Resource: '*',
      Condition: { StringEquals: { 'aws:RequestTag/team': ownTeam } },
    },
    {
      Effect: 'Allow',
      Action: 'elasticache:Modify*',
      Resource: '*',
      Condition: { StringEquals: { 'aws:ResourceTag/team': 'blue' } },
    },
    {
      Effect: 'Allow',
      Action: 'elasticache:Describe*',
      Resource: '*',
      Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } },
    },
  )
  await cache(keys).send(group('blue', 'blue'))
  await denied(cache(keys).send(group('red', 'red')), /^AccessDenied/)
  await cache().send(group('red', 'red'))
  const modify = (ReplicationGroupId: string) =>
    cache(keys).send(new ModifyReplicationGroupCommand({ ReplicationGroupId, ReplicationGroupDescription: 'y' }))
  await denied(modify('blue'), /^InvalidReplicationGroupState/) // it is allowed, and not available yet
  await denied(modify('red'), /^AccessDenied/)
  await denied(modify('absent'), /^AccessDenied/)
  const describe = (address: string) => cache(keys, address).send(new DescribeReplicationGroupsCommand({}))
  assert.equal((await describe('10.1.2.3')).ReplicationGroups?.length, 2)
  assert.equal((await describe('::ffff:10.1.2.3')).ReplicationGroups?.length, 2)
  await denied(describe('192.168.0.1'), /^AccessDenied/)
  const tag = new AddTagsToResourceCommand({
    ResourceName: `arn:aws:elasticache:us-east-1:${account}:replicationgroup:red`,
    Tags: [{ Key: 'team', Value: 'green' }],
  })
  await denied(cache(keys).send(tag), /^AccessDenied/)
})
