/**
 * Who may call the API. A user has one record with its access keys and policies in it, so that no policy outlives its user and every
 * limit is kept by one compare-and-set; a second record leads from an access key to its user.
 */
import type { Tag } from './group.ts'

export type AccessKeyStatus = 'Active' | 'Inactive'

export interface IamAccessKey {
  /** `AKIA` and 16 letters and digits. */
  readonly id: string
  /** Signatures need the key itself: it is sealed, for the purpose `accessKeyPurpose(id)`. */
  readonly sealedSecret: string
  readonly status: AccessKeyStatus
  /** Milliseconds since 1970. */
  readonly createdAt: number
}

export interface IamPolicy {
  readonly name: string
  /** The JSON text as it was given. */
  readonly document: string
}

export interface IamUser {
  readonly name: string
  /** Begins and ends with a slash. */
  readonly path: string
  /** `AIDA` and 17 letters and digits; never given out again. */
  readonly id: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly tags: readonly Tag[]
  readonly accessKeys: readonly IamAccessKey[]
  readonly policies: readonly IamPolicy[]
}

/** `iam/key/<access key id>` */
export interface AccessKeyIndex {
  /** The user's name as it was given. */
  readonly user: string
}

export const iamUserPrefix = 'iam/user/'
/** Names are not distinguished by case: there is one `Bob` or one `bob`. */
export const iamUserKey = (name: string): string => `${iamUserPrefix}${name.toLowerCase()}`
export const iamAccessKeyKey = (id: string): string => `iam/key/${id}`

export const accessKeyPurpose = (id: string): string => `iam access key ${id}`
/** Texts of another form are never looked up. */
export const isAccessKeyId = (text: string): boolean => /^AKIA[A-Z2-7]{16}$/.test(text)

export const iamUserArn = (account: string, user: { readonly path: string; readonly name: string }): string =>
  `arn:aws:iam::${account}:user${user.path}${user.name}`
export const rootArn = (account: string): string => `arn:aws:iam::${account}:root`

/** Source: "IAM and AWS STS quotas". White space in policies does not count. */
export const accessKeysOfUser = 2
export const policyCharactersOfUser = 2_048
export const usersOfAccount = 5_000
