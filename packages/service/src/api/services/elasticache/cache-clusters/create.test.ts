import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CreateCacheClusterMessage } from '@aws-sdk/client-elasticache'
import { defaultSecurityGroupId } from '../../../../model/security-groups.ts'
import {
  clusterNow,
  groupContext,
  groupNow,
  messages,
  newCluster,
  newGroup,
  readyCluster,
  readyGroup,
  settle,
  specNow,
} from '../groups/testing.ts'
import { createCacheParameterGroup } from '../parameter-groups/create.ts'
import { listTagsForResource } from '../tags/list.ts'
import { account, region, rejects } from '../test-context.ts'

const combination = 'InvalidParameterCombinationException'
const value = 'InvalidParameterValueException'
const [a, b, c] = ['a', 'b', 'c'].map((letter) => `${region}${letter}`) as [string, string, string]

const refuses = async (input: Partial<CreateCacheClusterMessage>, shape: string, message: RegExp): Promise<void> => {
  const context = groupContext()
  await rejects(context, () => newCluster(context, 'demo', input), shape, message)
}

test('a Memcached cluster with encryption in transit says so', async () => {
  const context = groupContext()
  const cluster = await newCluster(context, 'safe', { TransitEncryptionEnabled: true })
  assert.deepEqual([cluster.TransitEncryptionEnabled, cluster.TransitEncryptionMode], [true, 'required'])
})

test('a Memcached cluster is created whole, and shown as creating without its nodes', async () => {
  const context = groupContext()
  const { PreferredMaintenanceWindow, ...cluster } = await newCluster(context, 'Demo', { NumCacheNodes: 2 })
  assert.match(PreferredMaintenanceWindow ?? '', /^[a-z]{3}:\d\d:\d\d-[a-z]{3}:\d\d:\d\d$/)
  assert.deepEqual(cluster, {
    CacheClusterId: 'demo',
    ClientDownloadLandingPage: 'https://console.aws.amazon.com/elasticache/home#client-download:',
    CacheNodeType: 'cache.t4g.small',
    Engine: 'memcached',
    EngineVersion: '1.6.22',
    CacheClusterStatus: 'creating',
    NumCacheNodes: 2,
    PreferredAvailabilityZone: a,
    CacheClusterCreateTime: new Date(context.clock.now()),
    PendingModifiedValues: {},
    CacheSecurityGroups: [],
    CacheParameterGroup: {
      CacheParameterGroupName: 'default.memcached1.6',
      ParameterApplyStatus: 'in-sync',
      CacheNodeIdsToReboot: [],
    },
    CacheSubnetGroupName: 'default',
    AutoMinorVersionUpgrade: true,
    SecurityGroups: [{ SecurityGroupId: defaultSecurityGroupId(region), Status: 'active' }],
    AuthTokenEnabled: false,
    TransitEncryptionEnabled: false,
    AtRestEncryptionEnabled: false,
    ARN: `arn:aws:elasticache:${region}:${account}:cluster:demo`,
    ReplicationGroupLogDeliveryEnabled: false,
    LogDeliveryConfigurations: [],
    NetworkType: 'ipv4',
    IpDiscovery: 'ipv4',
  })
})

test('an available Memcached cluster shows its configuration endpoint and its nodes', async () => {
  const context = groupContext()
  await readyCluster(context, 'demo', {
    NumCacheNodes: 3,
    AZMode: 'cross-az',
    NotificationTopicArn: 'arn:aws:sns:eu-central-1:000000000000:t',
  })
  const cluster = await clusterNow(context, 'demo')
  assert.equal(cluster.CacheClusterStatus, 'available')
  assert.equal(cluster.PreferredAvailabilityZone, 'Multiple')
  assert.deepEqual(cluster.ConfigurationEndpoint, { Address: '127.64.0.3', Port: 11_211 })
  assert.deepEqual(cluster.NotificationConfiguration, {
    TopicArn: 'arn:aws:sns:eu-central-1:000000000000:t',
    TopicStatus: 'active',
  })
  assert.equal(cluster.SnapshotRetentionLimit, undefined)
  assert.deepEqual(
    cluster.CacheNodes?.map((node) => [node.CacheNodeId, node.CacheNodeStatus, node.Endpoint?.Port, node.ParameterGroupStatus]),
    [
      ['0001', 'available', 11_211, 'in-sync'],
      ['0002', 'available', 11_211, 'in-sync'],
      ['0003', 'available', 11_211, 'in-sync'],
    ],
  )
  assert.deepEqual(cluster.CacheNodes?.map((node) => node.CustomerAvailabilityZone).toSorted(), [a, b, c])
})

