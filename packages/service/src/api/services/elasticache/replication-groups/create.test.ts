import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CreateReplicationGroupMessage } from '@aws-sdk/client-elasticache'
import {
  groupContext,
  groupNow,
  messages,
  newCluster,
  newGroup,
  readyGroup,
  refuses,
  settle,
  specNow,
} from '../groups/testing.ts'
import { createCacheParameterGroup } from '../parameter-groups/create.ts'
import { createCacheSubnetGroup } from '../subnet-groups/create.ts'
import { account, putSecurityGroup, region, rejects } from '../test-context.ts'

const zones = ['a', 'b', 'c'].map((letter) => `${region}${letter}`)

const combination = 'InvalidParameterCombinationException'
const value = 'InvalidParameterValueException'

test('a group without cluster mode is created whole, and shown as creating', async () => {
  const context = groupContext()
  const group = await newGroup(context, 'Demo', { NumCacheClusters: 3, AutomaticFailoverEnabled: true, MultiAZEnabled: true })
  const { SnapshotWindow, NodeGroups = [], ...rest } = group
  assert.match(SnapshotWindow ?? '', /^\d\d:\d\d-\d\d:\d\d$/)
  assert.deepEqual(rest, {
    ReplicationGroupId: 'demo',
    Description: 'for a test',
    GlobalReplicationGroupInfo: {},
    Status: 'creating',
    PendingModifiedValues: {},
    MemberClusters: ['demo-001', 'demo-002', 'demo-003'],
    AutomaticFailover: 'enabling',
    MultiAZ: 'enabled',
    SnapshotRetentionLimit: 0,
    ClusterEnabled: false,
    CacheNodeType: 'cache.t4g.small',
    AuthTokenEnabled: false,
    TransitEncryptionEnabled: false,
    AtRestEncryptionEnabled: true,
    StorageEncryptionType: 'sse-elasticache',
    ARN: `arn:aws:elasticache:${region}:${account}:replicationgroup:demo`,
    UserGroupIds: [],
    LogDeliveryConfigurations: [],
    ReplicationGroupCreateTime: new Date(context.clock.now()),
    DataTiering: 'disabled',
    AutoMinorVersionUpgrade: true,
    NetworkType: 'ipv4',
    IpDiscovery: 'ipv4',
    ClusterMode: 'disabled',
    Engine: 'valkey',
    Durability: 'default',
    EffectiveDurability: 'disabled',
  })
  assert.deepEqual(NodeGroups, [
    {
      NodeGroupId: '0001',
      Status: 'creating',
      NodeGroupMembers: zones.map((zone, index) => ({
        CacheClusterId: `demo-00${index + 1}`,
        CacheNodeId: '0001',
        PreferredAvailabilityZone: zone,
      })),
    },
  ])
})

test('an available group shows its endpoints and roles', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo', { NumCacheClusters: 2, AutomaticFailoverEnabled: true, Port: 7000 })
  const group = await groupNow(context, 'demo')
  assert.equal(group.Status, 'available')
  assert.equal(group.AutomaticFailover, 'enabled')
  assert.equal(group.ConfigurationEndpoint, undefined)
  const [shard] = group.NodeGroups ?? []
  assert.equal(shard?.Status, 'available')
  assert.equal(shard?.Slots, undefined)
  assert.deepEqual(shard?.PrimaryEndpoint, { Address: '127.64.0.1', Port: 7000 })
  assert.deepEqual(shard?.ReaderEndpoint, { Address: '127.64.0.2', Port: 7000 })
  assert.deepEqual(
    shard?.NodeGroupMembers?.map((member) => [member.CurrentRole, member.ReadEndpoint?.Port]),
    [
      ['primary', 7000],
      ['replica', 7000],
    ],
  )
})

