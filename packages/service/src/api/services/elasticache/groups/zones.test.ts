import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zoneKey } from '../../../../model/zone-records.ts'
import { put } from '../../../../ports/records.ts'
import { region, rejects } from '../test-context.ts'
import { groupContext, newGroup, specNow } from './testing.ts'

test('new nodes are placed in zones that are up, and a wish for one that is down is refused', async () => {
  const context = groupContext()
  await context.store.transact([], [put(zoneKey(region, `${region}b`), { region, zone: `${region}b`, downSince: 1 })])
  await newGroup(context, 'demo', { NumCacheClusters: 3, AutomaticFailoverEnabled: true, MultiAZEnabled: true })
  const { shards } = await specNow(context, 'rg', 'demo')
  assert.deepEqual(new Set(shards[0]?.nodes.map((node) => node.zone)), new Set([`${region}a`, `${region}c`]))
  await rejects(
    context,
    () => newGroup(context, 'other', { NumCacheClusters: 2, PreferredCacheClusterAZs: [`${region}a`, `${region}b`] }),
    'InsufficientCacheClusterCapacityFault',
    /no capacity in .*b: it is down/,
  )
})
