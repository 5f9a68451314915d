import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CacheCluster, CreateCacheClusterMessage, ModifyCacheClusterMessage } from '@aws-sdk/client-elasticache'
import type { ActionContext } from '../../../action.ts'
import { clusterNow, groupContext, messages, readyCluster, readyGroup, settle, specNow } from '../groups/testing.ts'
import { region, rejects } from '../test-context.ts'
import { modifyCacheCluster } from './modify.ts'

const combination = 'InvalidParameterCombinationException'
const value = 'InvalidParameterValueException'
const [a, b] = ['a', 'b'].map((letter) => `${region}${letter}`) as [string, string]

const modify = async (context: ActionContext, input: Partial<ModifyCacheClusterMessage>): Promise<CacheCluster> => {
  const { CacheCluster } = await modifyCacheCluster({ CacheClusterId: 'demo', ...input }, context)
  assert.ok(CacheCluster !== undefined)
  return CacheCluster
}

const ready = async (input: Partial<CreateCacheClusterMessage> = { NumCacheNodes: 3 }): Promise<ActionContext> => {
  const context = groupContext()
  await readyCluster(context, 'demo', input)
  return context
}

const nodesOf = async (context: ActionContext): Promise<readonly string[] | undefined> =>
  (await specNow(context, 'cc', 'demo')).shards[0]?.nodes.map((node) => node.cacheNodeId)

test('nodes are added at once, in the zone where the cluster is', async () => {
  const context = await ready({ NumCacheNodes: 2, PreferredAvailabilityZone: b })
  const cluster = await modify(context, { NumCacheNodes: 4, ApplyImmediately: true })
  assert.equal(cluster.CacheClusterStatus, 'modifying')
  assert.deepEqual(cluster.PendingModifiedValues, { NumCacheNodes: 4 })
  assert.equal(cluster.NumCacheNodes, 2)
  assert.equal(cluster.PreferredAvailabilityZone, b)
  assert.deepEqual(
    cluster.CacheNodes?.map((node) => [node.CacheNodeId, node.CacheNodeStatus, node.Endpoint !== undefined]),
    [
      ['0001', 'available', true],
      ['0002', 'available', true],
      ['0003', 'creating', false],
      ['0004', 'creating', false],
    ],
  )
  assert.ok((await messages(context)).includes('demo: Increasing number of requested nodes'))
  await settle(context, 'cc', 'demo')
  const after = await clusterNow(context, 'demo')
  assert.deepEqual([after.NumCacheNodes, after.PendingModifiedValues, after.CacheClusterStatus], [4, {}, 'available'])
})

test('new nodes can be given zones, or be spread', async () => {
  const context = await ready({ NumCacheNodes: 1, PreferredAvailabilityZone: a })
  const add = (input: Partial<ModifyCacheClusterMessage>) =>
    modify(context, { NumCacheNodes: 3, ApplyImmediately: true, ...input })
  await rejects(context, () => add({ NewAvailabilityZones: [b] }), combination, /1 zones for 2 new/)
  await rejects(context, () => add({ NewAvailabilityZones: [a, b], AZMode: 'single-az' }), combination, /single-az/)
  await rejects(context, () => add({ NewAvailabilityZones: [a, 'mars'] }), value, /mars/)
  await rejects(context, () => modify(context, { NewAvailabilityZones: [a] }), combination, /only where NumCacheNodes adds/)
  await add({ AZMode: 'cross-az' })
  const zones = (await specNow(context, 'cc', 'demo')).shards[0]?.nodes.map((node) => node.zone)
  assert.equal(new Set(zones).size, 3)
  await settle(context, 'cc', 'demo')
  await rejects(context, () => modify(context, { AZMode: 'single-az' }), combination, /different availability zones/)
  await modify(context, { NumCacheNodes: 4, NewAvailabilityZones: [b], ApplyImmediately: true })
  assert.equal((await specNow(context, 'cc', 'demo')).shards[0]?.nodes[3]?.zone, b)
})

test('nodes that are named are removed', async () => {
  const context = await ready()
  const remove = (ids: string[], count = 2) =>
    modify(context, { NumCacheNodes: count, CacheNodeIdsToRemove: ids, ApplyImmediately: true })
  await rejects(context, () => remove([]), combination, /must name 1 cache nodes/)
  await rejects(context, () => remove(['0001', '0002']), combination, /must name 1/)
  await rejects(context, () => remove(['0009']), value, /0009 is not in the cache cluster/)
  await rejects(context, () => remove(['0001'], 3), combination, /only where NumCacheNodes takes nodes away/)
  await rejects(context, () => remove(['0001', '0002', '0003'], 0), value, /NumCacheNodes/)
  const cluster = await remove(['0002'])
  assert.deepEqual(cluster.PendingModifiedValues, { NumCacheNodes: 2, CacheNodeIdsToRemove: ['0002'] })
  assert.deepEqual(
    cluster.CacheNodes?.find((node) => node.CacheNodeId === '0002'),
    {
      CacheNodeId: '0002',
      CacheNodeStatus: 'deleting',
      ParameterGroupStatus: 'in-sync',
      CustomerAvailabilityZone: 'eu-central-1b',
    },
  )
  assert.ok((await messages(context)).includes('demo: Decreasing number of requested nodes'))
  await settle(context, 'cc', 'demo')
  assert.deepEqual(
    (await clusterNow(context, 'demo')).CacheNodes?.map((node) => node.CacheNodeId),
    ['0001', '0003'],
  )
  await modify(context, { NumCacheNodes: 3, ApplyImmediately: true })
  assert.deepEqual(await nodesOf(context), ['0001', '0003', '0004'])
})

