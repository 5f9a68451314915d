/** Changes of resources that cannot exist yet: the NotFound fault, after what the request must have. A tool that deletes takes it as done. */

import type { Action } from '../../../action.ts'
import { requiredList, requiredText } from '../../../required.ts'
import { type AbsentKind, absent } from './absent.ts'

type Input = Readonly<Record<string, unknown>>

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** `member` names the resource; `others` are texts that the request must have besides. */
const notFound =
  (kind: AbsentKind, member: string, others: readonly string[] = []): Action<Input, object> =>
  async (input) => {
    const name = requiredText(member, text(input[member]))
    for (const other of others) requiredText(other, text(input[other]))
    throw absent(kind, name)
  }

/** With lists of groups or clusters, of which one is not empty. */
const updateNotFound: Action<Input, object> = async (input) => {
  const name = requiredText('ServiceUpdateName', text(input['ServiceUpdateName']))
  const ids = [input['ReplicationGroupIds'], input['CacheClusterIds']].flatMap((list) =>
    Array.isArray(list) ? (list as readonly unknown[]) : [],
  )
  requiredList('ReplicationGroupIds or CacheClusterIds', ids)
  throw absent('service update', name)
}

const ofGlobalGroup = (...others: readonly string[]): Action<Input, object> =>
  notFound('global replication group', 'GlobalReplicationGroupId', others)

export const changesOfNothing = {
  BatchApplyUpdateAction: updateNotFound,
  BatchStopUpdateAction: updateNotFound,
  CopyServerlessCacheSnapshot: notFound('serverless cache snapshot', 'SourceServerlessCacheSnapshotName', [
    'TargetServerlessCacheSnapshotName',
  ]),
  CopySnapshot: notFound('snapshot', 'SourceSnapshotName', ['TargetSnapshotName']),
  CreateServerlessCacheSnapshot: notFound('serverless cache', 'ServerlessCacheName', ['ServerlessCacheSnapshotName']),
  DecreaseNodeGroupsInGlobalReplicationGroup: ofGlobalGroup(),
  DeleteGlobalReplicationGroup: ofGlobalGroup(),
  DeleteServerlessCache: notFound('serverless cache', 'ServerlessCacheName'),
  DeleteServerlessCacheSnapshot: notFound('serverless cache snapshot', 'ServerlessCacheSnapshotName'),
  DeleteSnapshot: notFound('snapshot', 'SnapshotName'),
  DisassociateGlobalReplicationGroup: ofGlobalGroup('ReplicationGroupId', 'ReplicationGroupRegion'),
  ExportServerlessCacheSnapshot: notFound('serverless cache snapshot', 'ServerlessCacheSnapshotName', ['S3BucketName']),
  FailoverGlobalReplicationGroup: ofGlobalGroup('PrimaryRegion', 'PrimaryReplicationGroupId'),
  IncreaseNodeGroupsInGlobalReplicationGroup: ofGlobalGroup(),
  ModifyGlobalReplicationGroup: ofGlobalGroup(),
  ModifyServerlessCache: notFound('serverless cache', 'ServerlessCacheName'),
  PurchaseReservedCacheNodesOffering: notFound('reserved cache nodes offering', 'ReservedCacheNodesOfferingId'),
  RebalanceSlotsInGlobalReplicationGroup: ofGlobalGroup(),
} as const
