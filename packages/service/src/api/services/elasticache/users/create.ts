import type { CreateUserCommandOutput, CreateUserMessage } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../../errors.ts'
import { userId } from '../../../../model/names.ts'
import { checkTags } from '../../../../model/tags.ts'
import { accessString, checkIamUser, type UserRecord, userKey, userName, usersInRegion } from '../../../../model/users.ts'
import { absent, put } from '../../../../ports/records.ts'
import type { Action } from '../../../action.ts'
import { requiredText } from '../../../required.ts'
import { write } from '../../../writing.ts'
import { oneOf } from '../groups/values.ts'
import { newAuthentication } from './authentication.ts'
import { readDirectory } from './find.ts'
import { userView } from './view.ts'

type Output = Omit<CreateUserCommandOutput, '$metadata'>

const alreadyExists = (id: string): Fault => new Fault('UserAlreadyExistsFault', `User ${id} already exists.`)

export const createUser: Action<CreateUserMessage, Output> = async (input, context) => {
  const id = userId(input.UserId)
  const engine = oneOf('Engine', requiredText('Engine', input.Engine), ['valkey', 'redis'] as const) ?? 'valkey'
  const authentication = newAuthentication(input)
  const user: UserRecord = {
    region: context.region,
    id,
    name: userName(requiredText('UserName', input.UserName)),
    engine,
    accessString: accessString(requiredText('AccessString', input.AccessString)),
    ...authentication,
    tags: checkTags([], input.Tags ?? []),
  }
  checkIamUser(user)
  const directory = await readDirectory(context)
  if (directory.users.has(id)) throw alreadyExists(id)
  if (directory.users.size > usersInRegion)
    throw new Fault(
      'UserQuotaExceededFault',
      `A region has at most ${usersInRegion} users; there are ${directory.users.size - 1}.`,
    )
  const key = userKey(context.region, id)
  if (!(await write(context, [absent(key)], [put(key, user)], []))) throw alreadyExists(id)
  return userView(context, directory, user)
}
