import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  changeState,
  clusterNow,
  groupContext,
  groupNow,
  newCluster,
  readyCluster,
  readyGroup,
  settle,
  specNow,
} from '../groups/testing.ts'
import { region, rejects } from '../test-context.ts'
import { deleteCacheCluster } from './delete.ts'
import { describeCacheClusters } from './describe.ts'
import { rebootCacheCluster } from './reboot.ts'

const state = 'InvalidCacheClusterStateFault'

test('a cluster is shown as deleting until it is gone', async () => {
  const context = groupContext()
  await readyCluster(context, 'demo', { NumCacheNodes: 2 })
  const { CacheCluster } = await deleteCacheCluster({ CacheClusterId: 'Demo' }, context)
  assert.equal(CacheCluster?.CacheClusterStatus, 'deleting')
  const shown = await clusterNow(context, 'demo')
  assert.deepEqual([shown.CacheClusterStatus, shown.CacheNodes, shown.NumCacheNodes], ['deleting', undefined, 2])
  const again = () => deleteCacheCluster({ CacheClusterId: 'demo' }, context)
  await rejects(context, again, state, /status deleting/)
  await settle(context, 'cc', 'demo')
  await rejects(context, again, 'CacheClusterNotFoundFault', /demo/)
  await newCluster(context, 'demo')
  await rejects(context, again, state, /status creating/)
})

test('a cluster that could not be made has the word at which waiters stop, and can be deleted', async () => {
  const context = groupContext()
  await readyCluster(context, 'demo', { Engine: 'valkey' })
  await changeState(context, 'cc', 'demo', (now) => ({
    ...now,
    generation: 0,
    status: 'create-failed',
    reason: 'no address is free',
  }))
  assert.equal((await clusterNow(context, 'demo')).CacheClusterStatus, 'incompatible-network')
  await deleteCacheCluster({ CacheClusterId: 'demo' }, context)
})

test('a replica of a group can be deleted alone', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo', { NumCacheClusters: 2 })
  const { CacheCluster } = await deleteCacheCluster({ CacheClusterId: 'demo-002' }, context)
  assert.equal(CacheCluster?.CacheClusterStatus, 'deleting')
  assert.equal((await groupNow(context, 'demo')).Status, 'modifying')
  await rejects(context, () => deleteCacheCluster({ CacheClusterId: 'demo-002' }, context), state, /deleting/)
  await settle(context, 'rg', 'demo')
  await rejects(
    context,
    () => describeCacheClusters({ CacheClusterId: 'demo-002' }, context),
    'CacheClusterNotFoundFault',
    /demo-002/,
  )
  await rejects(
    context,
    () => deleteCacheCluster({ CacheClusterId: 'demo-001' }, context),
    state,
    /only member of a replication group/,
  )
})

test('nodes that their group needs are not deleted', async () => {
  const context = groupContext()
  const remove =
    (id: string, more: object = {}) =>
    () =>
      deleteCacheCluster({ CacheClusterId: id, ...more }, context)
  await readyGroup(context, 'demo', { NumCacheClusters: 2, AutomaticFailoverEnabled: true })
  await changeState(context, 'rg', 'demo', (now) => ({ ...now, shards: { '0001': { primary: 'demo-002', epoch: 2 } } }))
  await rejects(context, remove('demo-002'), state, /serving as primary for replication group demo/)
  await rejects(context, remove('demo-001'), state, /only read replica/)
  await rejects(
    context,
    remove('demo-001', { FinalSnapshotIdentifier: 'no--name' }),
    'InvalidParameterValueException',
    /FinalSnapshotIdentifier/,
  )
  await readyGroup(context, 'multi', { NumCacheClusters: 3, AutomaticFailoverEnabled: true, MultiAZEnabled: true })
  await rejects(context, remove('multi-002'), state, /Multi-AZ/)
  await readyGroup(context, 'sharded', { NumNodeGroups: 2, ReplicasPerNodeGroup: 1 })
  await rejects(context, remove('sharded-0001-002'), state, /cluster mode enabled/)
})

