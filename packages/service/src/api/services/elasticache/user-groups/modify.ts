import type { ModifyUserGroupCommandOutput, ModifyUserGroupMessage } from '@aws-sdk/client-elasticache'
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import { type UserGroupRecord, userGroupKey, userKey } from '../../../../model/users.ts'
import { put } from '../../../../ports/records.ts'
import type { Action } from '../../../action.ts'
import { untilWritten, write } from '../../../writing.ts'
import { oneOf } from '../groups/values.ts'
import { carriedOver, checkIam, checkMembers, readDirectory, specsWith, touching, userGroupOf, userOf } from '../users/find.ts'
import { userGroupView } from './view.ts'

type Output = Omit<ModifyUserGroupCommandOutput, '$metadata'>

const membersOf = (group: UserGroupRecord, added: readonly string[], removed: readonly string[]): readonly string[] => {
  const both = added.find((id) => removed.includes(id))
  if (both !== undefined) throw invalidCombination(`The user ${both} is both to be added and to be removed.`)
  const present = added.find((id) => group.userIds.includes(id))
  if (present !== undefined) throw invalidValue(`The user ${present} is in the user group ${group.id} already.`)
  const missing = removed.find((id) => !group.userIds.includes(id))
  if (missing !== undefined) throw awsTexts.notMember(missing, group.id)
  return [...group.userIds.filter((id) => !removed.includes(id)), ...added]
}

export const modifyUserGroup: Action<ModifyUserGroupMessage, Output> = (input, context) =>
  untilWritten(`user group ${input.UserGroupId}`, async () => {
    const directory = await readDirectory(context)
    const group = userGroupOf(directory, input.UserGroupId)
    const idOf = (id: string): string => userOf(directory, id).id
    const added = [...new Set((input.UserIdsToAdd ?? []).map(idOf))]
    const removed = [...new Set((input.UserIdsToRemove ?? []).map(idOf))]
    const engine = oneOf('Engine', input.Engine, ['valkey', 'redis'] as const) ?? group.engine
    if (added.length + removed.length === 0 && engine === group.engine) throw awsTexts.noModifications()
    const next: UserGroupRecord = { ...group, engine, userIds: membersOf(group, added, removed) }
    checkMembers(directory, next)
    const other = specsWith(directory, group.id).find(({ value }) => value.engine === 'redis' && engine === 'valkey')
    if (other !== undefined)
      throw invalidCombination(`The replication group ${other.value.id} of engine redis uses the user group ${group.id}.`)
    checkIam(
      context,
      next.userIds.map((id) => userOf(directory, id)),
      engine,
      null,
    )
    const groups = new Map([...directory.groups, [group.id, next]])
    const change = carriedOver(context, directory, { users: directory.users, groups }, [group.id])
    const touched = touching(
      directory,
      next.userIds.map((id) => userKey(context.region, id)),
    )
    const key = userGroupKey(context.region, group.id)
    const written = await write(
      context,
      [...touched.conditions, ...change.conditions],
      [put(key, next), ...touched.operations, ...change.operations],
      change.events,
    )
    return written ? userGroupView(context, await readDirectory(context), next) : null
  })
