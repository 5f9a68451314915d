import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { clusterEvents, parameterGroupEvents, replicationGroupEvents, subnetGroupEvents } from './events.ts'

describe('events', () => {
  const cluster = clusterEvents('us-west-2', 'my-mem-cluster')
  const group = replicationGroupEvents('us-west-2', 'test-cluster')

  it('have the words of the samples that AWS publishes', () => {
    const texts = [
      cluster.created(),
      cluster.nodeAdded('0001', 'us-west-2a'),
      cluster.nodesIncreasing(),
      cluster.nodeCountModified(1, 3),
      cluster.recovering(['0001']),
      cluster.recovered(['0001']),
      cluster.deleted(),
      group.created(),
      group.automaticFailoverOn(),
      group.testFailover('0001'),
      group.failoverCompleted('test-cluster-001', 'test-cluster-002'),
    ].map((event) => event.message)
    assert.deepEqual(texts, [
      'Cache cluster created',
      'Added cache node 0001 in availability zone us-west-2a',
      'Increasing number of requested nodes',
      'Finished modifying number of nodes from 1 to 3',
      'Recovering cache nodes 0001',
      'Finished recovery for cache nodes 0001',
      'Cache cluster deleted',
      'Replication group test-cluster created',
      'Automatic failover has been turned on for replication group test-cluster',
      'Test Failover API called for node group 0001',
      'Failover from primary node test-cluster-001 to replica node test-cluster-002 completed',
    ])
  })

  it('name the resource and its kind as DescribeEvents filters by them', () => {
    assert.deepEqual(cluster.nodesRemoved(['0002', '0003']), {
      region: 'us-west-2',
      source: 'cache-cluster',
      sourceId: 'my-mem-cluster',
      message: 'Removed cache nodes 0002, 0003',
    })
    assert.equal(group.deleted().source, 'replication-group')
    assert.equal(parameterGroupEvents('us-west-2', 'mine').created().source, 'cache-parameter-group')
    assert.equal(subnetGroupEvents('us-west-2', 'mine').created().source, 'cache-subnet-group')
  })
})
