import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupContext, newGroup, readyGroup } from '../groups/testing.ts'
import { rejects } from '../test-context.ts'
import { describeReplicationGroups } from './describe.ts'

test('all groups of the region are paged through, each once and in order', async () => {
  const context = groupContext()
  const ids = Array.from({ length: 45 }, (_, index) => `g-${String(index).padStart(3, '0')}`)
  for (const [index, id] of ids.entries()) await (index % 2 === 0 ? readyGroup : newGroup)(context, id)
  await newGroup({ ...context, region: 'us-east-1' }, 'elsewhere')
  const found: string[] = []
  const statuses: string[] = []
  let marker: string | undefined
  let pages = 0
  do {
    const page = await describeReplicationGroups({ MaxRecords: 20, ...(marker === undefined ? {} : { Marker: marker }) }, context)
    for (const group of page.ReplicationGroups ?? []) {
      found.push(group.ReplicationGroupId ?? '')
      statuses.push(group.Status ?? '')
    }
    marker = page.Marker
    pages += 1
  } while (marker !== undefined)
  assert.deepEqual(found, ids)
  assert.equal(pages, 3)
  assert.deepEqual(
    statuses,
    ids.map((_, index) => (index % 2 === 0 ? 'available' : 'creating')),
  )
})

test('one group is found by its name in any case, and another not', async () => {
  const context = groupContext()
  await newGroup(context, 'demo')
  assert.equal((await describeReplicationGroups({ ReplicationGroupId: 'DEMO' }, context)).ReplicationGroups?.length, 1)
  await rejects(
    context,
    () => describeReplicationGroups({ ReplicationGroupId: 'dem' }, context),
    'ReplicationGroupNotFoundFault',
    /dem not found/,
  )
  await rejects(
    context,
    () => describeReplicationGroups({ MaxRecords: 5 }, context),
    'InvalidParameterValueException',
    /MaxRecords/,
  )
  assert.deepEqual((await describeReplicationGroups({}, { ...context, region: 'us-east-1' })).ReplicationGroups, [])
})
