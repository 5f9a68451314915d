import type { CacheParameterGroupsMessage, DescribeCacheParameterGroupsMessage } from '@aws-sdk/client-elasticache'
import type { Action } from '../../../action.ts'
import { byName, pageOf, pageRequest } from '../../../paging.ts'
import { defaultParameterGroups } from './defaults.ts'
import { findParameterGroup, storedParameterGroups } from './find.ts'
import { parameterGroupView } from './view.ts'

/** Created and default groups together, by name, as AWS lists them. */
export const describeCacheParameterGroups: Action<DescribeCacheParameterGroupsMessage, CacheParameterGroupsMessage> = async (
  input,
  context,
) => {
  pageRequest(input)
  if (input.CacheParameterGroupName !== undefined && input.CacheParameterGroupName !== '') {
    const group = await findParameterGroup(context, input.CacheParameterGroupName)
    return { Marker: undefined, CacheParameterGroups: [parameterGroupView(group, context.account)] }
  }
  const all = [...(await storedParameterGroups(context)), ...defaultParameterGroups(context.region)].sort(byName)
  const { items, marker } = pageOf(all, (group) => group.name, input)
  return { Marker: marker, CacheParameterGroups: items.map((group) => parameterGroupView(group, context.account)) }
}
