import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupContext, newCluster, newGroup } from './groups/testing.ts'
import { listAllowedNodeTypeModifications } from './node-type-modifications.ts'
import { rejects } from './test-context.ts'

test('larger types and types of the same size are up, smaller ones are down', async () => {
  const context = groupContext()
  await newGroup(context, 'demo', { CacheNodeType: 'cache.t3.small' })
  const { ScaleUpModifications = [], ScaleDownModifications = [] } = await listAllowedNodeTypeModifications(
    { ReplicationGroupId: 'demo' },
    context,
  )
  assert.ok(ScaleUpModifications.includes('cache.t3.medium'))
  assert.ok(ScaleUpModifications.includes('cache.t4g.small'))
  assert.ok(ScaleDownModifications.includes('cache.t4g.micro'))
  assert.ok(![...ScaleUpModifications, ...ScaleDownModifications].includes('cache.t3.small'))
  assert.deepEqual(ScaleUpModifications, ScaleUpModifications.toSorted())
  assert.deepEqual(await listAllowedNodeTypeModifications({ CacheClusterId: 'demo-001' }, context), {
    ScaleUpModifications,
    ScaleDownModifications,
  })
})

test('exactly one cluster or group must be named, and must be there', async () => {
  const context = groupContext()
  await newCluster(context, 'single')
  const combination = 'InvalidParameterCombinationException'
  await rejects(context, () => listAllowedNodeTypeModifications({}, context), combination, /Either/)
  await rejects(
    context,
    () => listAllowedNodeTypeModifications({ CacheClusterId: 'single', ReplicationGroupId: 'demo' }, context),
    combination,
    /Either/,
  )
  await rejects(
    context,
    () => listAllowedNodeTypeModifications({ CacheClusterId: 'none' }, context),
    'CacheClusterNotFoundFault',
    /none/,
  )
  await rejects(
    context,
    () => listAllowedNodeTypeModifications({ ReplicationGroupId: 'none' }, context),
    'ReplicationGroupNotFoundFault',
    /none/,
  )
})
