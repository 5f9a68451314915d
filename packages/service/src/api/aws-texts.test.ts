/**
 * Every text of AWS that tools branch on, by the call that brings it forth, as it goes over the wire.
 * Over 400 lines: one table, which is read beside that of the code.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../errors.ts'
import type { awsTexts } from '../model/aws-texts.ts'
import type { Action } from './action.ts'
import { wireError } from './protocols/query/fault.ts'
import { groupContext, readyCluster, readyGroup } from './services/elasticache/groups/testing.ts'
import { actions } from './services/elasticache/index.ts'
import { putSecurityGroup, type TestContext } from './services/elasticache/test-context.ts'

type Input = Readonly<Record<string, unknown>>
type Name = keyof typeof actions

const call = (context: TestContext, name: Name, input: Input): Promise<object> =>
  (actions[name] as unknown as Action<Input, object>)(input, context)

interface Row {
  /** Code of the wire. */
  readonly code: string
  readonly text: string
  readonly before?: (context: TestContext) => Promise<unknown>
  readonly action: Name
  readonly input: Input
}

const value = 'InvalidParameterValue'
const combination = 'InvalidParameterCombination'
const password = 'a-long-enough-password'
const token = 'a-very-long-secret-token'
const group = { ReplicationGroupId: 'demo' }
const newGroup = { ...group, ReplicationGroupDescription: 'd', CacheNodeType: 'cache.t4g.small', Engine: 'valkey' }
const newCluster = { CacheClusterId: 'demo', CacheNodeType: 'cache.t4g.small', Engine: 'redis' }
const newUser = { UserId: 'ada', UserName: 'ada', Engine: 'valkey', AccessString: 'on ~* +@all' }
const newSubnets = { CacheSubnetGroupName: 'mine', CacheSubnetGroupDescription: 'd' }

const ready =
  (input: Parameters<typeof readyGroup>[2] = {}) =>
  (context: TestContext) =>
    readyGroup(context, 'demo', input)
const sharded = ready({ NumNodeGroups: 2 })

const withUsers = async (context: TestContext): Promise<void> => {
  await call(context, 'CreateUser', { ...newUser, Passwords: [password] })
  await call(context, 'CreateUser', { ...newUser, UserId: 'bob', UserName: 'bob', Passwords: [password] })
  await call(context, 'CreateUserGroup', { UserGroupId: 'team', Engine: 'valkey', UserIds: ['ada'] })
}

const inGroup = async (context: TestContext): Promise<void> => {
  await withUsers(context)
  await readyGroup(context, 'demo', { TransitEncryptionEnabled: true, UserGroupIds: ['team'] })
}

const withToken = async (context: TestContext): Promise<void> => {
  await withUsers(context)
  await readyGroup(context, 'demo', { TransitEncryptionEnabled: true, AuthToken: token })
}

const ownClusterGroup = async (context: TestContext): Promise<void> => {
  await call(context, 'CreateCacheParameterGroup', {
    CacheParameterGroupName: 'mine',
    CacheParameterGroupFamily: 'valkey9',
    Description: 'd',
  })
  await readyGroup(context, 'demo', { CacheParameterGroupName: 'mine' })
}

const ownFamily =
  (CacheParameterGroupFamily: string, engine: 'redis' | 'valkey') =>
  async (context: TestContext): Promise<void> => {
    await call(context, 'CreateCacheParameterGroup', {
      CacheParameterGroupName: 'mine',
      CacheParameterGroupFamily,
      Description: 'd',
    })
    await readyGroup(context, 'demo', { Engine: engine })
  }

const parameters = Array.from({ length: 21 }, (_, index) => ({ ParameterName: `p${index}`, ParameterValue: '1' }))