test('a single Valkey node has no configuration endpoint and one node', async () => {
  const context = groupContext()
  await readyCluster(context, 'demo', { Engine: 'valkey', PreferredAvailabilityZone: c, Port: 7000, AZMode: 'single-az' })
  const cluster = await clusterNow(context, 'demo')
  assert.equal(cluster.ConfigurationEndpoint, undefined)
  assert.equal(cluster.PreferredAvailabilityZone, c)
  assert.equal(cluster.SnapshotRetentionLimit, 0)
  assert.equal(cluster.CacheParameterGroup?.CacheParameterGroupName, 'default.valkey9')
  assert.deepEqual(
    cluster.CacheNodes?.map((node) => [node.CacheNodeId, node.Endpoint?.Port]),
    [['0001', 7000]],
  )
  assert.equal(cluster.ReplicationGroupId, undefined)
})

test('zones of Memcached nodes are honoured', async () => {
  const context = groupContext()
  const zonesOf = async (id: string, input: Partial<CreateCacheClusterMessage>) => {
    await newCluster(context, id, input)
    return (await specNow(context, 'cc', id)).shards[0]?.nodes.map((node) => node.zone)
  }
  assert.deepEqual(await zonesOf('listed', { NumCacheNodes: 3, PreferredAvailabilityZones: [c, a, c] }), [c, a, c])
  assert.deepEqual(await zonesOf('one', { NumCacheNodes: 2, PreferredAvailabilityZone: b }), [b, b])
  assert.equal(new Set(await zonesOf('together', { NumCacheNodes: 4 })).size, 1)
  await refuses({ NumCacheNodes: 2, PreferredAvailabilityZones: [a] }, combination, /1 zones for 2 nodes/)
  await refuses({ NumCacheNodes: 2, PreferredAvailabilityZones: [a, b], AZMode: 'single-az' }, combination, /AZMode=single-az/)
  await refuses({ NumCacheNodes: 2, PreferredAvailabilityZones: [a, a], AZMode: 'cross-az' }, combination, /AZMode=cross-az/)
  await refuses({ NumCacheNodes: 2, PreferredAvailabilityZone: a, AZMode: 'cross-az' }, combination, /PreferredAvailabilityZones/)
  await refuses({ NumCacheNodes: 2, PreferredAvailabilityZone: a, PreferredAvailabilityZones: [a, a] }, combination, /together/)
  await refuses({ NumCacheNodes: 1, AZMode: 'cross-az' }, combination, /more than one node/)
  await refuses({ PreferredAvailabilityZone: 'mars' }, value, /not a valid availability zone/)
})

test('numbers of nodes are checked', async () => {
  await refuses({ NumCacheNodes: 0 }, value, /NumCacheNodes/)
  await refuses({ NumCacheNodes: 41 }, 'NodeQuotaForClusterExceededFault', /40 nodes in a Memcached cluster/)
  await refuses({ Engine: 'redis', NumCacheNodes: 2 }, combination, /greater than 1/)
  await refuses({ Engine: 'redis', PreferredAvailabilityZones: [a] }, combination, /only for Memcached/)
  await refuses({ Engine: 'redis', AZMode: 'cross-az' }, combination, /more than one node/)
})

test('values and references are checked', async () => {
  await refuses({ Engine: 'hazelcast' }, value, /must be one of memcached, redis, valkey/)
  await refuses({ EngineVersion: '1.4.6' }, value, /AWS has 1\.4\.5, .*; installed are 1\.6\.18/)
  await refuses({ CacheNodeType: '' }, value, /CacheNodeType/)
  await refuses(
    { CacheParameterGroupName: 'default.valkey9' },
    combination,
    /family memcached1\.6 but found one of family valkey9/,
  )
  await refuses(
    { Engine: 'valkey', CacheParameterGroupName: 'default.valkey9.cluster.on' },
    combination,
    /Cluster mode should be disabled/,
  )
  await refuses({ CacheParameterGroupName: 'none' }, 'CacheParameterGroupNotFoundFault', /none/)
  await refuses({ CacheSubnetGroupName: 'none' }, 'CacheSubnetGroupNotFoundFault', /none/)
  await refuses({ SnapshotWindow: '05:00-06:00' }, combination, /Memcached/)
  await refuses({ SnapshotRetentionLimit: 1 }, combination, /Memcached/)
  await refuses({ Engine: 'redis', SnapshotRetentionLimit: 36 }, value, /from 0 to 35/)
  await refuses({ TransitEncryptionEnabled: true, Engine: 'valkey' }, combination, /for Memcached; .* create a replication group/)
  await refuses({ PreferredOutpostArn: 'arn' }, value, /not available yet/)
  await refuses({ CacheClusterId: '1st' }, value, /identifier/)
})

