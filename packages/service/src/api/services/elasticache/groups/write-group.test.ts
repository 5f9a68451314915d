import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault, LarderError } from '../../../../errors.ts'
import { specKey } from '../../../../model/keys.ts'
import { put } from '../../../../ports/records.ts'
import type { ActionContext } from '../../../action.ts'
import { createCacheParameterGroup } from '../parameter-groups/create.ts'
import { deleteCacheParameterGroup } from '../parameter-groups/delete.ts'
import { modifyReplicationGroup } from '../replication-groups/modify.ts'
import { region } from '../test-context.ts'
import { groupContext, newCluster, newGroup, readyGroup, specNow } from './testing.ts'

/** The same context, in which `before` is done ahead of every transaction. */
const disturbed = (context: ActionContext, before: (time: number) => Promise<unknown>): ActionContext => {
  let time = 0
  return {
    ...context,
    store: {
      ...context.store,
      transact: async (conditions, operations) => {
        await before(time++)
        return context.store.transact(conditions, operations)
      },
    },
  }
}

test('a parameter group that is removed while a group is created with it fails the creation', async () => {
  const context = groupContext()
  await createCacheParameterGroup(
    { CacheParameterGroupName: 'mine', CacheParameterGroupFamily: 'valkey9', Description: 'd' },
    context,
  )
  const busy = disturbed(context, async (time) => {
    if (time === 0) await deleteCacheParameterGroup({ CacheParameterGroupName: 'mine' }, context)
  })
  await assert.rejects(
    () => newGroup(busy, 'demo', { CacheParameterGroupName: 'mine' }),
    (error: unknown) => error instanceof Fault && error.shape === 'CacheParameterGroupNotFoundFault',
  )
  assert.equal(await context.store.get(specKey({ region, space: 'rg', id: 'demo' })), null)
})

test('a cluster that takes a name first wins, and the group is not made', async () => {
  const context = groupContext()
  const busy = disturbed(context, async (time) => {
    if (time === 0) await newCluster(context, 'demo-002', { Engine: 'valkey' })
  })
  await assert.rejects(
    () => newGroup(busy, 'demo', { NumCacheClusters: 2 }),
    (error: unknown) => error instanceof Fault && error.shape === 'CacheClusterAlreadyExistsFault',
  )
})

test('a change that was made meanwhile is not lost', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo')
  const busy = disturbed(context, async (time) => {
    if (time === 0) await modifyReplicationGroup({ ReplicationGroupId: 'demo', AutoMinorVersionUpgrade: false }, context)
  })
  await modifyReplicationGroup({ ReplicationGroupId: 'demo', ReplicationGroupDescription: 'another' }, busy)
  const { labels } = await specNow(context, 'rg', 'demo')
  assert.deepEqual([labels.description, labels.autoMinorVersionUpgrade], ['another', false])
})

test('who loses every time is told to try again', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo')
  const busy = disturbed(context, async (time) => {
    const spec = await specNow(context, 'rg', 'demo')
    await context.store.transact([], [put(specKey(spec), { ...spec, labels: { ...spec.labels, description: `${time}` } })])
  })
  await assert.rejects(
    () => modifyReplicationGroup({ ReplicationGroupId: 'demo', AutoMinorVersionUpgrade: false }, busy),
    (error: unknown) => error instanceof LarderError && error.code === 'store-busy' && error.retry,
  )
})
