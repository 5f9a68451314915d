import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  changeState,
  clusterNow,
  groupContext,
  groupNow,
  newGroup,
  readyGroup,
  refusingContext,
  settle,
  specNow,
} from '../groups/testing.ts'
import { rejects } from '../test-context.ts'
import { deleteReplicationGroup } from './delete.ts'

test('a group is shown as deleting until it is gone', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo', { NumCacheClusters: 2 })
  const { ReplicationGroup } = await deleteReplicationGroup({ ReplicationGroupId: 'Demo' }, context)
  assert.equal(ReplicationGroup?.Status, 'deleting')
  assert.equal((await groupNow(context, 'demo')).Status, 'deleting')
  const cluster = await clusterNow(context, 'demo-002')
  assert.deepEqual([cluster.CacheClusterStatus, cluster.CacheNodes], ['deleting', undefined])
  const spec = await specNow(context, 'rg', 'demo')
  assert.deepEqual(spec.deletion, { requestedAt: context.clock.now(), retainPrimary: false })
  assert.equal(spec.generation, 2)
  const again = () => deleteReplicationGroup({ ReplicationGroupId: 'demo' }, context)
  await rejects(context, again, 'InvalidReplicationGroupStateFault', /has status deleting which is not valid for deletion/)
  await settle(context, 'rg', 'demo')
  await rejects(context, again, 'ReplicationGroupNotFoundFault', /demo not found/)
})

test('the primary can be retained where there is one', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo')
  await deleteReplicationGroup({ ReplicationGroupId: 'demo', RetainPrimaryCluster: true }, context)
  assert.equal((await specNow(context, 'rg', 'demo')).deletion?.retainPrimary, true)
  await readyGroup(context, 'sharded', { NumNodeGroups: 2 })
  const retain = () => deleteReplicationGroup({ ReplicationGroupId: 'sharded', RetainPrimaryCluster: true }, context)
  await rejects(context, retain, 'InvalidParameterCombinationException', /cluster mode enabled/)
})

test('a final snapshot is refused where the home says so, and nothing is deleted', async () => {
  const context = refusingContext()
  await readyGroup(context, 'demo')
  const remove = (name: string) => () =>
    deleteReplicationGroup({ ReplicationGroupId: 'demo', FinalSnapshotIdentifier: name }, context)
  await rejects(context, remove('last'), 'InvalidParameterValueException', /snapshots are not available yet/)
  await rejects(context, remove('not a name'), 'InvalidParameterValueException', /FinalSnapshotIdentifier/)
})

test('a group that is being made cannot be deleted, one that cannot be made can', async () => {
  const context = groupContext()
  await newGroup(context, 'demo')
  const remove = () => deleteReplicationGroup({ ReplicationGroupId: 'demo' }, context)
  await rejects(context, remove, 'InvalidReplicationGroupStateFault', /has status creating/)
  await settle(context, 'rg', 'demo')
  await changeState(context, 'rg', 'demo', (state) => ({
    ...state,
    generation: 0,
    status: 'creating',
    reason: 'no address is free',
  }))
  assert.equal((await remove()).ReplicationGroup?.Status, 'deleting')
})