test('a name can be taken once, by a cluster or by a member of a group', async () => {
  const context = groupContext()
  await newCluster(context, 'demo')
  await rejects(context, () => newCluster(context, 'DEMO'), 'CacheClusterAlreadyExistsFault', /demo already exists/)
  await newGroup(context, 'group')
  await rejects(context, () => newCluster(context, 'group-001'), 'CacheClusterAlreadyExistsFault', /group-001/)
})

test('a named parameter group is told in an event', async () => {
  const context = groupContext()
  await createCacheParameterGroup(
    { CacheParameterGroupName: 'mine', CacheParameterGroupFamily: 'memcached1.6', Description: 'd' },
    context,
  )
  await newCluster(context, 'demo', { CacheParameterGroupName: 'mine' })
  assert.ok((await messages(context)).includes('demo: Updated to use a CacheParameterGroup mine'))
})

test('with ReplicationGroupId a replica joins the group, under its own name', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo')
  const cluster = await newCluster(context, 'Extra', {
    ReplicationGroupId: 'Demo',
    CacheNodeType: undefined,
    Tags: [{ Key: 'k', Value: 'own' }],
    AutoMinorVersionUpgrade: false,
    PreferredAvailabilityZone: c,
  })
  assert.deepEqual(
    [
      cluster.CacheClusterId,
      cluster.CacheClusterStatus,
      cluster.ReplicationGroupId,
      cluster.Engine,
      cluster.PreferredAvailabilityZone,
    ],
    ['extra', 'creating', 'demo', 'valkey', c],
  )
  assert.equal((await groupNow(context, 'demo')).Status, 'modifying')
  await settle(context, 'rg', 'demo')
  const group = await groupNow(context, 'demo')
  assert.deepEqual(group.MemberClusters, ['demo-001', 'extra'])
  assert.equal(group.NodeGroups?.[0]?.NodeGroupMembers?.[1]?.CurrentRole, 'replica')
  const tags = await listTagsForResource({ ResourceName: `arn:aws:elasticache:${region}:${account}:cluster:extra` }, context)
  assert.deepEqual(tags.TagList, [{ Key: 'k', Value: 'own' }])
})

test('replicas that cannot join are refused', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo', { NumCacheClusters: 5 })
  const join = (id: string, input: Partial<CreateCacheClusterMessage>) => () =>
    newCluster(context, id, { ReplicationGroupId: 'demo', CacheNodeType: undefined, ...input })
  await rejects(
    context,
    join('x', { CacheNodeType: 'cache.t4g.medium' }),
    combination,
    /CacheNodeType=cache\.t4g\.medium differs/,
  )
  await rejects(context, join('x', { Port: 7000 }), combination, /Port=7000/)
  await rejects(context, join('x', { NumCacheNodes: 2 }), combination, /NumCacheNodes/)
  await rejects(context, join('x', { SecurityGroupIds: ['sg-01234567'] }), combination, /SecurityGroupIds/)
  await rejects(context, join('x', { Engine: 'redis' }), value, /not available yet/)
  await rejects(context, join('x', { PreferredAvailabilityZones: [a] }), combination, /Memcached/)
  await rejects(context, join('demo-002', {}), 'CacheClusterAlreadyExistsFault', /demo-002/)
  await rejects(context, join('x', { ReplicationGroupId: 'nobody' }), 'ReplicationGroupNotFoundFault', /nobody/)
  await newCluster(context, 'sixth', { ReplicationGroupId: 'demo', CacheNodeType: undefined })
  await rejects(context, join('seventh', {}), 'NodeQuotaForClusterExceededFault', /no more than 6/)
  await readyGroup(context, 'small')
  await newCluster(context, 'second', { ReplicationGroupId: 'small', CacheNodeType: undefined })
  await rejects(context, join('third', { ReplicationGroupId: 'small' }), 'InvalidReplicationGroupStateFault', /modifying/)
  await readyGroup(context, 'sharded', { NumNodeGroups: 2 })
  await rejects(context, join('x', { ReplicationGroupId: 'sharded' }), combination, /cluster mode enabled/)
})