test('a reboot is asked for and shown until it is done', async () => {
  const context = groupContext()
  await readyCluster(context, 'demo', { NumCacheNodes: 3 })
  const { CacheCluster } = await rebootCacheCluster(
    { CacheClusterId: 'demo', CacheNodeIdsToReboot: ['0001', '0003', '0001'] },
    context,
  )
  assert.equal(CacheCluster?.CacheClusterStatus, 'rebooting cluster nodes')
  const shown = await clusterNow(context, 'demo')
  assert.deepEqual(
    shown.CacheNodes?.map((node) => node.CacheNodeStatus),
    ['rebooting', 'available', 'rebooting'],
  )
  const { shards, generation } = await specNow(context, 'cc', 'demo')
  assert.deepEqual([shards[0]?.nodes.map((node) => node.reboots), generation], [[1, 0, 1], 2])
  const again = () => rebootCacheCluster({ CacheClusterId: 'demo', CacheNodeIdsToReboot: ['0002'] }, context)
  await rejects(context, again, state, /rebooting cluster nodes/)
  await settle(context, 'cc', 'demo')
  assert.equal((await clusterNow(context, 'demo')).CacheClusterStatus, 'available')
})

test('reboots that cannot be are refused', async () => {
  const context = groupContext()
  await readyCluster(context, 'demo')
  const reboot = (id: string, nodes: string[]) => () =>
    rebootCacheCluster({ CacheClusterId: id, CacheNodeIdsToReboot: nodes }, context)
  await rejects(context, reboot('demo', []), 'InvalidParameterValueException', /CacheNodeIdsToReboot must be provided/)
  await rejects(context, reboot('demo', ['0002']), 'InvalidParameterValueException', /0002 is not in the cache cluster demo/)
  await rejects(context, reboot('nobody', ['0001']), 'CacheClusterNotFoundFault', /nobody/)
  await readyGroup(context, 'sharded', { NumNodeGroups: 2 })
  await rejects(context, reboot('sharded-0001-001', ['0001']), state, /cluster mode enabled/)
})

test('a member of a group can be rebooted, and the others are not', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo', { NumCacheClusters: 2 })
  await rebootCacheCluster({ CacheClusterId: 'demo-002', CacheNodeIdsToReboot: ['0001'] }, context)
  assert.equal((await clusterNow(context, 'demo-002')).CacheClusterStatus, 'rebooting cluster nodes')
  assert.equal((await clusterNow(context, 'demo-001')).CacheClusterStatus, 'available')
  assert.equal((await groupNow(context, 'demo')).Status, 'modifying')
})

test('clusters and members of groups are listed together, or the clusters alone', async () => {
  const context = groupContext()
  await readyGroup(context, 'group', { NumCacheClusters: 3 })
  for (let index = 0; index < 25; index += 1) await newCluster(context, `c-${String(index).padStart(2, '0')}`)
  const ids = async (input: object): Promise<readonly string[]> => {
    const found: string[] = []
    let marker: string | undefined
    do {
      const page = await describeCacheClusters({ ...input, ...(marker === undefined ? {} : { Marker: marker }) }, context)
      found.push(...(page.CacheClusters ?? []).map((cluster) => cluster.CacheClusterId ?? ''))
      marker = page.Marker
    } while (marker !== undefined)
    return found
  }
  const singles = Array.from({ length: 25 }, (_, index) => `c-${String(index).padStart(2, '0')}`)
  assert.deepEqual(await ids({ MaxRecords: 20 }), [...singles, 'group-001', 'group-002', 'group-003'])
  assert.deepEqual(await ids({ MaxRecords: 20, ShowCacheClustersNotInReplicationGroups: true }), singles)
  assert.deepEqual((await describeCacheClusters({}, { ...context, region: 'us-east-1' })).CacheClusters, [])
})

test('nodes are shown on request only, and parameters that wait for a reboot are', async () => {
  const context = groupContext()
  await readyCluster(context, 'demo', { NumCacheNodes: 2 })
  const { CacheClusters = [] } = await describeCacheClusters({ CacheClusterId: 'demo' }, context)
  assert.equal(CacheClusters[0]?.CacheNodes, undefined)
  await changeState(context, 'cc', 'demo', (now) => {
    const second = now.nodes['demo.0002']
    return second === undefined
      ? now
      : { ...now, nodes: { ...now.nodes, 'demo.0002': { ...second, parameterStatus: 'pending-reboot' } } }
  })
  const cluster = await clusterNow(context, 'demo')
  assert.deepEqual(cluster.CacheParameterGroup, {
    CacheParameterGroupName: 'default.memcached1.6',
    ParameterApplyStatus: 'pending-reboot',
    CacheNodeIdsToReboot: ['0002'],
  })
  assert.equal(cluster.CacheNodes?.[1]?.ParameterGroupStatus, 'pending-reboot')
  assert.equal(cluster.ARN?.includes(region), true)
})