const rows: Readonly<Record<keyof typeof awsTexts, Row>> = {
  tagsOfUnavailable: {
    code: 'InvalidReplicationGroupState',
    text: 'Cluster not in available state to perform tagging operations.',
    before: (context) => call(context, 'CreateReplicationGroup', newGroup),
    action: 'AddTagsToResource',
    input: {
      ResourceName: 'arn:aws:elasticache:eu-central-1:000000000000:replicationgroup:demo',
      Tags: [{ Key: 'a', Value: 'b' }],
    },
  },
  noModifications: {
    code: combination,
    text: 'No modifications were requested.',
    before: ready(),
    action: 'ModifyReplicationGroup',
    input: group,
  },
  notMember: {
    code: value,
    text: 'User bob is not a member of user group team.',
    before: withUsers,
    action: 'ModifyUserGroup',
    input: { UserGroupId: 'team', UserIdsToRemove: ['bob'] },
  },
  defaultUserRequired: {
    code: 'DefaultUserRequired',
    text: 'User group needs to contain a user with the user name default.',
    action: 'CreateUserGroup',
    input: { UserGroupId: 'team', Engine: 'redis', UserIds: [] },
  },
  authenticationType: {
    code: value,
    text: 'Input Authentication type: null is not in the allowed list: [password,no-password-required,iam]',
    action: 'CreateUser',
    input: newUser,
  },
  passwordFlag: {
    code: combination,
    text: 'No password required flag is true but provided authentication type is password',
    action: 'CreateUser',
    input: { ...newUser, Passwords: [password], NoPasswordRequired: true },
  },
  passwordsNotAllowed: {
    code: combination,
    text: 'Password field is not allowed with authentication type: iam',
    action: 'CreateUser',
    input: { ...newUser, Passwords: [password], AuthenticationMode: { Type: 'iam' } },
  },
  passwordMissing: {
    code: combination,
    text: 'A user with Authentication Mode: password, must have at least one password',
    action: 'CreateUser',
    input: { ...newUser, AuthenticationMode: { Type: 'password' } },
  },
  passwordsTwice: {
    code: combination,
    text: 'Passwords provided via multiple arguments. Use only one argument',
    action: 'CreateUser',
    input: { ...newUser, Passwords: [password], AuthenticationMode: { Type: 'password', Passwords: [password] } },
  },
  userGroupWithToken: {
    code: combination,
    text: "User group can't be associated with auth token enabled. Pass AuthStrategy delete to proceed.",
    before: withToken,
    action: 'ModifyReplicationGroup',
    input: { ...group, UserGroupIdsToAdd: ['team'] },
  },
  tokenWithUserGroup: {
    code: combination,
    text: "Auth tokens can't be enabled with a user group already associated. Pass RemoveUserGroups to proceed.",
    before: inGroup,
    action: 'ModifyReplicationGroup',
    input: { ...group, AuthToken: token, AuthTokenUpdateStrategy: 'SET', ApplyImmediately: true },
  },
  snapshotsNeedCluster: {
    code: combination,
    text: 'Must specify both SnapshotRetentionLimit and SnapshottingClusterId to turn on snapshots',
    before: ready(),
    action: 'ModifyReplicationGroup',
    input: { ...group, SnapshotRetentionLimit: 1 },
  },
  snapshottingClusterUnknown: {
    code: 'CacheClusterNotFound',
    text: 'Specified snapshotting cluster does not exist',
    before: ready(),
    action: 'ModifyReplicationGroup',
    input: { ...group, SnapshotRetentionLimit: 1, SnapshottingClusterId: 'other-001' },
  },
  snapshottingClusterOfShards: {
    code: combination,
    text: 'Cannot set snapshotting cluster for cluster mode enabled replication group',
    before: sharded,
    action: 'ModifyReplicationGroup',
    input: { ...group, SnapshottingClusterId: 'demo-0001-001' },
  },
  shortSnapshotWindow: {
    code: value,
    text: 'Snapshot window must be at least 60 minutes.',
    action: 'CreateReplicationGroup',
    input: { ...newGroup, SnapshotWindow: '05:00-05:59' },
  },
  windowsOverlap: {
    code: combination,
    text: 'The snapshot window and maintenance window must not overlap.',
    action: 'CreateReplicationGroup',
    input: {
      ...newGroup,
      SnapshotRetentionLimit: 0,
      SnapshotWindow: '05:00-07:00',
      PreferredMaintenanceWindow: 'sun:06:00-sun:08:00',
    },
  },
  logDeliveryAtOnce: {
    code: value,
    text: 'To modify the log delivery configuration, set the apply-immediately parameter to true.',
    before: ready(),
    action: 'ModifyReplicationGroup',
    input: { ...group, ApplyImmediately: false, LogDeliveryConfigurations: [{ LogType: 'slow-log', Enabled: false }] },
  },
  clusterModeDiffers: {
    code: combination,
    text: 'The parameter cluster-enabled has a different value in the requested parameter group than the current parameter group. This parameter value cannot be changed for a cache cluster',
    before: ready(),
    action: 'ModifyReplicationGroup',
    input: { ...group, CacheParameterGroupName: 'default.valkey9.cluster.on' },
  },
  clusterModeOfCluster: {
    code: combination,
    text: 'Cluster mode should be disabled in parameter group, but found it is enabled.',
    action: 'CreateCacheCluster',
    input: { ...newCluster, CacheParameterGroupName: 'default.redis7.cluster.on' },
  },
  clusterModeFixed: {
    code: value,
    text: 'The parameter cluster-enabled cannot be modified.',
    before: ownClusterGroup,
    action: 'ModifyCacheParameterGroup',
    input: {
      CacheParameterGroupName: 'mine',
      ParameterNameValues: [{ ParameterName: 'cluster-enabled', ParameterValue: 'yes' }],
    },
  },
  familyOfNew: {
    code: combination,
    text: 'Expected a parameter group of family redis7 but found one of family redis6.x',
    action: 'CreateReplicationGroup',
    input: { ...newGroup, Engine: 'redis', CacheParameterGroupName: 'default.redis6.x' },
  },
  familyOfPresent: {
    code: combination,
    text: 'Incompatible cache parameter group. The cache has Parameter Group Family redis7. The requested cache parameter group has Parameter Group Family redis6.x.',
    before: ownFamily('redis6.x', 'redis'),
    action: 'ModifyReplicationGroup',
    input: { ...group, CacheParameterGroupName: 'mine' },
  },
  engineOfGroup: {
    code: combination,
    text: 'valkey parameter group is not applicable to engine redis',
    before: ownFamily('valkey8', 'redis'),
    action: 'ModifyReplicationGroup',
    input: { ...group, CacheParameterGroupName: 'mine' },
  },
  tooManyParameters: {
    code: combination,
    text: 'Cannot modify more than 20 parameters in a single request',
    before: ownClusterGroup,
    action: 'ModifyCacheParameterGroup',
    input: { CacheParameterGroupName: 'mine', ParameterNameValues: parameters },
  },
  replicaNeeded: {
    code: value,
    text: 'Must have at least 1 replica when cluster mode is disabled with auto failover enabled.',
    before: ready({ NumCacheClusters: 2, AutomaticFailoverEnabled: true }),
    action: 'DecreaseReplicaCount',
    input: { ...group, NewReplicaCount: 0, ApplyImmediately: true },
  },
  failoverNeedsTwo: {
    code: combination,
    text: 'When using automatic failover, there must be at least 2 cache clusters in the replication group.',
    action: 'CreateReplicationGroup',
    input: { ...newGroup, AutomaticFailoverEnabled: true },
  },
  failoverStays: {
    code: combination,
    text: 'Turning off automatic failover for replication group with cluster mode enabled is not supported.',
    before: sharded,
    action: 'ModifyReplicationGroup',
    input: { ...group, AutomaticFailoverEnabled: false },
  },
  failoverNeedsReplica: {
    code: combination,
    text: 'Replication group must have at least one read replica to enable autofailover.',
    before: sharded,
    action: 'ModifyReplicationGroup',
    input: { ...group, AutomaticFailoverEnabled: true },
  },
  failoverOfType: {
    code: combination,
    text: 'Automatic failover is not supported for T1 and T2 cache node types.',
    action: 'CreateReplicationGroup',
    input: { ...newGroup, CacheNodeType: 'cache.t2.small', NumCacheClusters: 2, AutomaticFailoverEnabled: true },
  },
  invalidSubnets: {
    code: value,
    text: 'Some input subnets in :[none] are invalid.',
    action: 'CreateCacheSubnetGroup',
    input: { ...newSubnets, SubnetIds: ['none'] },
  },
  subnetGroupExists: {
    code: 'CacheSubnetGroupAlreadyExists',
    text: 'Cache subnet group default already exists.',
    action: 'CreateCacheSubnetGroup',
    input: { ...newSubnets, CacheSubnetGroupName: 'default', SubnetIds: ['subnet-0000000a'] },
  },
  bothSecurityGroups: {
    code: combination,
    text: 'Use of cache security groups is not permitted along with cache subnet group and/or security group Ids.',
    before: (context) => putSecurityGroup(context, 'sg-01234567'),
    action: 'CreateReplicationGroup',
    input: { ...newGroup, SecurityGroupIds: ['sg-01234567'], CacheSecurityGroupNames: ['mine'] },
  },
  cacheClusterNotFound: {
    code: 'CacheClusterNotFound',
    text: 'CacheCluster not found: demo',
    before: ready(),
    action: 'DescribeCacheClusters',
    input: { CacheClusterId: 'demo' },
  },
  primaryNotDeleted: {
    code: 'InvalidCacheClusterState',
    text: 'Cache cluster demo-001 is serving as primary for replication group demo and cannot be deleted. To delete the entire replication group, use DeleteReplicationGroup.',
    before: ready({ NumCacheClusters: 2 }),
    action: 'DeleteCacheCluster',
    input: { CacheClusterId: 'demo-001' },
  },
  onlyMember: {
    code: 'InvalidCacheClusterState',
    text: 'Cannot delete the cache cluster since it is the only member of a replication group. Delete the replication group instead.',
    before: ready(),
    action: 'DeleteCacheCluster',
    input: { CacheClusterId: 'demo-001' },
  },
}

