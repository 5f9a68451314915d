import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DecreaseReplicaCountMessage, IncreaseReplicaCountMessage } from '@aws-sdk/client-elasticache'
import type { ActionContext } from '../../../action.ts'
import { changeState, clusterNow, groupContext, groupNow, newCluster, readyGroup, settle, specNow } from '../groups/testing.ts'
import { region, rejects } from '../test-context.ts'
import { decreaseReplicaCount } from './decrease-replica-count.ts'
import { increaseReplicaCount } from './increase-replica-count.ts'

const combination = 'InvalidParameterCombinationException'
const value = 'InvalidParameterValueException'
const [a, b, c] = ['a', 'b', 'c'].map((letter) => `${region}${letter}`) as [string, string, string]

const increase = (context: ActionContext, input: Partial<IncreaseReplicaCountMessage>) =>
  increaseReplicaCount({ ReplicationGroupId: 'demo', ApplyImmediately: true, ...input }, context)
const decrease = (context: ActionContext, input: Partial<DecreaseReplicaCountMessage>) =>
  decreaseReplicaCount({ ReplicationGroupId: 'demo', ApplyImmediately: true, ...input }, context)

const ready = async (input: Parameters<typeof readyGroup>[2]): Promise<ActionContext> => {
  const context = groupContext()
  await readyGroup(context, 'demo', input)
  return context
}

const idsOf = async (context: ActionContext): Promise<readonly (readonly string[])[]> =>
  (await specNow(context, 'rg', 'demo')).shards.map((shard) => shard.nodes.map((node) => node.id))

test('replicas join with the next numbers, in the zones that are free', async () => {
  const context = await ready({ NumCacheClusters: 1 })
  const { ReplicationGroup } = await increase(context, { NewReplicaCount: 2 })
  assert.equal(ReplicationGroup?.Status, 'modifying')
  assert.deepEqual(ReplicationGroup?.MemberClusters, ['demo-001', 'demo-002', 'demo-003'])
  const { shards } = await specNow(context, 'rg', 'demo')
  assert.equal(new Set(shards[0]?.nodes.map((node) => node.zone)).size, 3)
  assert.equal((await clusterNow(context, 'demo-003')).CacheClusterStatus, 'creating')
  assert.equal((await clusterNow(context, 'demo-001')).CacheClusterStatus, 'available')
  await settle(context, 'rg', 'demo')
  assert.equal((await clusterNow(context, 'demo-003')).CacheClusterStatus, 'available')
})

test('every shard of a sharded group gets its replicas', async () => {
  const context = await ready({ NumNodeGroups: 2, ReplicasPerNodeGroup: 0 })
  await increase(context, { NewReplicaCount: 1 })
  assert.deepEqual(await idsOf(context), [
    ['demo-0001-001', 'demo-0001-002'],
    ['demo-0002-001', 'demo-0002-002'],
  ])
})

test('shards can be configured one by one, with zones', async () => {
  const context = await ready({
    NumNodeGroups: 2,
    NodeGroupConfiguration: [{ PrimaryAvailabilityZone: a }, { PrimaryAvailabilityZone: b }],
  })
  const one = (zones: string[]) => ({
    ReplicaConfiguration: [{ NodeGroupId: '0002', NewReplicaCount: 2, PreferredAvailabilityZones: zones }],
  })
  await rejects(context, () => increase(context, one([a, c])), combination, /must name 3 zones/)
  await rejects(context, () => increase(context, one([a, c, c])), combination, /demo-0002-001 is in/)
  await increase(context, one([c, b, c]))
  const { shards } = await specNow(context, 'rg', 'demo')
  assert.deepEqual(
    shards.map((shard) => shard.nodes.map((node) => node.zone)),
    [[a], [b, c, c]],
  )
})

test('increases that make no sense are refused', async () => {
  const context = await ready({ NumCacheClusters: 2 })
  await rejects(context, () => increase(context, { NewReplicaCount: 1 }), 'NoOperationFault', /already matches/)
  await rejects(context, () => increase(context, { NewReplicaCount: 0 }), value, /use DecreaseReplicaCount/)
  await rejects(context, () => increase(context, { NewReplicaCount: 6 }), value, /from 0 to 5/)
  await rejects(
    context,
    () => increase(context, { NewReplicaCount: 2, ApplyImmediately: false }),
    value,
    /ApplyImmediately must be true/,
  )
  await rejects(context, () => increase(context, {}), combination, /must be provided/)
  const shard = { NodeGroupId: '0001', NewReplicaCount: 2 }
  await rejects(context, () => increase(context, { NewReplicaCount: 2, ReplicaConfiguration: [shard] }), combination, /together/)
  await rejects(context, () => increase(context, { ReplicaConfiguration: [shard, shard] }), combination, /more than once/)
  await rejects(context, () => increase(context, { ReplicaConfiguration: [{ ...shard, NodeGroupId: '0009' }] }), value, /0009/)
  await rejects(
    context,
    () => increase(context, { ReplicationGroupId: 'nobody', NewReplicaCount: 2 }),
    'ReplicationGroupNotFoundFault',
    /nobody/,
  )
  await increase(context, { NewReplicaCount: 2 })
  await rejects(context, () => increase(context, { NewReplicaCount: 3 }), 'InvalidReplicationGroupStateFault', /modifying/)
})

test('a sharded group stays within its 90 nodes', async () => {
  const context = await ready({ NumNodeGroups: 40, ReplicasPerNodeGroup: 1 })
  await rejects(context, () => increase(context, { NewReplicaCount: 2 }), 'NodeQuotaForClusterExceededFault', /90 nodes/)
})

