import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModifyReplicationGroupMessage, ReplicationGroup } from '@aws-sdk/client-elasticache'
import type { ActionContext } from '../../../action.ts'
import { groupContext, groupNow, messages, readyGroup, settle, specNow } from '../groups/testing.ts'
import { createCacheParameterGroup } from '../parameter-groups/create.ts'
import { putSecurityGroup, rejects } from '../test-context.ts'
import { modifyReplicationGroup } from './modify.ts'

const combination = 'InvalidParameterCombinationException'
const value = 'InvalidParameterValueException'

const modify = async (context: ActionContext, input: Partial<ModifyReplicationGroupMessage>): Promise<ReplicationGroup> => {
  const { ReplicationGroup } = await modifyReplicationGroup({ ReplicationGroupId: 'demo', ...input }, context)
  assert.ok(ReplicationGroup !== undefined)
  return ReplicationGroup
}

const ready = async (input: Parameters<typeof readyGroup>[2] = { NumCacheClusters: 2 }): Promise<ActionContext> => {
  const context = groupContext()
  await readyGroup(context, 'demo', input)
  return context
}

test('labels change at once, and the group stays available unless security groups are to be put in force', async () => {
  const context = await ready()
  await putSecurityGroup(context, 'sg-0123456789abcdef0')
  const group = await modify(context, {
    ReplicationGroupDescription: 'another',
    PreferredMaintenanceWindow: 'Mon:01:00-Mon:02:00',
    SnapshotWindow: '05:00-06:00',
    NotificationTopicArn: 'arn:aws:sns:eu-central-1:000000000000:caches',
    AutoMinorVersionUpgrade: false,
    SnapshottingClusterId: 'demo-001',
    SnapshotRetentionLimit: 0,
  })
  assert.equal(group.Status, 'available')
  assert.equal(group.Description, 'another')
  assert.equal(group.SnapshotWindow, '05:00-06:00')
  assert.equal(group.SnapshottingClusterId, 'demo-001')
  assert.equal(group.AutoMinorVersionUpgrade, false)
  const { generation, labels } = await specNow(context, 'rg', 'demo')
  assert.equal(generation, 1)
  assert.equal((await modify(context, { SecurityGroupIds: ['sg-0123456789abcdef0'] })).Status, 'modifying')
  await settle(context, 'rg', 'demo')
  assert.equal(labels.maintenanceWindow, 'mon:01:00-mon:02:00')
  assert.equal(labels.notificationTopicStatus, 'active')
  await modify(context, { NotificationTopicStatus: 'inactive' })
  assert.equal((await specNow(context, 'rg', 'demo')).labels.notificationTopicStatus, 'inactive')
  await modify(context, { NotificationTopicArn: '', NotificationTopicStatus: 'inactive' })
  assert.equal((await specNow(context, 'rg', 'demo')).labels.notificationTopicArn, null)
  await rejects(
    context,
    () => modify(context, { NotificationTopicStatus: 'active' }),
    combination,
    /without a NotificationTopicArn/,
  )
  await rejects(context, () => modify(context, { NotificationTopicStatus: 'loud' }), value, /active, inactive/)
  await rejects(context, () => modify(context, { SnapshotWindow: '01:30-02:30' }), combination, /overlap/)
})

test('a node type waits for the maintenance window unless it is to be applied at once', async () => {
  const context = await ready()
  assert.equal((await modify(context, { CacheNodeType: 'cache.t4g.medium' })).Status, 'available')
  const waiting = await specNow(context, 'rg', 'demo')
  assert.deepEqual(
    [waiting.nodeType, waiting.pending, waiting.generation],
    ['cache.t4g.small', { nodeType: 'cache.t4g.medium' }, 1],
  )

  const group = await modify(context, { CacheNodeType: 'cache.t4g.medium', ApplyImmediately: true })
  assert.equal(group.Status, 'modifying')
  assert.equal(group.CacheNodeType, 'cache.t4g.medium')
  const applied = await specNow(context, 'rg', 'demo')
  assert.deepEqual([applied.pending, applied.generation], [null, 2])
})