for (const [name, { code, text, before, action, input }] of Object.entries(rows))
  test(`${name}: ${text.slice(0, 80)}`, async () => {
    const context = groupContext()
    await before?.(context)
    const error: unknown = await call(context, action, input).then(
      () => assert.fail(`${action} was carried out`),
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof Fault, String(error))
    const wire = wireError(error)
    assert.deepEqual([wire?.code, wire?.message], [code, text])
  })

interface Told {
  readonly what: string
  readonly before?: (context: TestContext) => Promise<unknown>
  readonly action: Name
  readonly input: Input
  readonly code: string
  readonly text: RegExp
}

/** Sisters of the rows above: the same rule, reached another way. */
const others: readonly Told[] = [
  {
    what: 'no password required with the mode iam',
    action: 'CreateUser',
    input: { ...newUser, NoPasswordRequired: true, AuthenticationMode: { Type: 'iam' } },
    code: combination,
    text: /provided authentication type is iam$/,
  },
  {
    what: 'an unknown authentication type',
    action: 'CreateUser',
    input: { ...newUser, AuthenticationMode: { Type: 'token' } },
    code: value,
    text: /^Input Authentication type: token is not/,
  },
  {
    what: 'a password required and none given',
    action: 'CreateUser',
    input: { ...newUser, NoPasswordRequired: false },
    code: combination,
    text: /must have at least one password$/,
  },
  {
    what: 'a wrong combination for a user that is there',
    before: withUsers,
    action: 'ModifyUser',
    input: { UserId: 'ada', Passwords: [password], NoPasswordRequired: true },
    code: combination,
    text: /provided authentication type is password$/,
  },
  {
    what: 't1 with cluster mode, where failover is always on',
    action: 'CreateReplicationGroup',
    input: { ...newGroup, CacheNodeType: 'cache.t1.micro', NumNodeGroups: 2 },
    code: combination,
    text: /not supported for T1 and T2/,
  },
  {
    what: 'failover turned on later for t2',
    before: ready({ CacheNodeType: 'cache.t2.small', NumCacheClusters: 2 }),
    action: 'ModifyReplicationGroup',
    input: { ...group, AutomaticFailoverEnabled: true, ApplyImmediately: true },
    code: combination,
    text: /not supported for T1 and T2/,
  },
  {
    what: 'a group with failover scaled to t2',
    before: ready({ CacheNodeType: 'cache.m5.large', NumCacheClusters: 2, AutomaticFailoverEnabled: true }),
    action: 'ModifyReplicationGroup',
    input: { ...group, CacheNodeType: 'cache.t2.small' },
    code: combination,
    text: /not supported for T1 and T2/,
  },
  {
    what: 'a single cluster to a parameter group with cluster mode',
    before: (context) => readyCluster(context, 'demo', { Engine: 'redis' }),
    action: 'ModifyCacheCluster',
    input: { CacheClusterId: 'demo', CacheParameterGroupName: 'default.redis7.cluster.on' },
    code: combination,
    text: /^The parameter cluster-enabled has a different value/,
  },
  {
    what: 'logs of a single cluster without ApplyImmediately',
    before: (context) => readyCluster(context, 'demo', { Engine: 'redis' }),
    action: 'ModifyCacheCluster',
    input: { CacheClusterId: 'demo', LogDeliveryConfigurations: [{ LogType: 'slow-log', Enabled: false }] },
    code: value,
    text: /^To modify the log delivery configuration/,
  },
  {
    what: 'nothing about a user group',
    before: withUsers,
    action: 'ModifyUserGroup',
    input: { UserGroupId: 'team' },
    code: combination,
    text: /^No modifications were requested/,
  },
]

for (const { what, before, action, input, code, text } of others)
  test(`the same rule: ${what}`, async () => {
    const context = groupContext()
    await before?.(context)
    await assert.rejects(call(context, action, input), (error: unknown) => {
      assert.ok(error instanceof Fault, String(error))
      assert.equal(wireError(error)?.code, code, error.message)
      assert.match(error.message, text)
      return true
    })
  })

test('t2 with cluster mode has failover, as on AWS', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo', { CacheNodeType: 'cache.t2.small', NumNodeGroups: 2 })
})
