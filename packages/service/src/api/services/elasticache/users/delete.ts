import type { DeleteUserCommandOutput, DeleteUserMessage } from '@aws-sdk/client-elasticache'
import { Fault, invalidValue } from '../../../../errors.ts'
import { defaultUserName, userGroupKey, userKey } from '../../../../model/users.ts'
import { put, remove } from '../../../../ports/records.ts'
import type { Action } from '../../../action.ts'
import { untilWritten, write } from '../../../writing.ts'
import { carriedOver, groupsWith, readDirectory, touching, userOf } from './find.ts'
import { userView } from './view.ts'

type Output = Omit<DeleteUserCommandOutput, '$metadata'>

/** As on AWS it leaves every user group that it is in, and with that the nodes. Its connections end. */
export const deleteUser: Action<DeleteUserMessage, Output> = (input, context) =>
  untilWritten(`user ${input.UserId}`, async () => {
    const directory = await readDirectory(context)
    const user = userOf(directory, input.UserId)
    if (user.id === defaultUserName) throw invalidValue('The user default cannot be deleted.')
    const groups = groupsWith(directory, user.id)
    if (user.name === defaultUserName && groups.some(({ engine }) => engine === 'redis')) {
      throw new Fault(
        'DefaultUserAssociatedToUserGroupFault',
        `The user ${user.id} is the default user of the user group ${groups.map(({ id }) => id).join(', ')}.`,
      )
    }
    const left = groups.map((group) => ({ ...group, userIds: group.userIds.filter((id) => id !== user.id) }))
    const after = {
      users: directory.users,
      groups: new Map([...directory.groups, ...left.map((group) => [group.id, group] as const)]),
    }
    const groupIds = left.map(({ id }) => id)
    const change = carriedOver(context, directory, after, groupIds)
    const key = userKey(context.region, user.id)
    const written = await write(
      context,
      [...touching(directory, [key]).conditions, ...change.conditions],
      [remove(key), ...left.map((group) => put(userGroupKey(context.region, group.id), group)), ...change.operations],
      change.events,
    )
    return written ? userView(context, directory, user, 'deleting') : null
  })
