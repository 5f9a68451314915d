import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CreateUserMessage, ModifyReplicationGroupMessage } from '@aws-sdk/client-elasticache'
import { groupContext, groupNow, messages, newGroup, readyGroup, refusingContext, settle, specNow } from '../groups/testing.ts'
import { modifyReplicationGroup } from '../replication-groups/modify.ts'
import { addTagsToResource } from '../tags/add.ts'
import { listTagsForResource } from '../tags/list.ts'
import { account, region, rejects, type TestContext } from '../test-context.ts'
import { createUserGroup } from '../user-groups/create.ts'
import { deleteUserGroup } from '../user-groups/delete.ts'
import { describeUserGroups } from '../user-groups/describe.ts'
import { modifyUserGroup } from '../user-groups/modify.ts'
import { createUser } from './create.ts'
import { deleteUser } from './delete.ts'
import { describeUsers } from './describe.ts'
import { modifyUser } from './modify.ts'

const combination = 'InvalidParameterCombinationException'
const value = 'InvalidParameterValueException'
const [first, second, third] = ['first-password-of-16', 'second-password-of-16', 'third-password-of-16'] as const

const user = (context: TestContext, UserId: string, input: Partial<CreateUserMessage> = {}) =>
  createUser({ UserId, UserName: UserId, Engine: 'valkey', AccessString: 'on ~* +@all', Passwords: [first], ...input }, context)

const group = (context: TestContext, UserGroupId: string, ...UserIds: string[]) =>
  createUserGroup({ UserGroupId, Engine: 'valkey', UserIds }, context)

const modify = async (context: TestContext, input: Partial<ModifyReplicationGroupMessage>) => {
  await modifyReplicationGroup({ ReplicationGroupId: 'demo', ApplyImmediately: true, ...input }, context)
  await settle(context, 'rg', 'demo')
}

test('a user is shown as he was made, and no password stands anywhere', async () => {
  const context = groupContext()
  const made = await user(context, 'Reader', { AccessString: 'on  ~app:*   +@read', Passwords: [first, second] })
  assert.deepEqual(made, {
    UserId: 'reader',
    UserName: 'Reader',
    Status: 'active',
    Engine: 'valkey',
    MinimumEngineVersion: '7.2',
    AccessString: 'on ~app:* +@read',
    UserGroupIds: [],
    Authentication: { Type: 'password', PasswordCount: 2 },
    ARN: `arn:aws:elasticache:${region}:${account}:user:reader`,
  })
  assert.ok(!JSON.stringify(await context.store.list('')).includes('password-of'))
  const { Users = [] } = await describeUsers({}, context)
  assert.deepEqual(
    Users.map(({ UserId, Authentication }) => [UserId, Authentication?.Type]),
    [
      ['default', 'no-password'],
      ['reader', 'password'],
    ],
  )
  const by = async (Name: string, ...Values: string[]) =>
    (await describeUsers({ Filters: [{ Name, Values }] }, context)).Users?.map(({ UserId }) => UserId)
  assert.deepEqual(await by('user-name', 'Reader'), ['reader'])
  assert.deepEqual(await by('engine', 'redis'), ['default'])
  await rejects(context, () => describeUsers({ Filters: [{ Name: 'color', Values: ['red'] }] }, context), value, /Unknown filter/)
  await rejects(context, () => describeUsers({ UserId: 'nobody' }, context), 'UserNotFoundFault', /nobody/)
})

