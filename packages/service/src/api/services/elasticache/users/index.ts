import { createUser } from './create.ts'
import { deleteUser } from './delete.ts'
import { describeUsers } from './describe.ts'
import { modifyUser } from './modify.ts'

/** By their names in the model of AWS. */
export const usersActions = {
  CreateUser: createUser,
  DeleteUser: deleteUser,
  DescribeUsers: describeUsers,
  ModifyUser: modifyUser,
} as const