test('a sharded group has even slots, a configuration endpoint and no roles', async () => {
  const context = groupContext()
  await readyGroup(context, 'sharded', { NumNodeGroups: 3, ReplicasPerNodeGroup: 1, MultiAZEnabled: true })
  const group = await groupNow(context, 'sharded')
  assert.equal(group.ClusterEnabled, true)
  assert.equal(group.ClusterMode, 'enabled')
  assert.equal(group.AutomaticFailover, 'enabled')
  assert.deepEqual(group.ConfigurationEndpoint, { Address: '127.64.0.3', Port: 6379 })
  assert.deepEqual(
    group.NodeGroups?.map((shard) => shard.Slots),
    ['0-5461', '5462-10922', '10923-16383'],
  )
  assert.deepEqual(
    group.NodeGroups?.[2]?.NodeGroupMembers?.map((member) => Object.keys(member).sort()),
    [
      ['CacheClusterId', 'CacheNodeId', 'PreferredAvailabilityZone'],
      ['CacheClusterId', 'CacheNodeId', 'PreferredAvailabilityZone'],
    ],
  )
  assert.equal(group.NodeGroups?.[0]?.PrimaryEndpoint, undefined)
  assert.equal((await specNow(context, 'rg', 'sharded')).parameterGroup, 'default.valkey9.cluster.on')
  const primaries = group.NodeGroups?.map((shard) => shard.NodeGroupMembers?.[0]?.PreferredAvailabilityZone)
  assert.equal(new Set(primaries).size, 3)
})

test('the parameter group decides about cluster mode', async () => {
  const context = groupContext()
  await newGroup(context, 'one', { CacheParameterGroupName: 'default.valkey9.cluster.on' })
  assert.equal((await specNow(context, 'rg', 'one')).kind, 'cme')
  await newGroup(context, 'two', { ClusterMode: 'enabled' })
  assert.equal((await specNow(context, 'rg', 'two')).kind, 'cme')
  await newGroup(context, 'three', { NumNodeGroups: 1 })
  assert.equal((await specNow(context, 'rg', 'three')).kind, 'cmd')
  await refuses({ CacheParameterGroupName: 'default.valkey9', NumNodeGroups: 2 }, combination, /needs cluster mode/)
  await refuses(
    { CacheParameterGroupName: 'default.valkey9', ClusterMode: 'enabled' },
    combination,
    /contradicts the parameter group/,
  )
  await refuses({ CacheParameterGroupName: 'default.valkey9.cluster.on', ClusterMode: 'disabled' }, combination, /contradicts/)
  await refuses({ ClusterMode: 'disabled', NumNodeGroups: 2 }, combination, /needs cluster mode/)
  await refuses({ ClusterMode: 'compatible' }, value, /not available yet/)
})

test('a parameter group must exist and be of the family of the engine', async () => {
  const context = groupContext()
  await createCacheParameterGroup(
    { CacheParameterGroupName: 'mine', CacheParameterGroupFamily: 'redis7', Description: 'd' },
    context,
  )
  await newGroup(context, 'demo', { Engine: 'redis', CacheParameterGroupName: 'Mine' })
  assert.equal((await specNow(context, 'rg', 'demo')).parameterGroup, 'mine')
  assert.ok((await messages(context)).includes('demo-001: Updated to use a CacheParameterGroup mine'))
  await rejects(
    context,
    () => newGroup(context, 'other', { CacheParameterGroupName: 'mine' }),
    combination,
    /family valkey9 but found one of family redis7/,
  )
  await refuses({ CacheParameterGroupName: 'nobody' }, 'CacheParameterGroupNotFoundFault', /nobody/)
})

test('the version that was asked for is honoured, or refused with what there is', async () => {
  const context = groupContext()
  for (const [asked, found] of [
    ['9.1', '9.1.2'],
    ['8.0', '8.0.6'],
    ['9.1.0', '9.1.0'],
    ['8.x', '8.0.6'],
    [undefined, '9.1.2'],
  ] as const) {
    const id = `v${(asked ?? 'new').replaceAll('.', '-')}`
    await newGroup(context, id, asked === undefined ? {} : { EngineVersion: asked })
    assert.equal((await specNow(context, 'rg', id)).engineVersion, found)
  }
  await newGroup(context, 'redis', { Engine: 'Redis' })
  assert.equal((await specNow(context, 'rg', 'redis')).engineVersion, '7.1.0')
  await refuses({ EngineVersion: '7.3' }, value, /Cannot find version 7\.3 for valkey: .*installed are 9\.1\.2, 9\.1\.0, 8\.0\.6/)
  await refuses({ EngineVersion: 'new' }, value, /EngineVersion/)
  await refuses({ Engine: 'memcached' }, value, /must be one of valkey, redis/)
})

