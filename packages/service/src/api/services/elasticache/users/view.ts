import type { User } from '@aws-sdk/client-elasticache'
import { arn } from '../../../../model/names.ts'
import { minimumVersion, type UserRecord } from '../../../../model/users.ts'
import type { ActionContext } from '../../../action.ts'
import { areSettled, type Directory, groupsWith, specsWith } from './find.ts'

/** `modifying` while nodes are still to be told. */
export const userView = async (
  context: ActionContext,
  directory: Directory,
  user: UserRecord,
  status?: 'deleting',
): Promise<User> => {
  const groups = groupsWith(directory, user.id)
  const specs = groups.flatMap(({ id }) => specsWith(directory, id))
  return {
    UserId: user.id,
    UserName: user.name,
    Status: status ?? ((await areSettled(context, specs)) ? 'active' : 'modifying'),
    Engine: user.engine,
    MinimumEngineVersion: minimumVersion(user),
    AccessString: user.accessString,
    UserGroupIds: groups.map(({ id }) => id).toSorted(),
    Authentication: {
      Type: user.authentication === 'no-password-required' ? 'no-password' : user.authentication,
      ...(user.authentication === 'password' ? { PasswordCount: user.passwords.length } : {}),
    },
    ARN: arn(context.region, context.account, 'user', user.id),
  }
}
