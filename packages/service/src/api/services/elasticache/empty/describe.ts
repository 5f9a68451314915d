/**
 * Reads of resources that cannot exist yet: an empty list, or the NotFound fault where one is named. Inventories and the waiters of tools
 * ask for them before and after everything else.
 */
import type {
  DescribeGlobalReplicationGroupsMessage,
  DescribeReservedCacheNodesMessage,
  DescribeReservedCacheNodesOfferingsMessage,
  DescribeServerlessCacheSnapshotsRequest,
  DescribeServerlessCachesRequest,
  DescribeServiceUpdatesMessage,
  DescribeSnapshotsMessage,
  DescribeUpdateActionsMessage,
} from '@aws-sdk/client-elasticache'
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { cacheClusterId, replicationGroupId } from '../../../../model/names.ts'
import type { Action } from '../../../action.ts'
import { pageRequest } from '../../../paging.ts'
import { findCacheCluster } from '../groups/find.ts'
import { oneOf, wholeNumber } from '../groups/values.ts'
import { absent } from './absent.ts'

interface TokenRequest {
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

/** No request before has given one, as the list is empty. */
const checkPage = ({ MaxResults, NextToken }: TokenRequest): void => {
  wholeNumber('MaxResults', MaxResults, 1, 50)
  if (NextToken) throw invalidValue(`The token ${NextToken.slice(0, 100)} is not one that a request before gave.`)
}

const checkMarker = ({ Marker }: { readonly Marker?: string | undefined }): void => {
  if (Marker) throw invalidValue(`The marker ${Marker.slice(0, 100)} is not one that a request before gave.`)
}

export const describeSnapshots: Action<DescribeSnapshotsMessage, object> = async (input, context) => {
  // Of snapshots AWS gives at most 50 at a time.
  wholeNumber('MaxRecords', input.MaxRecords, 20, 50)
  checkMarker(input)
  oneOf('SnapshotSource', input.SnapshotSource, ['user', 'system'] as const)
  if (input.SnapshotName) throw absent('snapshot', input.SnapshotName)
  if (input.CacheClusterId && input.ReplicationGroupId)
    throw invalidCombination('Only one of CacheClusterId and ReplicationGroupId can be given.')
  if (input.ReplicationGroupId) replicationGroupId(input.ReplicationGroupId)
  if (input.CacheClusterId) await findCacheCluster(context, input.CacheClusterId)
  return { Snapshots: [] }
}

export const describeServerlessCaches: Action<DescribeServerlessCachesRequest, object> = async (input) => {
  checkPage(input)
  if (input.ServerlessCacheName) throw absent('serverless cache', input.ServerlessCacheName)
  return { ServerlessCaches: [] }
}

export const describeServerlessCacheSnapshots: Action<DescribeServerlessCacheSnapshotsRequest, object> = async (input) => {
  checkPage(input)
  if (input.ServerlessCacheSnapshotName) throw absent('serverless cache snapshot', input.ServerlessCacheSnapshotName)
  if (input.ServerlessCacheName) throw absent('serverless cache', input.ServerlessCacheName)
  return { ServerlessCacheSnapshots: [] }
}

export const describeGlobalReplicationGroups: Action<DescribeGlobalReplicationGroupsMessage, object> = async (input) => {
  pageRequest(input)
  checkMarker(input)
  if (input.GlobalReplicationGroupId) throw absent('global replication group', input.GlobalReplicationGroupId)
  return { GlobalReplicationGroups: [] }
}

const durations: readonly string[] = ['1', '3', '31536000', '94608000']

const checkDuration = ({ Duration }: { readonly Duration?: string | undefined }): void => {
  if (Duration && !durations.includes(Duration))
    throw invalidValue(`Invalid value for Duration: must be one of ${durations.join(', ')}, found ${Duration.slice(0, 100)}.`)
}

export const describeReservedCacheNodes: Action<DescribeReservedCacheNodesMessage, object> = async (input) => {
  pageRequest(input)
  checkMarker(input)
  checkDuration(input)
  if (input.ReservedCacheNodeId) throw absent('reserved cache node', input.ReservedCacheNodeId)
  return { ReservedCacheNodes: [] }
}

export const describeReservedCacheNodesOfferings: Action<DescribeReservedCacheNodesOfferingsMessage, object> = async (input) => {
  pageRequest(input)
  checkMarker(input)
  checkDuration(input)
  if (input.ReservedCacheNodesOfferingId) throw absent('reserved cache nodes offering', input.ReservedCacheNodesOfferingId)
  return { ReservedCacheNodesOfferings: [] }
}

const updateStatuses = ['available', 'cancelled', 'expired'] as const
const actionStatuses = [
  'not-applied',
  'waiting-to-start',
  'in-progress',
  'stopping',
  'stopped',
  'complete',
  'scheduling',
  'scheduled',
  'not-applicable',
] as const

export const describeServiceUpdates: Action<DescribeServiceUpdatesMessage, object> = async (input) => {
  pageRequest(input)
  checkMarker(input)
  for (const status of input.ServiceUpdateStatus ?? []) oneOf('ServiceUpdateStatus', status, updateStatuses)
  if (input.ServiceUpdateName) throw absent('service update', input.ServiceUpdateName)
  return { ServiceUpdates: [] }
}

/** AWS names no fault for a name that is not there. */
export const describeUpdateActions: Action<DescribeUpdateActionsMessage, object> = async (input) => {
  pageRequest(input)
  checkMarker(input)
  for (const id of input.ReplicationGroupIds ?? []) replicationGroupId(id)
  for (const id of input.CacheClusterIds ?? []) cacheClusterId(id)
  oneOf('Engine', input.Engine, ['valkey', 'redis', 'memcached'] as const)
  for (const status of input.ServiceUpdateStatus ?? []) oneOf('ServiceUpdateStatus', status, updateStatuses)
  for (const status of input.UpdateActionStatus ?? []) oneOf('UpdateActionStatus', status, actionStatuses)
  const { StartTime, EndTime } = input.ServiceUpdateTimeRange ?? {}
  if (StartTime !== undefined && EndTime !== undefined && StartTime > EndTime)
    throw invalidValue('ServiceUpdateTimeRange: StartTime must not be after EndTime.')
  return { UpdateActions: [] }
}
