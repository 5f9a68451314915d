import type { CacheSubnetGroupMessage, DescribeCacheSubnetGroupsMessage } from '@aws-sdk/client-elasticache'
import { defaultSubnetGroup } from '../../../../model/network.ts'
import type { Action } from '../../../action.ts'
import { byName, pageOf, pageRequest } from '../../../paging.ts'
import { findSubnetGroup } from './find.ts'
import { storedSubnetGroups } from './stored.ts'
import { subnetGroupView } from './view.ts'

export const describeCacheSubnetGroups: Action<DescribeCacheSubnetGroupsMessage, CacheSubnetGroupMessage> = async (
  input,
  context,
) => {
  pageRequest(input)
  if (input.CacheSubnetGroupName !== undefined && input.CacheSubnetGroupName !== '') {
    const group = await findSubnetGroup(context, input.CacheSubnetGroupName)
    return { Marker: undefined, CacheSubnetGroups: [subnetGroupView(group, context.account)] }
  }
  const all = [...(await storedSubnetGroups(context)), defaultSubnetGroup(context.region, context.account)].sort(byName)
  const { items, marker } = pageOf(all, (group) => group.name, input)
  return { Marker: marker, CacheSubnetGroups: items.map((group) => subnetGroupView(group, context.account)) }
}
