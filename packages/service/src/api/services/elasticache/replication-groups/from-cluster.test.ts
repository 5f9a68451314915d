import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CreateReplicationGroupMessage } from '@aws-sdk/client-elasticache'
import { stateKey } from '../../../../model/keys.ts'
import type { ActionContext } from '../../../action.ts'
import { changeState, clusterNow, groupContext, groupNow, readyCluster, readyGroup, settle, specNow } from '../groups/testing.ts'
import { listTagsForResource } from '../tags/list.ts'
import { account, region, rejects } from '../test-context.ts'
import { createReplicationGroup } from './create.ts'
import { increaseReplicaCount } from './increase-replica-count.ts'

const promote = (context: ActionContext, input: Partial<CreateReplicationGroupMessage> = {}) =>
  createReplicationGroup(
    { ReplicationGroupId: 'demo', ReplicationGroupDescription: 'from a cluster', PrimaryClusterId: 'Single', ...input },
    context,
  )

test('a single cluster becomes the primary of a new group and keeps all that it is', async () => {
  const context = groupContext()
  await readyCluster(context, 'single', { Engine: 'valkey', Port: 7001, Tags: [{ Key: 'of', Value: 'the cluster' }] })
  const before = await clusterNow(context, 'single')
  const { ReplicationGroup } = await promote(context, { Tags: [{ Key: 'of', Value: 'the group' }] })
  assert.equal(ReplicationGroup?.Status, 'creating')
  assert.deepEqual(ReplicationGroup?.MemberClusters, ['single'])
  assert.equal(await context.store.get(stateKey({ region, space: 'cc', id: 'single' })), null)
  await settle(context, 'rg', 'demo')
  const after = await clusterNow(context, 'single')
  assert.equal(after.ReplicationGroupId, 'demo')
  assert.deepEqual(after.CacheNodes, before.CacheNodes)
  const group = await groupNow(context, 'demo')
  assert.equal(group.NodeGroups?.[0]?.NodeGroupMembers?.[0]?.CurrentRole, 'primary')
  assert.equal(group.NodeGroups?.[0]?.PrimaryEndpoint?.Port, 7001)
  const tags = async (type: string, name: string) =>
    (await listTagsForResource({ ResourceName: `arn:aws:elasticache:${region}:${account}:${type}:${name}` }, context))
      .TagList?.[0]?.Value
  assert.deepEqual([await tags('cluster', 'single'), await tags('replicationgroup', 'demo')], ['the cluster', 'the group'])
})

test('replicas of such a group are numbered from two', async () => {
  const context = groupContext()
  await readyCluster(context, 'single', { Engine: 'valkey' })
  await promote(context)
  await settle(context, 'rg', 'demo')
  await increaseReplicaCount({ ReplicationGroupId: 'demo', NewReplicaCount: 1, ApplyImmediately: true }, context)
  assert.deepEqual(
    (await specNow(context, 'rg', 'demo')).shards[0]?.nodes.map((node) => node.id),
    ['single', 'demo-002'],
  )
})

test('clusters that cannot become a primary are refused', async () => {
  const context = groupContext()
  const combination = 'InvalidParameterCombinationException'
  const value = 'InvalidParameterValueException'
  await rejects(context, () => promote(context), 'CacheClusterNotFoundFault', /Single/)
  await readyCluster(context, 'single', { Engine: 'valkey' })
  await rejects(context, () => promote(context, { NumCacheClusters: 2 }), combination, /NumCacheClusters=2 contradicts/)
  await rejects(context, () => promote(context, { CacheNodeType: 'cache.t4g.medium' }), combination, /CacheNodeType/)
  for (const wish of [{ AtRestEncryptionEnabled: true }, { KmsKeyId: 'key' }, { DataTieringEnabled: true }])
    await rejects(context, () => promote(context, wish), combination, /cannot be given with PrimaryClusterId/)
  await rejects(context, () => promote(context, { AutomaticFailoverEnabled: true }), combination, /at least 2 cache clusters/)
  await rejects(context, () => promote(context, { Engine: 'redis' }), value, /not available yet/)
  await changeState(context, 'cc', 'single', (state) => ({
    ...state,
    nodes: Object.fromEntries(Object.entries(state.nodes).map(([id, node]) => [id, { ...node, starting: true }])),
  }))
  await rejects(context, () => promote(context), 'InvalidCacheClusterStateFault', /being restarted/)
  await changeState(context, 'cc', 'single', (state) => ({ ...state, generation: 0, status: 'creating' }))
  await rejects(context, () => promote(context), 'InvalidCacheClusterStateFault', /creating/)
  await readyCluster(context, 'cached', { NumCacheNodes: 1 })
  await rejects(context, () => promote(context, { PrimaryClusterId: 'cached' }), value, /Memcached/)
  await readyGroup(context, 'other')
  await rejects(context, () => promote(context, { PrimaryClusterId: 'other-001' }), value, /already belongs/)
  await rejects(context, () => promote(context, { ReplicationGroupId: 'other' }), 'ReplicationGroupAlreadyExistsFault', /other/)
})

test('the move waits for no controller and loses nothing to one', async () => {
  const context = groupContext()
  await readyCluster(context, 'single', { Engine: 'valkey' })
  const store = context.store
  let interfered = false
  const busy: ActionContext = {
    ...context,
    store: {
      ...store,
      transact: async (conditions, operations) => {
        if (!interfered) {
          interfered = true
          await changeState(context, 'cc', 'single', (state) => ({ ...state, discoveryVersion: 9 }))
        }
        return store.transact(conditions, operations)
      },
    },
  }
  await promote(busy)
  const moved = await store.get(stateKey({ region, space: 'rg', id: 'demo' }))
  assert.match(moved?.value ?? '', /"discoveryVersion":9/)
})