test('names that others took are passed over', async () => {
  const context = await ready({ NumCacheClusters: 1 })
  await newCluster(context, 'demo-002', { Engine: 'valkey' })
  await increase(context, { NewReplicaCount: 2 })
  assert.deepEqual(await idsOf(context), [['demo-001', 'demo-003', 'demo-004']])
})

test('a number that is still in use by a node on its way out is not given again', async () => {
  const context = await ready({ NumCacheClusters: 3 })
  await decrease(context, { NewReplicaCount: 1 })
  // The controller says that it is done before it has removed the last trace of the node.
  await changeState(context, 'rg', 'demo', (state) => ({ ...state, generation: 2 }))
  await increase(context, { NewReplicaCount: 2 })
  assert.deepEqual(await idsOf(context), [['demo-001', 'demo-002', 'demo-004']])
})

test('replicas that go are chosen so that the rest stays spread, and never the primary', async () => {
  const context = await ready({ NumCacheClusters: 5, PreferredCacheClusterAZs: [a, a, b, c, a] })
  await changeState(context, 'rg', 'demo', (state) => ({ ...state, shards: { '0001': { primary: 'demo-005', epoch: 2 } } }))
  const { ReplicationGroup } = await decrease(context, { NewReplicaCount: 2 })
  assert.deepEqual(await idsOf(context), [['demo-003', 'demo-004', 'demo-005']])
  assert.deepEqual(ReplicationGroup?.MemberClusters?.toSorted(), ['demo-001', 'demo-002', 'demo-003', 'demo-004', 'demo-005'])
  assert.equal((await clusterNow(context, 'demo-001')).CacheClusterStatus, 'deleting')
  await settle(context, 'rg', 'demo')
  assert.deepEqual((await groupNow(context, 'demo')).MemberClusters, ['demo-003', 'demo-004', 'demo-005'])
})

test('replicas that are named go', async () => {
  const context = await ready({ NumCacheClusters: 4 })
  await decrease(context, { ReplicasToRemove: ['DEMO-002'] })
  assert.deepEqual(await idsOf(context), [['demo-001', 'demo-003', 'demo-004']])
  await settle(context, 'rg', 'demo')
  await decrease(context, { NewReplicaCount: 1, ReplicasToRemove: ['demo-003'] })
  assert.deepEqual(await idsOf(context), [['demo-001', 'demo-004']])
})

test('a primary may be named where a replica with its data stays: it hands over before it goes', async () => {
  const context = await ready({ NumCacheClusters: 3, PreferredCacheClusterAZs: [a, b, c] })
  await decrease(context, { ReplicasToRemove: ['demo-001'] })
  assert.deepEqual(await idsOf(context), [['demo-002', 'demo-003']])
  const zones = await ready({ NumCacheClusters: 3, PreferredCacheClusterAZs: [a, b, c] })
  await decrease(zones, {
    ReplicaConfiguration: [{ NodeGroupId: '0001', NewReplicaCount: 1, PreferredAvailabilityZones: [b, c] }],
  })
  assert.deepEqual(await idsOf(zones), [['demo-002', 'demo-003']])
})

test('zones can say which replicas stay', async () => {
  const context = await ready({ NumCacheClusters: 3, PreferredCacheClusterAZs: [a, b, c] })
  const keep = (zones: string[]) => ({
    ReplicaConfiguration: [{ NodeGroupId: '0001', NewReplicaCount: 1, PreferredAvailabilityZones: zones }],
  })
  await rejects(context, () => decrease(context, keep([b, b])), combination, /zones of present nodes/)
  await decrease(context, keep([c, a]))
  assert.deepEqual(await idsOf(context), [['demo-001', 'demo-003']])
})

test('decreases that make no sense are refused', async () => {
  const context = await ready({ NumCacheClusters: 3, AutomaticFailoverEnabled: true })
  await rejects(context, () => decrease(context, { NewReplicaCount: 2 }), 'NoOperationFault', /already matches/)
  await rejects(context, () => decrease(context, { NewReplicaCount: 3 }), value, /use IncreaseReplicaCount/)
  await rejects(context, () => decrease(context, { NewReplicaCount: 0 }), value, /auto failover enabled/)
  await rejects(
    context,
    () => decrease(context, { ReplicasToRemove: ['demo-001', 'demo-002', 'demo-003'] }),
    combination,
    /is the primary of node group 0001, and no replica that stays/,
  )
  await rejects(context, () => decrease(context, { ReplicasToRemove: ['demo-009'] }), 'CacheClusterNotFoundFault', /demo-009/)
  await rejects(
    context,
    () => decrease(context, { NewReplicaCount: 1, ReplicasToRemove: ['demo-002', 'demo-003'] }),
    combination,
    /names 2 replicas/,
  )
  await rejects(context, () => decrease(context, {}), combination, /must be provided/)
  await rejects(context, () => decrease(context, { NewReplicaCount: 1, ApplyImmediately: false }), value, /ApplyImmediately/)
})

test('Multi-AZ keeps a replica in each shard', async () => {
  const context = await ready({ NumNodeGroups: 2, ReplicasPerNodeGroup: 1, MultiAZEnabled: true })
  await rejects(context, () => decrease(context, { NewReplicaCount: 0 }), value, /at least 1 replica for Multi-AZ/)
  const plain = await ready({ NumNodeGroups: 2, ReplicasPerNodeGroup: 1 })
  await decrease(plain, { NewReplicaCount: 0 })
  assert.deepEqual(await idsOf(plain), [['demo-0001-001'], ['demo-0002-001']])
})
