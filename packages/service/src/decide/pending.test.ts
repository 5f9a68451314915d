import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeSpec } from '../model/group.ts'
import { groupSpec } from '../testing/fixtures.ts'
import { reducePending, withPending } from './pending.ts'

const memcached = groupSpec('mc', 'memcached', 1, 2)
const nodes = memcached.shards[0]?.nodes ?? []
const third: NodeSpec = { id: 'mc.0003', clusterId: 'mc', cacheNodeId: '0003', zone: 'us-east-1a', createdAt: 0, reboots: 0 }

test('everything that is pending becomes part of the spec at once', () => {
  const pending = { nodeType: 'cache.m7g.large', memcachedNodes: [...nodes, third] }
  const next = withPending({ ...memcached, pending })
  assert.equal(next.nodeType, 'cache.m7g.large')
  assert.deepEqual(next.shards[0]?.nodes, [...nodes, third])
  assert.deepEqual([next.pending, next.generation], [null, memcached.generation + 1])
})

test('replica lists are exchanged shard by shard', () => {
  const sharded = groupSpec('rg', 'cme', 2, 2)
  const first = sharded.shards[0]?.nodes.slice(0, 1) ?? []
  const next = withPending({ ...sharded, pending: { shardNodes: { '0001': first } } })
  assert.deepEqual(
    next.shards.map((shard) => shard.nodes.length),
    [1, 2],
  )
})

test('failover and Multi-AZ are taken over', () => {
  const group = groupSpec('rg', 'cmd', 1, 2)
  const next = withPending({ ...group, automaticFailover: false, pending: { automaticFailover: true, multiAz: true } })
  assert.deepEqual([next.automaticFailover, next.multiAz], [true, true])
})

test('nothing pending leaves the spec as it is', () => {
  assert.equal(withPending(memcached), memcached)
})

test('what is there already is not pending', () => {
  assert.equal(reducePending(memcached, {}), null)
  assert.equal(reducePending(memcached, { nodeType: memcached.nodeType, memcachedNodes: [...nodes], multiAz: false }), null)
  assert.deepEqual(reducePending(memcached, { nodeType: memcached.nodeType, memcachedNodes: [...nodes, third] }), {
    memcachedNodes: [...nodes, third],
  })
  assert.deepEqual(reducePending(memcached, { automaticFailover: true }), { automaticFailover: true })
})
