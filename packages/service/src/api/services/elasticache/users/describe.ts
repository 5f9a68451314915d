import type { DescribeUsersMessage, DescribeUsersResult } from '@aws-sdk/client-elasticache'
import { invalidValue } from '../../../../errors.ts'
import type { UserRecord } from '../../../../model/users.ts'
import type { Action } from '../../../action.ts'
import { pageOf, pageRequest } from '../../../paging.ts'
import { oneOf } from '../groups/values.ts'
import { type Directory, groupsWith, readDirectory, userOf } from './find.ts'
import { userView } from './view.ts'

const filters: Readonly<Record<string, (user: UserRecord, directory: Directory) => readonly string[]>> = {
  engine: ({ engine }) => [engine],
  'user-id': ({ id }) => [id],
  'user-name': ({ name }) => [name],
  'user-group-id': ({ id }, directory) => groupsWith(directory, id).map((group) => group.id),
}

const meets = (user: UserRecord, directory: Directory, { Filters }: DescribeUsersMessage): boolean =>
  (Filters ?? []).every(({ Name = '', Values = [] }) => {
    const of = Object.hasOwn(filters, Name) ? filters[Name] : undefined
    if (of === undefined)
      throw invalidValue(`Unknown filter ${Name.slice(0, 100)}: expected one of ${Object.keys(filters).join(', ')}.`)
    return of(user, directory).some((value) => Values.includes(value))
  })

export const describeUsers: Action<DescribeUsersMessage, DescribeUsersResult> = async (input, context) => {
  pageRequest(input)
  const directory = await readDirectory(context)
  const engine = oneOf('Engine', input.Engine, ['valkey', 'redis'] as const)
  const named = input.UserId ? [userOf(directory, input.UserId)] : [...directory.users.values()]
  const found = named.filter((user) => (engine === undefined || user.engine === engine) && meets(user, directory, input))
  const { items, marker } = pageOf(
    found.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    ({ id }) => id,
    input,
  )
  return { Marker: marker, Users: await Promise.all(items.map((user) => userView(context, directory, user))) }
}
