import type { UserGroup } from '@aws-sdk/client-elasticache'
import { arn } from '../../../../model/names.ts'
import { minimumVersion, type UserGroupRecord } from '../../../../model/users.ts'
import type { ActionContext } from '../../../action.ts'
import { areSettled, type Directory, specsWith, userOf } from '../users/find.ts'

/** `modifying` while nodes are still to be told. */
export const userGroupView = async (
  context: ActionContext,
  directory: Directory,
  group: UserGroupRecord,
  status?: 'creating' | 'deleting',
): Promise<UserGroup> => {
  const specs = specsWith(directory, group.id)
  const versions = group.userIds.map((id) => minimumVersion({ ...userOf(directory, id), engine: group.engine }))
  return {
    UserGroupId: group.id,
    Status: status ?? ((await areSettled(context, specs)) ? 'active' : 'modifying'),
    Engine: group.engine,
    UserIds: [...group.userIds],
    MinimumEngineVersion: versions.toSorted().at(-1) ?? minimumVersion({ engine: group.engine, authentication: 'password' }),
    PendingChanges: {},
    ReplicationGroups: specs.map(({ value }) => value.id).toSorted(),
    ServerlessCaches: [],
    ARN: arn(context.region, context.account, 'usergroup', group.id),
  }
}
