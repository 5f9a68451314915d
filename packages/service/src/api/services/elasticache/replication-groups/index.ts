import { createReplicationGroup } from './create.ts'
import { decreaseReplicaCount } from './decrease-replica-count.ts'
import { deleteReplicationGroup } from './delete.ts'
import { describeReplicationGroups } from './describe.ts'
import { increaseReplicaCount } from './increase-replica-count.ts'
import { modifyReplicationGroup } from './modify.ts'
import { testFailover } from './test-failover.ts'

/** By their names in the model of AWS. */
export const replicationGroupsActions = {
  CreateReplicationGroup: createReplicationGroup,
  DecreaseReplicaCount: decreaseReplicaCount,
  DeleteReplicationGroup: deleteReplicationGroup,
  DescribeReplicationGroups: describeReplicationGroups,
  IncreaseReplicaCount: increaseReplicaCount,
  ModifyReplicationGroup: modifyReplicationGroup,
  TestFailover: testFailover,
} as const
