import type { DescribeUserGroupsMessage, DescribeUserGroupsResult } from '@aws-sdk/client-elasticache'
import type { Action } from '../../../action.ts'
import { pageOf, pageRequest } from '../../../paging.ts'
import { readDirectory, userGroupOf } from '../users/find.ts'
import { userGroupView } from './view.ts'

export const describeUserGroups: Action<DescribeUserGroupsMessage, DescribeUserGroupsResult> = async (input, context) => {
  pageRequest(input)
  const directory = await readDirectory(context)
  const found = input.UserGroupId ? [userGroupOf(directory, input.UserGroupId)] : [...directory.groups.values()]
  const { items, marker } = pageOf(
    found.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    ({ id }) => id,
    input,
  )
  return { Marker: marker, UserGroups: await Promise.all(items.map((group) => userGroupView(context, directory, group))) }
}
