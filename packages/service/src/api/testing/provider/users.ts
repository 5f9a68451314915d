/** `aws_elasticache_user`, `aws_elasticache_user_group` and its association: the calls of the provider for them, and what it reads back. */
import {
  type AuthenticationMode,
  CreateUserCommand,
  CreateUserGroupCommand,
  DeleteUserCommand,
  DeleteUserGroupCommand,
  DescribeUserGroupsCommand,
  DescribeUsersCommand,
  type ElastiCacheClient,
  ModifyUserCommand,
  ModifyUserGroupCommand,
} from '@aws-sdk/client-elasticache'
import { tagList, tagsOf } from './groups.ts'
import { orGone, waitFor } from './waiting.ts'

export interface UserConfig {
  readonly user_name: string
  readonly engine: 'redis' | 'valkey'
  readonly access_string: string
  readonly passwords?: readonly string[]
  readonly no_password_required?: boolean
  readonly authentication_mode?: {
    readonly type: 'password' | 'iam' | 'no-password-required'
    readonly passwords?: readonly string[]
  }
  readonly tags?: Readonly<Record<string, string>>
}

const findUser = async (client: ElastiCacheClient, id: string) =>
  (await orGone(client.send(new DescribeUsersCommand({ UserId: id })), 'UserNotFoundFault'))?.Users?.[0] ?? null

const waitUser = (client: ElastiCacheClient, id: string, target: string | null): Promise<void> =>
  waitFor(`user ${id}`, async () => (await findUser(client, id))?.Status ?? null, {
    target,
    pending: target === null ? ['deleting'] : ['creating', 'modifying'],
  })

const modeOf = ({ authentication_mode: mode }: UserConfig): AuthenticationMode | undefined =>
  mode === undefined ? undefined : { Type: mode.type, Passwords: mode.passwords?.slice() }

export const createUser = async (client: ElastiCacheClient, id: string, config: UserConfig): Promise<void> => {
  await client.send(
    new CreateUserCommand({
      UserId: id,
      UserName: config.user_name,
      Engine: config.engine,
      AccessString: config.access_string,
      // The provider always says it.
      NoPasswordRequired: config.no_password_required ?? false,
      Passwords: config.passwords?.slice(),
      AuthenticationMode: modeOf(config),
      Tags: tagList(config.tags),
    }),
  )
  await waitUser(client, id, 'active')
}

export const readUser = async (client: ElastiCacheClient, id: string) => {
  const user = await findUser(client, id)
  return user === null
    ? null
    : {
        user_name: user.UserName,
        engine: user.Engine,
        access_string: user.AccessString,
        no_password_required: user.Authentication?.Type === 'no-password',
        authentication: user.Authentication?.Type,
        password_count: user.Authentication?.PasswordCount ?? 0,
        tags: await tagsOf(client, user.ARN),
      }
}

export const updateUser = async (client: ElastiCacheClient, id: string, before: UserConfig, after: UserConfig): Promise<void> => {
  const isNew = (name: keyof UserConfig): boolean => JSON.stringify(before[name]) !== JSON.stringify(after[name])
  await client.send(
    new ModifyUserCommand({
      UserId: id,
      AccessString: isNew('access_string') ? after.access_string : undefined,
      NoPasswordRequired: isNew('no_password_required') ? after.no_password_required : undefined,
      Passwords: isNew('passwords') ? after.passwords?.slice() : undefined,
      AuthenticationMode: isNew('authentication_mode') ? modeOf(after) : undefined,
    }),
  )
  await waitUser(client, id, 'active')
}

export const destroyUser = async (client: ElastiCacheClient, id: string): Promise<void> => {
  const remove = () => client.send(new DeleteUserCommand({ UserId: id }))
  await remove()
  await waitUser(client, id, null)
  if ((await orGone(remove(), 'UserNotFoundFault')) !== null) throw new Error(`${id} was deleted twice`)
}

export interface UserGroupConfig {
  readonly engine: 'redis' | 'valkey'
  readonly user_ids: readonly string[]
  readonly tags?: Readonly<Record<string, string>>
}

const findUserGroup = async (client: ElastiCacheClient, id: string) =>
  (await orGone(client.send(new DescribeUserGroupsCommand({ UserGroupId: id })), 'UserGroupNotFoundFault'))?.UserGroups?.[0] ??
  null

const waitUserGroup = (client: ElastiCacheClient, id: string, target: string | null): Promise<void> =>
  waitFor(`user group ${id}`, async () => (await findUserGroup(client, id))?.Status ?? null, {
    target,
    pending: target === null ? ['deleting'] : ['creating', 'modifying'],
  })

export const createUserGroup = async (client: ElastiCacheClient, id: string, config: UserGroupConfig): Promise<void> => {
  await client.send(
    new CreateUserGroupCommand({
      UserGroupId: id,
      Engine: config.engine,
      UserIds: config.user_ids.slice(),
      Tags: tagList(config.tags),
    }),
  )
  await waitUserGroup(client, id, 'active')
}

export const readUserGroup = async (client: ElastiCacheClient, id: string) => {
  const group = await findUserGroup(client, id)
  if (group === null) return null
  return { engine: group.Engine, user_ids: group.UserIds?.toSorted(), tags: await tagsOf(client, group.ARN) }
}

export const updateUserGroup = async (
  client: ElastiCacheClient,
  id: string,
  before: readonly string[],
  after: readonly string[],
): Promise<void> => {
  const added = after.filter((user) => !before.includes(user))
  const removed = before.filter((user) => !after.includes(user))
  await client.send(
    new ModifyUserGroupCommand({
      UserGroupId: id,
      ...(added.length > 0 ? { UserIdsToAdd: added } : {}),
      ...(removed.length > 0 ? { UserIdsToRemove: removed } : {}),
    }),
  )
  await waitUserGroup(client, id, 'active')
}

export const destroyUserGroup = async (client: ElastiCacheClient, id: string): Promise<void> => {
  const remove = () => client.send(new DeleteUserGroupCommand({ UserGroupId: id }))
  await remove()
  await waitUserGroup(client, id, null)
  if ((await orGone(remove(), 'UserGroupNotFoundFault')) !== null) throw new Error(`${id} was deleted twice`)
}