test('what a user may not be is refused', async () => {
  const context = groupContext()
  const refuses = (input: Partial<CreateUserMessage>, shape: string, message: RegExp) =>
    rejects(context, () => user(context, 'someone', input), shape, message)
  await refuses({ Passwords: [] }, value, /authentication type: null/i)
  await refuses({ NoPasswordRequired: true }, combination, /flag is true but/)
  await refuses({ Passwords: [first, second, third] }, value, /at most 2 passwords/)
  for (const bad of ['short', `${first} `, `${first},`, `${first}"`, `${first}/`, `${first}@`, 'x'.repeat(129)])
    await refuses({ Passwords: [bad] }, value, /^Passwords length must be between 16-128/)
  for (const bad of [
    'on reset',
    'on >secret',
    'on #abc',
    'on nopass',
    'on resetpass',
    'on (~a +get',
    'on +nosuchcommand',
    'on +@nosuch',
    'x',
  ])
    await refuses({ AccessString: bad }, value, /access string/)
  await refuses({ AccessString: 'on >a-secret-in-the-wrong-place' }, value, /^((?!secret-in).)*$/)
  await refuses({ AccessString: 'on ~"x"' }, value, /quotes/)
  for (const UserName of ['larder', 'larder-replication', 'with space', 'a"b', 'a\nb'])
    await refuses({ UserName }, value, /user name/)
  await refuses({ Passwords: undefined, AuthenticationMode: { Type: 'iam' }, UserName: 'other' }, combination, /must be the same/)
  await refuses({ Passwords: undefined, AuthenticationMode: { Type: 'iam', Passwords: [first] } }, combination, /not allowed/)
  await user(context, 'someone')
  await refuses({}, 'UserAlreadyExistsFault', /someone/)
  await rejects(context, () => user(context, 'default'), 'UserAlreadyExistsFault', /default/)
})

test('passwords are rotated, the access string grows, and the default user stays as it is', async () => {
  const context = groupContext()
  await user(context, 'app')
  const count = async () => (await describeUsers({ UserId: 'app' }, context)).Users?.[0]?.Authentication
  await modifyUser({ UserId: 'app', Passwords: [first, second] }, context)
  assert.deepEqual(await count(), { Type: 'password', PasswordCount: 2 })
  await modifyUser({ UserId: 'app', AuthenticationMode: { Type: 'password', Passwords: [second] } }, context)
  assert.deepEqual(await count(), { Type: 'password', PasswordCount: 1 })
  const { AccessString } = await modifyUser({ UserId: 'app', AppendAccessString: '-flushall' }, context)
  assert.equal(AccessString, 'on ~* +@all -flushall')
  await modifyUser({ UserId: 'app', NoPasswordRequired: true }, context)
  assert.deepEqual(await count(), { Type: 'no-password' })
  const both = () => modifyUser({ UserId: 'app', AccessString: 'on', AppendAccessString: 'on' }, context)
  await rejects(context, both, combination, /Only one/)
  await rejects(context, () => modifyUser({ UserId: 'default', NoPasswordRequired: true }, context), value, /cannot be modified/)
  await rejects(context, () => deleteUser({ UserId: 'default' }, context), value, /cannot be deleted/)
})

test('user groups hold users of different names, and a default one for Redis OSS', async () => {
  const context = groupContext()
  await user(context, 'one')
  await user(context, 'two', { UserName: 'one' })
  await user(context, 'old', { Engine: 'redis' })
  const made = await group(context, 'team', 'one')
  assert.deepEqual([made.Status, made.UserIds, made.MinimumEngineVersion], ['creating', ['one'], '7.2'])
  await rejects(context, () => group(context, 'team', 'one'), 'UserGroupAlreadyExistsFault', /team/)
  await rejects(context, () => group(context, 'twins', 'one', 'two'), 'DuplicateUserNameFault', /one/)
  await rejects(context, () => group(context, 'none', 'nobody'), 'UserNotFoundFault', /nobody/)
  const redis = (...UserIds: string[]) => createUserGroup({ UserGroupId: 'redis', Engine: 'redis', UserIds }, context)
  await rejects(context, () => redis('old'), 'DefaultUserRequired', /default/)
  await rejects(context, () => redis('default', 'one'), value, /engine valkey/)
  await redis('default', 'old')
  const change = (input: object) => modifyUserGroup({ UserGroupId: 'team', ...input }, context)
  await rejects(context, () => change({}), combination, /No modifications/)
  await rejects(context, () => change({ UserIdsToAdd: ['one'] }), value, /already/)
  await rejects(context, () => change({ UserIdsToRemove: ['old'] }), value, /not a member/)
  await change({ UserIdsToAdd: ['old'] })
  const { UserGroups = [] } = await describeUserGroups({}, context)
  assert.deepEqual(
    UserGroups.map(({ UserGroupId, UserIds }) => [UserGroupId, UserIds]),
    [
      ['redis', ['default', 'old']],
      ['team', ['one', 'old']],
    ],
  )
  await deleteUser({ UserId: 'old' }, context)
  assert.deepEqual((await describeUserGroups({ UserGroupId: 'team' }, context)).UserGroups?.[0]?.UserIds, ['one'])
  await user(context, 'new-default', { UserName: 'default', Engine: 'redis' })
  await modifyUserGroup({ UserGroupId: 'redis', UserIdsToAdd: ['new-default'], UserIdsToRemove: ['default'] }, context)
  const used = () => deleteUser({ UserId: 'new-default' }, context)
  await rejects(context, used, 'DefaultUserAssociatedToUserGroupFault', /redis/)
})

