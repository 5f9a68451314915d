/** Users and user groups of a region, and how a change of them reaches the replication groups. */
import { Fault, invalidCombination, invalidValue } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import { engineCapabilities } from '../../../../model/engine-versions.ts'
import type { Happening } from '../../../../model/events.ts'
import type { GroupSpec, GroupState } from '../../../../model/group.ts'
import { stateKey } from '../../../../model/keys.ts'
import { servedBy } from '../../../../model/served-versions.ts'
import {
  type ClientUser,
  clientUserOf,
  defaultUser,
  defaultUserName,
  type UserEngine,
  type UserGroupRecord,
  type UserRecord,
  userGroupKey,
  userKey,
  usersOfGroup,
} from '../../../../model/users.ts'
import { listRecords, put, readRecord, unchanged, type Versioned } from '../../../../ports/records.ts'
import type { Condition, Operation } from '../../../../ports/store.ts'
import type { ActionContext } from '../../../action.ts'
import { isStorable } from '../../../names.ts'
import { requiredText } from '../../../required.ts'
import { specsOf } from '../../../writing.ts'
import { isRefusing, tellWithoutEffect } from '../groups/without-effect.ts'

/** One look at all of it. Records that are stored have a revision; the user `default` is stored nowhere. */
export interface Directory {
  readonly users: ReadonlyMap<string, UserRecord>
  readonly groups: ReadonlyMap<string, UserGroupRecord>
  readonly stored: ReadonlyMap<string, Versioned<unknown>>
  /** Those that have a user group. */
  readonly specs: readonly Versioned<GroupSpec>[]
}

export const readDirectory = async (context: ActionContext): Promise<Directory> => {
  const { region, store } = context
  const [users, groups, specs] = await Promise.all([
    listRecords<UserRecord>(store, userKey(region, '')),
    listRecords<UserGroupRecord>(store, userGroupKey(region, '')),
    specsOf(context),
  ])
  return {
    users: new Map([defaultUser(region), ...users.records.map(({ value }) => value)].map((user) => [user.id, user])),
    groups: new Map(groups.records.map(({ value }) => [value.id, value])),
    stored: new Map<string, Versioned<unknown>>([...users.records, ...groups.records].map((record) => [record.key, record])),
    specs: specs.filter((spec) => spec.value.userGroup !== undefined),
  }
}

const userNotFound = (id: string): Fault => new Fault('UserNotFoundFault', `User ${id.slice(0, 100)} not found.`)
const groupNotFound = (id: string): Fault => new Fault('UserGroupNotFoundFault', `User group ${id.slice(0, 100)} not found.`)

/** Throws `InvalidParameterValueException` where there is no id, `UserNotFoundFault`. */
export const userOf = (directory: Directory, value: string | undefined): UserRecord => {
  const text = requiredText('UserId', value)
  const found = directory.users.get(text.toLowerCase())
  if (found === undefined) throw userNotFound(text)
  return found
}

/** Throws `InvalidParameterValueException` where there is no id, `UserGroupNotFoundFault`. */
export const userGroupOf = (directory: Directory, value: string | undefined): UserGroupRecord => {
  const text = requiredText('UserGroupId', value)
  const found = directory.groups.get(text.toLowerCase())
  if (found === undefined) throw groupNotFound(text)
  return found
}

export const groupsWith = (directory: Directory, userId: string): readonly UserGroupRecord[] =>
  [...directory.groups.values()].filter(({ userIds }) => userIds.includes(userId))

export const specsWith = (directory: Directory, groupId: string): readonly Versioned<GroupSpec>[] =>
  directory.specs.filter(({ value }) => value.userGroup?.id === groupId)

/** Nobody else has changed it since the look. The user `default` cannot change. */
const asSeen = (directory: Directory, key: string): readonly Condition[] => {
  const record = directory.stored.get(key)
  return record === undefined ? [] : [unchanged(record)]
}

/**
 * Written with everything that begins to rest on these users: whoever changes one of them at the same time then has to look again, and finds who
 * rests on it.
 */
export const touching = (directory: Directory, keys: readonly string[]): { conditions: Condition[]; operations: Operation[] } => {
  const records = keys.flatMap((key) => directory.stored.get(key) ?? [])
  return { conditions: records.map(unchanged), operations: records.map((record) => put(record.key, record.value)) }
}

/** What nodes of the group are told. Throws `UserNotFoundFault`. */
const clientUsersOf = (directory: Directory, group: UserGroupRecord): readonly ClientUser[] =>
  group.userIds.map((id) => clientUserOf(userOf(directory, id)))

/** Throws `DuplicateUserNameFault`, `DefaultUserRequired`, `UserGroupQuotaExceededFault`, `InvalidParameterValueException`. */
export const checkMembers = (directory: Directory, group: Pick<UserGroupRecord, 'engine' | 'userIds'>): void => {
  const users = group.userIds.map((id) => userOf(directory, id))
  if (users.length > usersOfGroup) {
    throw new Fault(
      'UserGroupQuotaExceededFault',
      `A user group can have at most ${usersOfGroup} users; ${users.length} were requested.`,
    )
  }
  const names = new Set<string>()
  for (const user of users) {
    if (names.has(user.name)) throw new Fault('DuplicateUserNameFault', `Two users of the group have the name ${user.name}.`)
    names.add(user.name)
    if (group.engine === 'redis' && user.engine === 'valkey')
      throw invalidValue(`The user ${user.id} is of engine valkey, and cannot be in a user group of engine redis.`)
  }
  if (group.engine === 'redis' && !names.has(defaultUserName)) {
    throw awsTexts.defaultUserRequired()
  }
}

