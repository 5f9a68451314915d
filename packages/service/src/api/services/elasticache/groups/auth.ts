/** Redis AUTH in requests. No message holds a token. */
import { invalidCombination } from '../../../../errors.ts'
import { authTokenHash } from '../../../../model/auth-token.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import type { AuthSpec, GroupSpec } from '../../../../model/group.ts'
import { leavesUserGroup } from './user-groups.ts'
import { oneOf } from './values.ts'

/** Tokens of a new group. Throws `InvalidParameterValueException`, and `InvalidParameterCombinationException` without TLS. */
export const newAuth = (token: string | undefined, isEncrypted: boolean, now: number): { readonly auth?: AuthSpec } => {
  if (token === undefined) return {}
  const hash = authTokenHash(token)
  if (!isEncrypted) throw invalidCombination('AuthToken can be given only together with TransitEncryptionEnabled.')
  return { auth: { tokens: [hash], optional: false, modifiedAt: now } }
}

export interface AuthWish {
  readonly AuthToken?: string | undefined
  readonly AuthTokenUpdateStrategy?: string | undefined
  readonly ApplyImmediately?: boolean | undefined
  readonly UserGroupIdsToAdd?: readonly string[] | undefined
  readonly UserGroupIdsToRemove?: readonly string[] | undefined
  readonly RemoveUserGroups?: boolean | undefined
}

/**
 * The tokens after a modification. ROTATE adds one, the two newest are valid; where there was none, clients without one are still let in.
 * SET leaves the one that was added last, and of a group that had none it asks for the token at once. DELETE takes all of them, for users.
 */
export const changedAuth = (spec: GroupSpec, input: AuthWish, now: number): { readonly auth?: AuthSpec } => {
  const present = spec.auth === undefined ? {} : { auth: spec.auth }
  const strategy = oneOf('AuthTokenUpdateStrategy', input.AuthTokenUpdateStrategy, ['set', 'rotate', 'delete'] as const)
  if (strategy === 'delete') {
    const leads = (input.UserGroupIdsToAdd ?? []).length > 0
    if (input.AuthToken !== undefined || spec.auth === undefined || !leads)
      throw invalidCombination(
        'AuthTokenUpdateStrategy DELETE is for moving from an AuthToken to user groups: with UserGroupIdsToAdd, and without AuthToken.',
      )
    return {}
  }
  if (input.AuthToken === undefined) {
    if (strategy === undefined) return present
    throw invalidCombination(`AuthTokenUpdateStrategy ${strategy.toUpperCase()} needs an AuthToken.`)
  }
  const hash = authTokenHash(input.AuthToken)
  if (spec.transitEncryption === undefined)
    throw invalidCombination('AuthToken can be given only for a replication group with encryption in transit.')
  if (input.ApplyImmediately !== true) throw invalidCombination('AuthToken can be changed only with ApplyImmediately.')
  if (spec.userGroup !== undefined) {
    if (!leavesUserGroup(spec, input)) throw awsTexts.tokenWithUserGroup()
    if (strategy !== 'set')
      throw invalidCombination('To move from a user group to an AuthToken, give AuthTokenUpdateStrategy SET.')
    return { auth: { tokens: [hash], optional: false, modifiedAt: now } }
  }
  if (strategy !== 'set') {
    const tokens = [...(spec.auth?.tokens ?? []).filter((token) => token !== hash), hash].slice(-2)
    return { auth: { tokens, optional: spec.auth?.optional ?? true, modifiedAt: now } }
  }
  if (spec.auth !== undefined && !spec.auth.tokens.includes(hash))
    throw invalidCombination('The strategy SET can follow only the strategy ROTATE with the same AuthToken.')
  return { auth: { tokens: [hash], optional: false, modifiedAt: now } }
}