test('an engine that nobody named is Redis OSS, as on AWS', async () => {
  const context = groupContext()
  await newGroup(context, 'demo', { Engine: undefined })
  const spec = await specNow(context, 'rg', 'demo')
  assert.deepEqual([spec.engine, spec.parameterGroup, spec.durability], ['redis', 'default.redis7', null])
})

test('zones that were asked for are honoured', async () => {
  const context = groupContext()
  const wanted = [zones[2] ?? '', zones[0] ?? '', zones[2] ?? '']
  await newGroup(context, 'demo', { NumCacheClusters: 3, PreferredCacheClusterAZs: wanted })
  assert.deepEqual(
    (await specNow(context, 'rg', 'demo')).shards[0]?.nodes.map((node) => node.zone),
    wanted,
  )
  await refuses({ NumCacheClusters: 2, PreferredCacheClusterAZs: wanted }, combination, /3 zones for 2 clusters/)
  await refuses({ PreferredCacheClusterAZs: ['mars-1a'] }, value, /mars-1a is not a valid availability zone/)
  await refuses({ NumNodeGroups: 2, PreferredCacheClusterAZs: wanted }, combination, /NodeGroupConfiguration/)
})

test('nodes stay in the zones of their subnet group', async () => {
  const context = groupContext()
  const subnets = { SubnetIds: ['subnet-0123456789abcdef0'], CacheSubnetGroupDescription: 'd' }
  await createCacheSubnetGroup({ CacheSubnetGroupName: 'narrow', ...subnets }, context)
  await newGroup(context, 'demo', { NumCacheClusters: 3, CacheSubnetGroupName: 'Narrow' })
  const { shards, subnetGroup } = await specNow(context, 'rg', 'demo')
  assert.equal(subnetGroup, 'narrow')
  const zone = shards[0]?.nodes[0]?.zone ?? ''
  assert.ok(shards[0]?.nodes.every((node) => node.zone === zone))
  const elsewhere = zones.find((each) => each !== zone) ?? ''
  await rejects(
    context,
    () => newGroup(context, 'other', { CacheSubnetGroupName: 'narrow', PreferredCacheClusterAZs: [elsewhere] }),
    value,
    /has no subnet in/,
  )
  const multi = { NumCacheClusters: 2, AutomaticFailoverEnabled: true, MultiAZEnabled: true }
  await rejects(
    context,
    () => newGroup(context, 'other', { CacheSubnetGroupName: 'narrow', ...multi }),
    combination,
    /at least two availability zones/,
  )
  await refuses({ CacheSubnetGroupName: 'nobody' }, 'CacheSubnetGroupNotFoundFault', /nobody/)
})

test('each shard can be configured by itself', async () => {
  const context = groupContext()
  await newGroup(context, 'demo', {
    CacheParameterGroupName: 'default.valkey9.cluster.on',
    NodeGroupConfiguration: [
      {
        NodeGroupId: '7',
        Slots: '0-9999',
        ReplicaCount: 1,
        PrimaryAvailabilityZone: zones[1] ?? '',
        ReplicaAvailabilityZones: [zones[2] ?? ''],
      },
      { NodeGroupId: '0002', Slots: '10000-16383', ReplicaCount: 0 },
    ],
  })
  const { shards } = await specNow(context, 'rg', 'demo')
  assert.deepEqual(
    shards.map((shard) => [shard.id, shard.slots, shard.nodes.map((node) => node.id)]),
    [
      ['0007', [[0, 9999]], ['demo-0007-001', 'demo-0007-002']],
      ['0002', [[10_000, 16_383]], ['demo-0002-001']],
    ],
  )
  assert.deepEqual(
    shards[0]?.nodes.map((node) => node.zone),
    zones.slice(1),
  )
})