/**
 * The names of those who are to log in by IAM and cannot, because the engine has no interface for it (nobody comes in as one of them). Throws
 * `InvalidParameterCombinationException` where the machine is the reason, or the home refuses what has no effect.
 */
export const checkIam = (
  context: ActionContext,
  users: readonly Pick<UserRecord, 'name' | 'authentication'>[],
  engine: UserEngine,
  version: string | null,
): readonly string[] => {
  const names = users.filter(({ authentication }) => authentication === 'iam').map(({ name }) => name)
  const whyNot = context.whyNoIam ?? (() => 'nobody verifies the tokens of IAM users')
  const reason = names.length === 0 ? null : whyNot(engine, version)
  if (reason === null) return []
  const isTooOld = version !== null && !engineCapabilities(engine, version).authCallbacks
  if (isTooOld && !isRefusing(context)) return names
  throw invalidCombination(`The user ${names[0]} has authentication mode iam, which is not possible here: ${reason}`)
}

/** What the engine is able to, not the version that is shown, decides who can log in. */
const servingVersion = (context: ActionContext, { engine, engineVersion }: Pick<GroupSpec, 'engine' | 'engineVersion'>): string =>
  servedBy(context.catalog.list(), engine, engineVersion)?.version ?? engineVersion

const userGroupOn = (
  context: ActionContext,
  id: string,
  users: readonly ClientUser[],
  spec: Pick<GroupSpec, 'engine' | 'engineVersion'>,
): NonNullable<GroupSpec['userGroup']> => {
  const withoutLogin = spec.engine === 'memcached' ? [] : checkIam(context, users, spec.engine, servingVersion(context, spec))
  return { id, users, ...(withoutLogin.length === 0 ? {} : { withoutLogin }) }
}

/** Who may use a replication group that has this user group. `operations` are to be written with what comes to rest on it. */
export const userGroupFor = async (
  context: ActionContext,
  id: string,
  spec: Pick<GroupSpec, 'engine' | 'engineVersion'>,
): Promise<{
  readonly userGroup: NonNullable<GroupSpec['userGroup']>
  readonly conditions: readonly Condition[]
  readonly operations: readonly Operation[]
}> => {
  const directory = await readDirectory(context)
  const group = userGroupOf(directory, id)
  if (spec.engine === 'memcached' || (spec.engine === 'redis' && group.engine === 'valkey'))
    throw invalidCombination(
      `The user group ${group.id} is of engine ${group.engine}, the replication group of engine ${spec.engine}.`,
    )
  const users = clientUsersOf(directory, group)
  const userGroup = userGroupOn(context, group.id, users, spec)
  const touched = touching(directory, [userGroupKey(context.region, group.id)])
  const asTheyAre = group.userIds.flatMap((userId) => asSeen(directory, userKey(context.region, userId)))
  return { userGroup, ...touched, conditions: [...touched.conditions, ...asTheyAre] }
}

/**
 * Replication groups after a change of users or user groups: their specs with the users of now. To be written in one transaction with the
 * change itself, on the condition that the records of all groups of users with them are as they were.
 */
export const carriedOver = (
  context: ActionContext,
  before: Directory,
  after: Pick<Directory, 'users' | 'groups'>,
  groupIds: readonly string[],
): {
  readonly conditions: readonly Condition[]
  readonly operations: readonly Operation[]
  readonly events: readonly Happening[]
} => {
  const next: Directory = { ...before, ...after }
  const conditions: Condition[] = groupIds.flatMap((id) => asSeen(before, userGroupKey(context.region, id)))
  const operations: Operation[] = []
  const events: Happening[] = []
  for (const id of groupIds) {
    const group = next.groups.get(id)
    if (group === undefined) continue
    const users = clientUsersOf(next, group)
    for (const spec of specsWith(before, id)) {
      const userGroup = userGroupOn(context, id, users, spec.value)
      const changed: GroupSpec = { ...spec.value, userGroup, generation: spec.value.generation + 1 }
      conditions.push(unchanged(spec))
      operations.push(put(spec.key, changed))
      events.push(...tellWithoutEffect(context, spec.value, changed))
    }
  }
  return { conditions, operations, events }
}

/** Are the nodes of all these replication groups as they are to be? */
export const areSettled = async (context: ActionContext, specs: readonly Versioned<GroupSpec>[]): Promise<boolean> => {
  const settled = await Promise.all(
    specs.map(async ({ value }) => {
      const state = await readRecord<GroupState>(context.store, stateKey(value))
      return (state?.value.generation ?? 0) >= value.generation
    }),
  )
  return settled.every(Boolean)
}

/** Ids of requests, each once, in lower case. */
export const idsOf = (values: readonly string[] | undefined): readonly string[] => [
  ...new Set((values ?? []).map((value) => value.toLowerCase()).filter(isStorable)),
]