test('asking for what is there takes a pending change back', async () => {
  const context = await ready()
  await modify(context, { CacheNodeType: 'cache.t4g.medium' })
  await modify(context, { CacheNodeType: 'cache.t4g.small' })
  assert.equal((await specNow(context, 'rg', 'demo')).pending, null)
})

test('a later request with ApplyImmediately applies all that waits', async () => {
  const context = await ready()
  await modify(context, { CacheNodeType: 'cache.t4g.medium', AutomaticFailoverEnabled: true })
  const { PendingModifiedValues, AutomaticFailover } = await groupNow(context, 'demo')
  assert.deepEqual([PendingModifiedValues, AutomaticFailover], [{ AutomaticFailoverStatus: 'enabled' }, 'disabled'])
  await modify(context, { ReplicationGroupDescription: 'now', ApplyImmediately: true })
  const spec = await specNow(context, 'rg', 'demo')
  assert.deepEqual([spec.nodeType, spec.automaticFailover, spec.pending], ['cache.t4g.medium', true, null])
  assert.ok((await messages(context)).includes('demo: Automatic failover has been turned on for replication group demo'))
})

test('failover and Multi-AZ follow their rules, also while they wait', async () => {
  const context = await ready()
  await rejects(context, () => modify(context, { MultiAZEnabled: true }), combination, /together with automatic failover/)
  await modify(context, { AutomaticFailoverEnabled: true, MultiAZEnabled: true })
  assert.deepEqual((await specNow(context, 'rg', 'demo')).pending, { automaticFailover: true, multiAz: true })
  await rejects(
    context,
    () => modify(context, { AutomaticFailoverEnabled: false }),
    combination,
    /together with automatic failover/,
  )
  await modify(context, { AutomaticFailoverEnabled: true, MultiAZEnabled: true, ApplyImmediately: true })
  await settle(context, 'rg', 'demo')
  const { AutomaticFailover, MultiAZ, Status } = await groupNow(context, 'demo')
  assert.deepEqual([AutomaticFailover, MultiAZ, Status], ['enabled', 'enabled', 'available'])

  const alone = await ready({ NumCacheClusters: 1 })
  await rejects(alone, () => modify(alone, { AutomaticFailoverEnabled: true }), combination, /at least 2 cache clusters/)
  const sharded = await ready({ NumNodeGroups: 2 })
  await rejects(
    sharded,
    () => modify(sharded, { AutomaticFailoverEnabled: false }),
    combination,
    /cluster mode enabled is not supported/,
  )
  await modify(sharded, { ReplicationGroupDescription: 'another' })
})

test('another parameter group is applied at once and must fit', async () => {
  const context = await ready()
  await createCacheParameterGroup(
    { CacheParameterGroupName: 'mine', CacheParameterGroupFamily: 'valkey9', Description: 'd' },
    context,
  )
  await createCacheParameterGroup(
    { CacheParameterGroupName: 'old', CacheParameterGroupFamily: 'redis7', Description: 'd' },
    context,
  )
  assert.equal((await modify(context, { CacheParameterGroupName: 'Mine' })).Status, 'modifying')
  await settle(context, 'rg', 'demo')
  assert.equal((await specNow(context, 'rg', 'demo')).parameterGroup, 'mine')
  assert.ok((await messages(context)).includes('demo-002: Updated to use a CacheParameterGroup mine'))
  await rejects(
    context,
    () => modify(context, { CacheParameterGroupName: 'old' }),
    combination,
    /^redis parameter group is not applicable to engine valkey$/,
  )
  await rejects(
    context,
    () => modify(context, { CacheParameterGroupName: 'default.valkey9.cluster.on' }),
    combination,
    /cluster-enabled has a different value/,
  )
  await rejects(context, () => modify(context, { CacheParameterGroupName: 'none' }), 'CacheParameterGroupNotFoundFault', /none/)
})