test('tags of users and groups', async () => {
  const context = groupContext()
  const made = await user(context, 'one', { Tags: [{ Key: 'a', Value: '1' }] })
  await addTagsToResource({ ResourceName: made.ARN, Tags: [{ Key: 'b', Value: '2' }] }, context)
  assert.equal((await listTagsForResource({ ResourceName: made.ARN }, context)).TagList?.length, 2)
  const team = await group(context, 'team', 'one')
  assert.deepEqual((await listTagsForResource({ ResourceName: team.ARN }, context)).TagList, [])
})

test('a change of a user reaches every replication group that has him, and shows until it has', async () => {
  const context = groupContext()
  await user(context, 'one')
  await user(context, 'two')
  await group(context, 'team', 'one')
  await rejects(
    context,
    () => newGroup(context, 'demo', { UserGroupIds: ['team'] }),
    combination,
    /TransitEncryptionMode required/,
  )
  const tls = { TransitEncryptionEnabled: true, NumCacheClusters: 2 }
  const both = { ...tls, UserGroupIds: ['team'], AuthToken: 'a-very-long-secret-token' }
  await rejects(
    context,
    () => newGroup(context, 'demo', both),
    combination,
    /^User group can't be associated with auth token enabled/,
  )
  await readyGroup(context, 'demo', { ...tls, UserGroupIds: ['team'] })
  assert.deepEqual((await groupNow(context, 'demo')).UserGroupIds, ['team'])
  const names = async () => (await specNow(context, 'rg', 'demo')).userGroup?.users.map(({ name }) => name)
  assert.deepEqual(await names(), ['one'])
  const changed = await modifyUser({ UserId: 'one', AccessString: 'on ~a +get' }, context)
  assert.equal(changed.Status, 'modifying')
  assert.equal((await specNow(context, 'rg', 'demo')).userGroup?.users[0]?.accessString, 'on ~a +get')
  await settle(context, 'rg', 'demo')
  assert.equal((await describeUsers({ UserId: 'one' }, context)).Users?.[0]?.Status, 'active')
  const grown = await modifyUserGroup({ UserGroupId: 'team', UserIdsToAdd: ['two'] }, context)
  assert.deepEqual([grown.Status, grown.ReplicationGroups], ['modifying', ['demo']])
  assert.deepEqual(await names(), ['one', 'two'])
  await settle(context, 'rg', 'demo')
  await deleteUser({ UserId: 'one' }, context)
  assert.deepEqual(await names(), ['two'])
  await settle(context, 'rg', 'demo')
  await rejects(context, () => deleteUserGroup({ UserGroupId: 'team' }, context), 'InvalidUserGroupStateFault', /demo/)
  await modify(context, { RemoveUserGroups: true })
  assert.equal(await names(), undefined)
  const gone = await deleteUserGroup({ UserGroupId: 'team' }, context)
  assert.equal(gone.Status, 'deleting')
  await rejects(context, () => describeUserGroups({ UserGroupId: 'team' }, context), 'UserGroupNotFoundFault', /team/)
})

