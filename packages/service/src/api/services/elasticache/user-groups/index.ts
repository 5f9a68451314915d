import { createUserGroup } from './create.ts'
import { deleteUserGroup } from './delete.ts'
import { describeUserGroups } from './describe.ts'
import { modifyUserGroup } from './modify.ts'

/** By their names in the model of AWS. */
export const userGroupsActions = {
  CreateUserGroup: createUserGroup,
  DeleteUserGroup: deleteUserGroup,
  DescribeUserGroups: describeUserGroups,
  ModifyUserGroup: modifyUserGroup,
} as const
