import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { clusterEvents } from '../model/events.ts'
import { eventPrefix } from '../model/keys.ts'
import type { EventRecord } from '../model/records.ts'
import { createMemoryStore } from '../store/memory.ts'
import { eventOperation, eventOperations, eventRetentionMs, pruneEvents } from './events.ts'
import { listRecords } from './records.ts'

const now = Date.UTC(2026, 10, 20)
const event = (region: string, date: number): EventRecord => ({ ...clusterEvents(region, 'c').created(), date })

describe('events in the store', () => {
  it('sort by time, and within one moment in the order in which they were told', async () => {
    const store = createMemoryStore()
    const cluster = clusterEvents('us-east-1', 'c')
    await store.transact([], eventOperations([cluster.created(), cluster.nodeAdded('0001', 'us-east-1a')], now, 'ffffffff'))
    await store.transact([], [eventOperation(event('us-east-1', now - 1), 'ffffffff')])
    const { records } = await listRecords<EventRecord>(store, eventPrefix('us-east-1'))
    assert.deepEqual(
      records.map((record) => [record.value.date, record.value.message]),
      [
        [now - 1, 'Cache cluster created'],
        [now, 'Cache cluster created'],
        [now, 'Added cache node 0001 in availability zone us-east-1a'],
      ],
    )
    assert.match(records[0]?.key ?? '', /^event\/us-east-1\/\d{15}-[0-9a-f]{8}$/)
  })

  it('refuse a suffix that would break their order', () => {
    assert.throws(() => eventOperation(event('us-east-1', now), 'x'), TypeError)
  })

  it('are removed after 14 days, in every region, and not before', async () => {
    const store = createMemoryStore()
    const regions = ['us-east-1', 'us-east-2', 'eu-west-1', 'eu-central-1']
    const old = now - eventRetentionMs - 1
    for (const [index, region] of regions.entries()) {
      // More than one batch of old ones in one region, none in another.
      const many = index === 0 ? 450 : index === 1 ? 0 : 3
      for (let i = 0; i < many; i += 1) {
        await store.transact([], [eventOperation(event(region, old - i), i.toString(16).padStart(8, '0'))])
      }
      for (const [i, date] of [now - eventRetentionMs, now].entries()) {
        await store.transact([], [eventOperation(event(region, date), i.toString(16).padStart(8, '0'))])
      }
    }
    assert.equal(await pruneEvents(store, now), 456)
    for (const region of regions) assert.equal((await store.list(eventPrefix(region))).entries.length, 2, region)
    assert.equal(await pruneEvents(store, now), 0)
  })
})
