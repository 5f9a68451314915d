import type { CacheSecurityGroupMessage, DescribeCacheSecurityGroupsMessage } from '@aws-sdk/client-elasticache'
import type { Action } from '../../../action.ts'
import { byName, pageOf, pageRequest } from '../../../paging.ts'
import { cacheSecurityGroupView, findCacheSecurityGroup, storedCacheSecurityGroups } from './find.ts'

export const describeCacheSecurityGroups: Action<DescribeCacheSecurityGroupsMessage, CacheSecurityGroupMessage> = async (
  input,
  context,
) => {
  pageRequest(input)
  if (input.CacheSecurityGroupName !== undefined && input.CacheSecurityGroupName !== '') {
    const { value } = await findCacheSecurityGroup(context, input.CacheSecurityGroupName)
    return { Marker: undefined, CacheSecurityGroups: [await cacheSecurityGroupView(context, value)] }
  }
  const all = [...(await storedCacheSecurityGroups(context))].sort(byName)
  const { items, marker } = pageOf(all, (group) => group.name, input)
  return { Marker: marker, CacheSecurityGroups: await Promise.all(items.map((group) => cacheSecurityGroupView(context, group))) }
}