test('without ApplyImmediately the change waits and is shown', async () => {
  const context = await ready()
  const cluster = await modify(context, { NumCacheNodes: 5 })
  assert.deepEqual(
    [cluster.CacheClusterStatus, cluster.NumCacheNodes, cluster.PendingModifiedValues],
    ['available', 3, { NumCacheNodes: 5 }],
  )
  assert.deepEqual(await nodesOf(context), ['0001', '0002', '0003'])

  // Nodes that wait count: two more are added to five, and of seven two must be named to come to five.
  assert.deepEqual((await modify(context, { NumCacheNodes: 7 })).PendingModifiedValues, { NumCacheNodes: 7 })
  await rejects(context, () => modify(context, { NumCacheNodes: 5, CacheNodeIdsToRemove: ['0007'] }), combination, /must name 2/)
  await modify(context, { NumCacheNodes: 5, CacheNodeIdsToRemove: ['0001', '0006'] })
  assert.deepEqual((await clusterNow(context, 'demo')).PendingModifiedValues, {
    NumCacheNodes: 5,
    CacheNodeIdsToRemove: ['0001'],
  })

  assert.deepEqual((await modify(context, { NumCacheNodes: 3 })).PendingModifiedValues, {})
  assert.equal((await specNow(context, 'cc', 'demo')).pending, null)
})

test('a removal that waits is replaced by the next request', async () => {
  const context = await ready()
  await modify(context, { NumCacheNodes: 1, CacheNodeIdsToRemove: ['0001', '0002'] })
  await modify(context, { NumCacheNodes: 2, CacheNodeIdsToRemove: ['0003'] })
  assert.deepEqual((await clusterNow(context, 'demo')).PendingModifiedValues, {
    NumCacheNodes: 2,
    CacheNodeIdsToRemove: ['0003'],
  })
  const cluster = await modify(context, { ApplyImmediately: true })
  assert.equal(cluster.CacheClusterStatus, 'modifying')
  assert.deepEqual(await nodesOf(context), ['0001', '0002'])
})

test('a Memcached cluster has at most 40 nodes', async () => {
  const context = await ready()
  await rejects(
    context,
    () => modify(context, { NumCacheNodes: 41, ApplyImmediately: true }),
    'NodeQuotaForClusterExceededFault',
    /40 nodes/,
  )
})

test('labels change at once, a node type when it may', async () => {
  const context = await ready({ Engine: 'valkey' })
  const cluster = await modify(context, {
    PreferredMaintenanceWindow: 'mon:01:00-mon:02:00',
    SnapshotWindow: '05:00-06:00',
    AutoMinorVersionUpgrade: false,
    CacheNodeType: 'cache.t4g.medium',
    NumCacheNodes: 1,
    AZMode: 'single-az',
  })
  assert.equal(cluster.CacheClusterStatus, 'available')
  assert.equal(cluster.PreferredMaintenanceWindow, 'mon:01:00-mon:02:00')
  assert.deepEqual(cluster.PendingModifiedValues, { CacheNodeType: 'cache.t4g.medium' })
  await modify(context, { CacheNodeType: 'cache.t4g.medium', ApplyImmediately: true })
  assert.equal((await clusterNow(context, 'demo')).CacheClusterStatus, 'modifying')
  await rejects(
    context,
    () => modify(context, { AutoMinorVersionUpgrade: true }),
    'InvalidCacheClusterStateFault',
    /its status is modifying/,
  )
})

test('changes that a single node cannot have are refused', async () => {
  const context = await ready({ Engine: 'valkey' })
  await rejects(context, () => modify(context, { NumCacheNodes: 2 }), value, /must be 1/)
  await rejects(context, () => modify(context, { AZMode: 'cross-az' }), combination, /only for Memcached/)
  await rejects(
    context,
    () => modify(context, { CacheParameterGroupName: 'default.valkey9.cluster.on' }),
    combination,
    /cluster-enabled has a different value/,
  )
  await rejects(
    context,
    () => modify(context, { EngineVersion: '8.0' }),
    combination,
    /^Cannot modify valkey from 9\.1\.2 to 8\.0$/,
  )
  await rejects(context, () => modify(context, { EngineVersion: '9.5' }), value, /Cannot find version 9\.5/)
  await rejects(
    context,
    () => modify(context, { AuthToken: 'a-very-long-secret-token' }),
    combination,
    /use ModifyReplicationGroup/,
  )
  await rejects(context, () => modify(context, { ScaleConfig: { ScalePercentage: 50 } }), value, /not available yet/)
  await rejects(context, () => modify(context, { CacheClusterId: 'nobody' }), 'CacheClusterNotFoundFault', /nobody/)
})

test('members of a replication group are changed with their group', async () => {
  const context = groupContext()
  await readyGroup(context, 'group', { NumCacheClusters: 2 })
  const member = (input: Partial<ModifyCacheClusterMessage>) => modify(context, { CacheClusterId: 'group-001', ...input })
  await rejects(context, () => member({ CacheNodeType: 'cache.t4g.medium' }), combination, /use ModifyReplicationGroup/)
  await rejects(context, () => member({ AutoMinorVersionUpgrade: false }), combination, /use ModifyReplicationGroup/)
  assert.equal((await member({ AutoMinorVersionUpgrade: true, NumCacheNodes: 1 })).CacheClusterStatus, 'available')
})