test('what is asked for and already so changes nothing', async () => {
  const context = await ready()
  const before = await context.store.list('')
  await modify(context, {
    Engine: 'valkey',
    EngineVersion: '9.1',
    CacheNodeType: 'cache.t4g.small',
    CacheParameterGroupName: 'default.valkey9',
    PrimaryClusterId: 'demo-001',
    ClusterMode: 'disabled',
    AutomaticFailoverEnabled: false,
    Durability: 'default',
    NodeGroupId: '0001',
    ApplyImmediately: true,
  })
  assert.deepEqual(await context.store.list(''), before)
})

test('PrimaryClusterId asks for a switch in the present epoch, and to ask for the present primary changes nothing', async () => {
  const context = await ready()
  await modify(context, { PrimaryClusterId: 'DEMO-002', ApplyImmediately: true })
  const asked = await specNow(context, 'rg', 'demo')
  assert.deepEqual(asked.shards[0]?.wantedPrimary, { id: 'demo-002', epoch: 1 })
  const other = await ready()
  await modify(other, { PrimaryClusterId: 'demo-001', ApplyImmediately: true })
  assert.equal((await specNow(other, 'rg', 'demo')).shards[0]?.wantedPrimary, null)
})

test('AUTH tokens: ROTATE adds one and keeps the newest two, SET leaves the last, and only at once', async () => {
  const context = await ready({ NumCacheClusters: 2, TransitEncryptionEnabled: true })
  const [first, second, third] = ['first-token-of-all', 'second-token-of-all', 'third-token-of-all']
  const authNow = async () => {
    await settle(context, 'rg', 'demo')
    const { auth } = await specNow(context, 'rg', 'demo')
    return [auth?.optional, auth?.tokens.length]
  }
  const change = (AuthToken: string, AuthTokenUpdateStrategy?: 'ROTATE' | 'SET') =>
    modify(context, {
      AuthToken,
      ...(AuthTokenUpdateStrategy === undefined ? {} : { AuthTokenUpdateStrategy }),
      ApplyImmediately: true,
    })
  await change(first)
  assert.deepEqual(await authNow(), [true, 1], 'where there was none it is optional')
  await rejects(context, () => change(second, 'SET'), combination, /only the strategy ROTATE/)
  await change(first, 'SET')
  assert.deepEqual(await authNow(), [false, 1])
  await change(second, 'ROTATE')
  await settle(context, 'rg', 'demo')
  await change(third, 'ROTATE')
  assert.deepEqual(await authNow(), [false, 2])
  await rejects(context, () => change(first, 'SET'), combination, /only the strategy ROTATE/)
  await rejects(context, () => modify(context, { AuthToken: first }), combination, /only with ApplyImmediately/)
  await change(third, 'SET')
  assert.deepEqual(await authNow(), [false, 1])
})

test('a window that nobody asked for makes way for one that is asked for, and one that was asked for does not', async () => {
  const context = await ready()
  const windows = async () => {
    const { labels } = await specNow(context, 'rg', 'demo')
    return [labels.maintenanceWindow, labels.snapshotWindow ?? ''] as const
  }
  const day = (await windows())[1]
  const [from, to] = day.split('-') as [string, string]
  const asks = `wed:${from}-${to < from ? 'thu' : 'wed'}:${to}`
  await modify(context, { PreferredMaintenanceWindow: asks })
  assert.equal((await windows())[0], asks)
  assert.notEqual((await windows())[1], day)
  const other = await ready()
  const week = (await specNow(other, 'rg', 'demo')).labels.maintenanceWindow
  const asked = `${week.slice(4, 9)}-${week.slice(14)}`
  await modify(other, { SnapshotWindow: asked })
  const { labels } = await specNow(other, 'rg', 'demo')
  assert.equal(labels.snapshotWindow, asked)
  assert.notEqual(labels.maintenanceWindow, week)
  await rejects(other, () => modify(other, { PreferredMaintenanceWindow: week }), combination, /must not overlap/)
})