test('a group moves from a token to users and back, and is never open in between', async () => {
  const context = groupContext()
  await user(context, 'one')
  await group(context, 'team', 'one')
  await group(context, 'other', 'one')
  const AuthToken = 'a-very-long-secret-token'
  await readyGroup(context, 'demo', { TransitEncryptionEnabled: true, NumCacheClusters: 2, AuthToken })
  const refuses = (input: Partial<ModifyReplicationGroupMessage>, message: RegExp) =>
    rejects(context, () => modify(context, input), combination, message)
  await refuses({ UserGroupIdsToAdd: ['team'] }, /^User group can't be associated with auth token enabled/)
  await refuses({ AuthTokenUpdateStrategy: 'DELETE' }, /moving from an AuthToken to user groups/)
  await modify(context, { AuthTokenUpdateStrategy: 'DELETE', UserGroupIdsToAdd: ['team'] })
  const now = async () => {
    const { auth, userGroup } = await specNow(context, 'rg', 'demo')
    return [auth?.optional, userGroup?.id]
  }
  assert.deepEqual(await now(), [undefined, 'team'])
  await refuses({ UserGroupIdsToAdd: ['other'] }, /remove team with UserGroupIdsToRemove/)
  await refuses({ TransitEncryptionMode: 'preferred' }, /need TransitEncryptionMode required/)
  await modify(context, { UserGroupIdsToAdd: ['other'], UserGroupIdsToRemove: ['team'] })
  assert.deepEqual(await now(), [undefined, 'other'])
  await refuses({ AuthToken, AuthTokenUpdateStrategy: 'SET' }, /RemoveUserGroups/)
  await refuses({ AuthToken, RemoveUserGroups: true, AuthTokenUpdateStrategy: 'ROTATE' }, /AuthTokenUpdateStrategy SET/)
  await modify(context, { AuthToken, RemoveUserGroups: true, AuthTokenUpdateStrategy: 'SET' })
  assert.deepEqual(await now(), [false, undefined])
})

test('users of IAM are refused with the reason where they could not log in', async () => {
  const context = groupContext()
  await user(context, 'machine', { Passwords: undefined, AuthenticationMode: { Type: 'iam' } })
  await rejects(
    context,
    () => group(context, 'team', 'machine'),
    combination,
    /machine has authentication mode iam.*nobody verifies/,
  )
  const able = { ...context, whyNoIam: (engine: string) => (engine === 'redis' ? 'too old' : null) }
  await group(able, 'team', 'machine')
  const tls = { TransitEncryptionEnabled: true, UserGroupIds: ['team'] }
  await rejects(
    able,
    () => newGroup(able, 'demo', { ...tls, Engine: 'redis' }),
    combination,
    /engine valkey, the replication group/,
  )
  await newGroup(able, 'demo', tls)
})

const olderEngine = (engine: string, version: string | null): string | null =>
  engine === 'redis' && version !== null ? 'redis has no interface for it' : null

/** A user group as public modules make it: for Redis OSS, with one user who is to log in by IAM, which AWS's 7.x takes. */
const mixedGroup = async (context: TestContext) => {
  const Engine = 'redis'
  await user(context, 'everybody', { UserName: 'default', Engine })
  await user(context, 'larry', { Engine, Passwords: undefined, AuthenticationMode: { Type: 'iam' } })
  await createUserGroup({ UserGroupId: 'mixed', Engine, UserIds: ['everybody', 'larry'] }, context)
  return { Engine, TransitEncryptionEnabled: true, UserGroupIds: ['mixed'] }
}

test('an IAM user of an engine without an interface for it is taken, told, and the others of the group are served', async () => {
  const context: TestContext = { ...groupContext(), whyNoIam: olderEngine }
  const told = async () => (await messages(context)).filter((text) => text.startsWith('demo: AuthenticationMode'))
  await newGroup(context, 'demo', await mixedGroup(context))
  await settle(context, 'rg', 'demo')
  assert.deepEqual((await groupNow(context, 'demo')).UserGroupIds, ['mixed'])
  assert.deepEqual((await specNow(context, 'rg', 'demo')).userGroup?.withoutLogin, ['larry'])
  assert.equal((await told()).length, 1)
  assert.match((await told())[0] ?? '', /^demo: AuthenticationMode=iam of larry has no effect yet: .*cannot log in/)
  await modifyUser({ UserId: 'larry', AuthenticationMode: { Type: 'password', Passwords: [second] } }, context)
  await settle(context, 'rg', 'demo')
  assert.equal((await specNow(context, 'rg', 'demo')).userGroup?.withoutLogin, undefined)
  await modifyUser({ UserId: 'larry', AuthenticationMode: { Type: 'iam' } }, context)
  await settle(context, 'rg', 'demo')
  assert.deepEqual((await specNow(context, 'rg', 'demo')).userGroup?.withoutLogin, ['larry'])
  assert.equal((await told()).length, 2)
})

test('where settings without an effect are refused, an IAM user of such an engine is', async () => {
  const context: TestContext = { ...refusingContext(), whyNoIam: olderEngine }
  const input = await mixedGroup(context)
  await rejects(context, () => newGroup(context, 'demo', input), combination, /larry has authentication mode iam.*no interface/)
})
