/**
 * Users and user groups. A user has an access string and a way to show who he is; a group of users is given to replication groups, which hold a
 * copy of what concerns their nodes (`GroupSpec.userGroup`), written in one transaction with the user or group.
 */
import { createHash } from 'node:crypto'
import { invalidCombination, invalidValue } from '../errors.ts'
import { parseAccessString } from './access-string.ts'
import type { Tag } from './group.ts'

export type UserEngine = 'valkey' | 'redis'
export type AuthenticationType = 'password' | 'no-password-required' | 'iam'

export interface UserRecord {
  readonly region: string
  readonly id: string
  /** As clients log in; unique within a user group. */
  readonly name: string
  readonly engine: UserEngine
  /** Words with one space between them. */
  readonly accessString: string
  readonly authentication: AuthenticationType
  /** SHA-256 in hexadecimal, at most two; empty unless by password. */
  readonly passwords: readonly string[]
  readonly tags: readonly Tag[]
}

export interface UserGroupRecord {
  readonly region: string
  readonly id: string
  readonly engine: UserEngine
  readonly userIds: readonly string[]
  readonly tags: readonly Tag[]
}

/** What a node has to know of a user. */
export interface ClientUser {
  readonly name: string
  readonly authentication: AuthenticationType
  readonly passwords: readonly string[]
  readonly accessString: string
}

/** Who may come in: these and nobody else. */
export interface ClientAccess {
  readonly users: readonly ClientUser[]
}

export const userKey = (region: string, id: string): string => `user/${region}/${id}`
export const userGroupKey = (region: string, id: string): string => `usergroup/${region}/${id}`

export const defaultUserName = 'default'

/** There without anybody making it; it cannot be changed. Other users may have its name, and stand in a group in its place. */
export const defaultUser = (region: string): UserRecord => ({
  region,
  id: defaultUserName,
  name: defaultUserName,
  engine: 'redis',
  accessString: 'on ~* +@all',
  authentication: 'no-password-required',
  passwords: [],
  tags: [],
})

/** Everybody may do everything that clients may do at all. */
export const openAccess: ClientAccess = {
  users: [{ name: defaultUserName, authentication: 'no-password-required', passwords: [], accessString: 'on ~* &* +@all' }],
}

/** The same text for the same access, with nothing of it in it. */
export const accessDigest = (access: ClientAccess): string => createHash('sha256').update(JSON.stringify(access)).digest('hex')

export const usersOfGroup = 100
export const usersInRegion = 1_000
export const userGroupsInRegion = 100
const passwordsOfUser = 2

/** SHA-256 of passwords. Throws `InvalidParameterValueException`; no password is in its message. */
export const passwordHashes = (passwords: readonly string[]): readonly string[] => {
  if (passwords.length === 0) throw invalidValue('At least one password must be given for authentication by password.')
  if (passwords.length > passwordsOfUser)
    throw invalidValue(`A user can have at most ${passwordsOfUser} passwords, found ${passwords.length}.`)
  for (const password of passwords) {
    if (!/^[\x21-\x7e]{16,128}$/.test(password) || /[,"/@]/.test(password)) {
      throw invalidValue(
        'Passwords length must be between 16-128 characters. Only printable ASCII characters are allowed, without space and without , " / and @.',
      )
    }
  }
  return [...new Set(passwords.map((password) => createHash('sha256').update(password).digest('hex')))]
}

/** Users by which Larder itself comes in. */
const reserved: ReadonlySet<string> = new Set(['larder', 'larder-replication'])

/** Names are words of the engine's configuration. Throws `InvalidParameterValueException`. */
export const userName = (value: string): string => {
  if (!/^[A-Za-z0-9._+:@%-]{1,120}$/.test(value)) {
    throw invalidValue(
      `The user name must have 1 to 120 characters: letters, digits, and . _ + : @ % -. Found: ${value.slice(0, 120)}`,
    )
  }
  if (reserved.has(value)) throw invalidValue(`The user name ${value} is reserved.`)
  return value
}

export const accessString = (text: string): string => {
  parseAccessString(text)
  return text.split(' ').filter(Boolean).join(' ')
}

/** As AWS has it, so that the name in a token is the id in the policy. */
export const checkIamUser = (user: Pick<UserRecord, 'id' | 'name' | 'authentication'>): void => {
  if (user.authentication === 'iam' && user.id !== user.name)
    throw invalidCombination('For a user with authentication mode iam, UserId and UserName must be the same.')
}

/** The oldest version of the engine that can have the user. */
export const minimumVersion = ({ engine, authentication }: Pick<UserRecord, 'engine' | 'authentication'>): string =>
  engine === 'valkey' ? '7.2' : authentication === 'iam' ? '7.0' : '6.0'

export const clientUserOf = ({ name, authentication, passwords, accessString: access }: UserRecord): ClientUser => ({
  name,
  authentication,
  passwords,
  accessString: access,
})
