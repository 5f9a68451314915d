import type { DeleteUserGroupCommandOutput, DeleteUserGroupMessage } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../../errors.ts'
import { userGroupKey } from '../../../../model/users.ts'
import { remove } from '../../../../ports/records.ts'
import type { Action } from '../../../action.ts'
import { untilWritten, write } from '../../../writing.ts'
import { readDirectory, specsWith, touching, userGroupOf } from '../users/find.ts'
import { userGroupView } from './view.ts'

type Output = Omit<DeleteUserGroupCommandOutput, '$metadata'>

/** Whoever attaches it writes it too, so that the removal fails and looks again. */
export const deleteUserGroup: Action<DeleteUserGroupMessage, Output> = (input, context) =>
  untilWritten(`user group ${input.UserGroupId}`, async () => {
    const directory = await readDirectory(context)
    const group = userGroupOf(directory, input.UserGroupId)
    const used = specsWith(directory, group.id).map(({ value }) => value.id)
    if (used.length > 0) {
      throw new Fault(
        'InvalidUserGroupStateFault',
        `The user group ${group.id} cannot be deleted: it is used by the replication group ${used.join(', ')}.`,
      )
    }
    const key = userGroupKey(context.region, group.id)
    const written = await write(context, touching(directory, [key]).conditions, [remove(key)], [])
    return written ? userGroupView(context, directory, group, 'deleting') : null
  })
