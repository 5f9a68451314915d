import type { ModifyUserCommandOutput, ModifyUserMessage } from '@aws-sdk/client-elasticache'
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { accessString, checkIamUser, defaultUserName, type UserRecord, userKey } from '../../../../model/users.ts'
import { put } from '../../../../ports/records.ts'
import type { Action } from '../../../action.ts'
import { untilWritten, write } from '../../../writing.ts'
import { oneOf } from '../groups/values.ts'
import { authenticationOf } from './authentication.ts'
import { carriedOver, checkMembers, groupsWith, readDirectory, touching, userOf } from './find.ts'
import { userView } from './view.ts'

type Output = Omit<ModifyUserCommandOutput, '$metadata'>

const accessOf = (user: UserRecord, { AccessString, AppendAccessString }: ModifyUserMessage): string => {
  if (AccessString && AppendAccessString)
    throw invalidCombination('Only one of AccessString and AppendAccessString can be given.')
  if (AccessString) return accessString(AccessString)
  return AppendAccessString ? accessString(`${user.accessString} ${AppendAccessString}`) : user.accessString
}

/**
 * Also while nodes are still to be told of an earlier change: as long as one of them cannot be reached, a password that somebody knows could not be
 * taken away otherwise. AWS refuses it then.
 */
export const modifyUser: Action<ModifyUserMessage, Output> = (input, context) =>
  untilWritten(`user ${input.UserId}`, async () => {
    const directory = await readDirectory(context)
    const user = userOf(directory, input.UserId)
    if (user.id === defaultUserName) throw invalidValue('The user default cannot be modified; make another one with its name.')
    const next: UserRecord = {
      ...user,
      engine: oneOf('Engine', input.Engine, ['valkey', 'redis'] as const) ?? user.engine,
      accessString: accessOf(user, input),
      ...authenticationOf(input),
    }
    checkIamUser(next)
    const users = new Map([...directory.users, [user.id, next]])
    const groups = groupsWith(directory, user.id)
    for (const group of groups) checkMembers({ ...directory, users }, group)
    const key = userKey(context.region, user.id)
    const groupIds = groups.map(({ id }) => id)
    const change = carriedOver(context, directory, { users, groups: directory.groups }, groupIds)
    const conditions = [...touching(directory, [key]).conditions, ...change.conditions]
    if (!(await write(context, conditions, [put(key, next), ...change.operations], change.events))) return null
    return userView(context, await readDirectory(context), next)
  })