test('configurations of shards that contradict themselves are refused', async () => {
  const clustered = { ClusterMode: 'enabled' } as const
  const two = (first: object, second: object = {}) => ({ ...clustered, NodeGroupConfiguration: [first, second] })
  await refuses({ ...two({}), NumNodeGroups: 3 }, combination, /NodeGroupConfiguration has 2 entries/)
  await refuses(two({ Slots: '0-9999' }), combination, /for every node group or for none/)
  await refuses(two({ Slots: '0-9999' }, { Slots: '9999-16383' }), combination, /more than one node group/)
  await refuses(two({ Slots: '0-9999' }, { Slots: '10001-16383' }), combination, /given to no node group/)
  await refuses(two({ Slots: 'all' }), value, /Invalid slots/)
  await refuses(two({ NodeGroupId: '1' }, { NodeGroupId: '0001' }), combination, /not all different/)
  await refuses(two({ NodeGroupId: 'first' }), value, /NodeGroupId/)
  await refuses(two({ ReplicaCount: 6 }), value, /ReplicaCount/)
  await refuses(two({ ReplicaCount: 1, ReplicaAvailabilityZones: zones }), combination, /3 zones for 1 replicas/)
  await refuses({ ...two({ ReplicaCount: 1 }), ReplicasPerNodeGroup: 2 }, combination, /contradict/)
  await refuses({ ...two({}), PreferredCacheClusterAZs: zones }, combination, /cannot be given together/)
  await refuses({ NodeGroupConfiguration: [{ Slots: '0-16383' }] }, combination, /only with cluster mode/)
  await refuses({ NodeGroupConfiguration: [{ NodeGroupId: '0004' }] }, combination, /node group is 0001/)
})

test('numbers of nodes are checked', async () => {
  await refuses({ NumCacheClusters: 0 }, value, /NumCacheClusters/)
  await refuses({ NumCacheClusters: 7 }, value, /NumCacheClusters/)
  await refuses({ NumCacheClusters: 1.5 }, value, /NumCacheClusters/)
  await refuses({ ReplicasPerNodeGroup: 6 }, value, /ReplicasPerNodeGroup/)
  await refuses({ NumNodeGroups: 0 }, value, /NumNodeGroups/)
  await refuses({ NumNodeGroups: 91 }, 'NodeGroupsPerReplicationGroupQuotaExceededFault', /90 node groups/)
  await refuses({ NumNodeGroups: 46, ReplicasPerNodeGroup: 1 }, 'NodeQuotaForClusterExceededFault', /90 nodes/)
  await refuses({ NumNodeGroups: 2, NumCacheClusters: 2 }, combination, /more than one node group/)
  await refuses({ NumCacheClusters: 2, ReplicasPerNodeGroup: 3 }, combination, /contradict/)
})

test('a region has room for 300 nodes', async () => {
  const context = groupContext()
  for (const id of ['a', 'b', 'c']) await newGroup(context, id, { NumNodeGroups: 90 })
  await newGroup(context, 'd', { NumNodeGroups: 30 })
  await rejects(context, () => newGroup(context, 'e'), 'NodeQuotaForCustomerExceededFault', /300 nodes in a region/)
})

test('failover and Multi-AZ must fit the nodes', async () => {
  await refuses({ AutomaticFailoverEnabled: true }, combination, /at least 2 cache clusters/)
  await refuses({ MultiAZEnabled: true, NumCacheClusters: 2 }, combination, /together with automatic failover/)
  await refuses({ NumNodeGroups: 2, AutomaticFailoverEnabled: false }, value, /cannot be created with auto failover turned off/)
  await refuses({ NumNodeGroups: 2, MultiAZEnabled: true }, value, /at least 1 replica for Multi-AZ/)
  const apart = { NumCacheClusters: 2, AutomaticFailoverEnabled: true, MultiAZEnabled: true }
  await refuses(
    { ...apart, PreferredCacheClusterAZs: [zones[0] ?? '', zones[0] ?? ''] },
    combination,
    /at least two availability zones/,
  )
})

