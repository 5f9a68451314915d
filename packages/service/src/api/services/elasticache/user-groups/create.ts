import type { CreateUserGroupCommandOutput, CreateUserGroupMessage } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../../errors.ts'
import { userGroupId } from '../../../../model/names.ts'
import { checkTags } from '../../../../model/tags.ts'
import { type UserGroupRecord, userGroupKey, userGroupsInRegion, userKey } from '../../../../model/users.ts'
import { absent, put } from '../../../../ports/records.ts'
import type { Action } from '../../../action.ts'
import { requiredText } from '../../../required.ts'
import { untilWritten, write } from '../../../writing.ts'
import { oneOf } from '../groups/values.ts'
import { checkIam, checkMembers, idsOf, readDirectory, touching, userOf } from '../users/find.ts'
import { userGroupView } from './view.ts'

type Output = Omit<CreateUserGroupCommandOutput, '$metadata'>

export const createUserGroup: Action<CreateUserGroupMessage, Output> = (input, context) =>
  untilWritten(`user group ${input.UserGroupId}`, async () => {
    const id = userGroupId(input.UserGroupId)
    const engine = oneOf('Engine', requiredText('Engine', input.Engine), ['valkey', 'redis'] as const) ?? 'valkey'
    const directory = await readDirectory(context)
    if (directory.groups.has(id)) throw new Fault('UserGroupAlreadyExistsFault', `User group ${id} already exists.`)
    if (directory.groups.size >= userGroupsInRegion) {
      throw new Fault(
        'UserGroupQuotaExceededFault',
        `A region has at most ${userGroupsInRegion} user groups; there are ${directory.groups.size}.`,
      )
    }
    const userIds = (input.UserIds ?? []).map((userId) => userOf(directory, userId).id)
    const group: UserGroupRecord = {
      region: context.region,
      id,
      engine,
      userIds: idsOf(userIds),
      tags: checkTags([], input.Tags ?? []),
    }
    checkMembers(directory, group)
    checkIam(
      context,
      group.userIds.map((userId) => userOf(directory, userId)),
      engine,
      null,
    )
    const key = userGroupKey(context.region, id)
    const touched = touching(
      directory,
      group.userIds.map((userId) => userKey(context.region, userId)),
    )
    const written = await write(context, [absent(key), ...touched.conditions], [put(key, group), ...touched.operations], [])
    return written ? userGroupView(context, directory, group, 'creating') : null
  })
