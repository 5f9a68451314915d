/**
 * Tokens of Memcached clusters. AWS has none: they are asked for and rotated as those of Redis AUTH, which the same members of the requests are
 * for. Nodes need them in plain text, so they are kept sealed beside their hashes. See docs/decisions/0013-memcached-auth.md.
 */
import { invalidCombination } from '../../../../errors.ts'
import type { AuthSpec, GroupSpec } from '../../../../model/group.ts'
import { tokenPurpose } from '../../../../model/memcached.ts'
import type { ActionContext } from '../../../action.ts'
import { type AuthWish, changedAuth, newAuth } from './auth.ts'

type Auth = { readonly auth?: AuthSpec }
type Named = Pick<GroupSpec, 'region' | 'id'>

/** As `newAuth`. */
export const newMemcachedAuth = (context: ActionContext, spec: Named, token: string | undefined, isEncrypted: boolean): Auth => {
  const { auth } = newAuth(token, isEncrypted, context.clock.now())
  if (auth === undefined || token === undefined) return {}
  return { auth: { ...auth, sealed: [context.sealer.seal(token, tokenPurpose(spec))] } }
}

/** As `changedAuth`; throws `InvalidParameterCombinationException` where a node would have to start anew for it. */
export const changedMemcachedAuth = (context: ActionContext, spec: GroupSpec, input: AuthWish): Auth => {
  const { AuthToken: token, AuthTokenUpdateStrategy: strategy } = input
  if (token === undefined && strategy === undefined) return spec.auth === undefined ? {} : { auth: spec.auth }
  if (spec.auth === undefined)
    throw invalidCombination(
      'A Memcached cluster asks for an AuthToken from its start or never; create it with AuthToken and TransitEncryptionEnabled.',
    )
  if (strategy?.toUpperCase() === 'DELETE')
    throw invalidCombination('AuthTokenUpdateStrategy DELETE leads to user groups, which Memcached does not have.')
  const { tokens, sealed = [] } = spec.auth
  const { auth } = changedAuth(spec, input, context.clock.now())
  if (auth === undefined) return {}
  const sealedOf = (hash: string): string => sealed[tokens.indexOf(hash)] ?? context.sealer.seal(token ?? '', tokenPurpose(spec))
  return { auth: { ...auth, sealed: auth.tokens.map(sealedOf) } }
}
