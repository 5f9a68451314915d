import type { AllowedNodeTypeModificationsMessage, ListAllowedNodeTypeModificationsMessage } from '@aws-sdk/client-elasticache'
import { invalidCombination } from '../../../errors.ts'
import type { Action } from '../../action.ts'
import { findCacheCluster, findReplicationGroup } from './groups/find.ts'
import { allowedNodeTypes } from './groups/node-types.ts'

/** What a cluster or a replication group can be scaled to. */
export const listAllowedNodeTypeModifications: Action<
  ListAllowedNodeTypeModificationsMessage,
  AllowedNodeTypeModificationsMessage
> = async (input, context) => {
  const cluster = input.CacheClusterId || undefined
  const group = input.ReplicationGroupId || undefined
  if ((cluster === undefined) === (group === undefined)) {
    throw invalidCombination('Either CacheClusterId or ReplicationGroupId must be provided, and not both.')
  }
  const { spec } = cluster === undefined ? await findReplicationGroup(context, group) : await findCacheCluster(context, cluster)
  const { up, down } = allowedNodeTypes(spec.value.nodeType)
  return { ScaleUpModifications: [...up], ScaleDownModifications: [...down] }
}
