import type { Action } from '../../../action.ts'
import { changesOfNothing } from './change.ts'
import {
  describeGlobalReplicationGroups,
  describeReservedCacheNodes,
  describeReservedCacheNodesOfferings,
  describeServerlessCacheSnapshots,
  describeServerlessCaches,
  describeServiceUpdates,
  describeSnapshots,
  describeUpdateActions,
} from './describe.ts'

/** Operations on resources that cannot exist yet. They count as empty, not as there. */
export const emptyActions = {
  ...changesOfNothing,
  DescribeGlobalReplicationGroups: describeGlobalReplicationGroups,
  DescribeReservedCacheNodes: describeReservedCacheNodes,
  DescribeReservedCacheNodesOfferings: describeReservedCacheNodesOfferings,
  DescribeServerlessCacheSnapshots: describeServerlessCacheSnapshots,
  DescribeServerlessCaches: describeServerlessCaches,
  DescribeServiceUpdates: describeServiceUpdates,
  DescribeSnapshots: describeSnapshots,
  DescribeUpdateActions: describeUpdateActions,
} as const satisfies Readonly<Record<string, Action<never, object>>>
