import type { Action } from '../action.ts'
import { createCacheCluster } from './cache-clusters/create.ts'
import { deleteCacheCluster } from './cache-clusters/delete.ts'
import { describeCacheClusters } from './cache-clusters/describe.ts'
import { modifyCacheCluster } from './cache-clusters/modify.ts'
import { rebootCacheCluster } from './cache-clusters/reboot.ts'
import { emptyActions } from './empty/index.ts'
import { listAllowedNodeTypeModifications } from './node-type-modifications.ts'
import { otherActions } from './other.ts'
import { createReplicationGroup } from './replication-groups/create.ts'
import { decreaseReplicaCount } from './replication-groups/decrease-replica-count.ts'
import { deleteReplicationGroup } from './replication-groups/delete.ts'
import { describeReplicationGroups } from './replication-groups/describe.ts'
import { increaseReplicaCount } from './replication-groups/increase-replica-count.ts'
import { modifyReplicationGroup } from './replication-groups/modify.ts'
import { testFailover } from './replication-groups/test-failover.ts'

/** Every operation that Larder answers, by its name in the model of AWS. Some of them can only say that there is nothing. */
export const actions = {
  ...otherActions,
  ...emptyActions,
  CreateCacheCluster: createCacheCluster,
  CreateReplicationGroup: createReplicationGroup,
  DecreaseReplicaCount: decreaseReplicaCount,
  DeleteCacheCluster: deleteCacheCluster,
  DeleteReplicationGroup: deleteReplicationGroup,
  DescribeCacheClusters: describeCacheClusters,
  DescribeReplicationGroups: describeReplicationGroups,
  IncreaseReplicaCount: increaseReplicaCount,
  ListAllowedNodeTypeModifications: listAllowedNodeTypeModifications,
  ModifyCacheCluster: modifyCacheCluster,
  ModifyReplicationGroup: modifyReplicationGroup,
  RebootCacheCluster: rebootCacheCluster,
  TestFailover: testFailover,
} as const satisfies Readonly<Record<string, Action<never, object>>>
