import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../errors.ts'
import * as quotas from './quotas.ts'

const isFault =
  (shape: string) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.shape === shape

test('each quota takes its limit and refuses one more, with the error that AWS has for it', () => {
  const cases = [
    [quotas.checkNodesInRegion, quotas.nodesInRegion, 'NodeQuotaForCustomerExceededFault'],
    [quotas.checkMemcachedNodes, quotas.nodesInMemcachedCluster, 'NodeQuotaForClusterExceededFault'],
    [quotas.checkShards, quotas.shardsInGroup, 'NodeGroupsPerReplicationGroupQuotaExceededFault'],
  ] as const
  for (const [check, most, shape] of cases) {
    check(most)
    assert.throws(() => check(most + 1), isFault(shape))
  }
})