test('the first token by SET is asked for at once', async () => {
  const context = await ready({ TransitEncryptionEnabled: true })
  await modify(context, { AuthToken: 'first-token-of-all', AuthTokenUpdateStrategy: 'SET', ApplyImmediately: true })
  const { auth } = await specNow(context, 'rg', 'demo')
  assert.deepEqual([auth?.optional, auth?.tokens.length], [false, 1])
})

test('changes that cannot be made are refused', async () => {
  const context = await ready()
  const refuses = (input: Partial<ModifyReplicationGroupMessage>, shape: string, message: RegExp) =>
    rejects(context, () => modify(context, input), shape, message)
  await refuses({}, combination, /No modifications/)
  await refuses(
    { EngineVersion: '9.2' },
    value,
    /Cannot find version 9\.2 for valkey: AWS has 7\.2, .*9\.1; installed are 9\.1\.2/,
  )
  await refuses({ EngineVersion: '8.0' }, combination, /^Cannot modify valkey from 9\.1\.2 to 8\.0$/)
  await refuses({ Engine: 'redis' }, value, /not available yet/)
  await refuses({ PrimaryClusterId: 'other-001' }, 'CacheClusterNotFoundFault', /other-001/)
  await refuses(
    { SnapshottingClusterId: 'other-001' },
    'CacheClusterNotFoundFault',
    /^Specified snapshotting cluster does not exist$/,
  )
  await refuses({ ClusterMode: 'compatible' }, value, /not available yet/)
  await refuses({ CacheNodeType: 'cache.huge' }, value, /Invalid cache node type/)
  await refuses({ CacheNodeType: 'cache.t2.small' }, combination, /Cannot scale/)
  await refuses({ SnapshotRetentionLimit: 7 }, combination, /^Must specify both SnapshotRetentionLimit and SnapshottingClusterId/)
  await refuses({ SnapshotRetentionLimit: 36 }, value, /from 0 to 35/)
  await refuses({ AuthTokenUpdateStrategy: 'ROTATE' }, combination, /needs an AuthToken/)
  await refuses({ AuthToken: 'a-very-long-secret-token' }, combination, /with encryption in transit/)
  await refuses({ AuthTokenUpdateStrategy: 'DELETE' }, combination, /moving from an AuthToken/)
  await refuses({ UserGroupIdsToRemove: ['users'] }, value, /not one of the replication group/)
  await refuses({ Durability: 'async' }, combination, /cannot be turned on or off/)
  await refuses({ IpDiscovery: 'ipv6' }, value, /not available yet/)
})

test('only an available group can be modified', async () => {
  const context = await ready()
  await modify(context, { CacheNodeType: 'cache.t4g.medium', ApplyImmediately: true })
  const again = () => modify(context, { ReplicationGroupDescription: 'x' })
  await rejects(context, again, 'InvalidReplicationGroupStateFault', /its status is modifying/)
  await rejects(context, () => modify(context, { ReplicationGroupId: 'nobody' }), 'ReplicationGroupNotFoundFault', /nobody/)
  await rejects(context, () => modify(context, { ReplicationGroupId: 'no/body' }), 'ReplicationGroupNotFoundFault', /no\/body/)
  await rejects(context, () => modify(context, { ReplicationGroupId: '' }), value, /must be provided/)
})

test('requests that meet are carried out one after the other', async () => {
  const context = await ready()
  await Promise.all([
    modify(context, { ReplicationGroupDescription: 'one' }),
    modify(context, { AutoMinorVersionUpgrade: false }),
    modify(context, { SnapshotWindow: '05:00-06:00' }),
    modify(context, { PreferredMaintenanceWindow: 'mon:01:00-mon:02:00' }),
  ])
  const { labels } = await specNow(context, 'rg', 'demo')
  assert.deepEqual(
    [labels.description, labels.autoMinorVersionUpgrade, labels.snapshotWindow, labels.maintenanceWindow],
    ['one', false, '05:00-06:00', 'mon:01:00-mon:02:00'],
  )
})