test('single values are checked', async () => {
  await refuses({ ReplicationGroupDescription: '' }, value, /ReplicationGroupDescription must be provided/)
  await refuses({ ReplicationGroupDescription: 'a\u0007b' }, value, /control characters/)
  await refuses({ ReplicationGroupDescription: 'x'.repeat(256) }, value, /255 characters/)
  await refuses({ CacheNodeType: undefined }, value, /CacheNodeType must be provided/)
  await refuses({ CacheNodeType: 'cache.huge' }, value, /Invalid cache node type/)
  await refuses({ Port: 80 }, value, /Port/)
  await refuses({ Port: 60_000, NumNodeGroups: 2 }, value, /Port/)
  await refuses({ PreferredMaintenanceWindow: 'tomorrow' }, value, /maintenance window/)
  await refuses({ SnapshotWindow: '05:00' }, value, /snapshot window/)
  await refuses({ PreferredMaintenanceWindow: 'sun:05:00-sun:06:00', SnapshotWindow: '05:30-06:30' }, combination, /overlap/)
  await refuses({ NotificationTopicArn: 'topic' }, value, /NotificationTopicArn/)
  await refuses({ CacheSecurityGroupNames: ['default'] }, 'CacheSecurityGroupNotFoundFault', /default/)
  await refuses({ Tags: [{ Key: 'aws:x', Value: '1' }] }, value, /aws:/)
})

test('what cannot be taken without its effect is refused in words that say so', async () => {
  const wishes: readonly Partial<CreateReplicationGroupMessage>[] = [
    { SnapshotName: 'snap' },
    { SnapshotArns: ['arn:aws:s3:::bucket/dump.rdb'] },
    { ServerlessCacheSnapshotName: 'snap' },
    { GlobalReplicationGroupId: 'world' },
    { NetworkType: 'dual_stack' },
    { IpDiscovery: 'ipv6' },
  ]
  for (const wish of wishes) await refuses(wish, value, /not available yet/)
  await refuses({ Durability: 'disabled', Engine: 'redis' }, combination, /Valkey 9\.0/)
})

test('what merely says the present state is taken', async () => {
  const context = groupContext()
  await putSecurityGroup(context, 'sg-0123456789abcdef0')
  await newGroup(context, 'demo', {
    TransitEncryptionEnabled: false,
    AtRestEncryptionEnabled: false,
    DataTieringEnabled: false,
    SnapshotRetentionLimit: 0,
    NetworkType: 'ipv4',
    IpDiscovery: 'ipv4',
    Durability: 'disabled',
    LogDeliveryConfigurations: [{ LogType: 'slow-log', Enabled: false }],
    SecurityGroupIds: ['sg-0123456789abcdef0'],
    NotificationTopicArn: 'arn:aws:sns:eu-central-1:000000000000:caches',
    SnapshotWindow: '22:30-23:30',
  })
  const { labels, durability } = await specNow(context, 'rg', 'demo')
  assert.equal(durability, 'disabled')
  assert.deepEqual(labels.securityGroupIds, ['sg-0123456789abcdef0'])
  assert.equal(labels.notificationTopicStatus, 'active')
  assert.equal(labels.snapshotWindow, '22:30-23:30')
  assert.match(labels.maintenanceWindow, /^[a-z]{3}:23:30-[a-z]{3}:00:30$/)
})

test('names that are taken are refused, also while their bearer is deleted', async () => {
  const context = groupContext()
  await newGroup(context, 'demo')
  await rejects(context, () => newGroup(context, 'DEMO'), 'ReplicationGroupAlreadyExistsFault', /demo already exists/)
  await newCluster(context, 'other-002', { Engine: 'valkey' })
  await rejects(
    context,
    () => newGroup(context, 'other', { NumCacheClusters: 2 }),
    'CacheClusterAlreadyExistsFault',
    /other-002 already exists/,
  )
  await newGroup(context, 'other')
  await refuses({ ReplicationGroupId: 'two--hyphens' }, value, /identifier/)
})

test('of two requests for one name exactly one wins', async () => {
  const context = groupContext()
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => newGroup(context, 'demo')))
  assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1)
  for (const result of results) {
    if (result.status === 'rejected') assert.equal(result.reason.shape, 'ReplicationGroupAlreadyExistsFault')
  }
  await settle(context, 'rg', 'demo')
  assert.equal((await groupNow(context, 'demo')).Status, 'available')
})
