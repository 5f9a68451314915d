/** Who may come in: everybody, whoever has one of the tokens of Redis AUTH, or the users of a user group. */
import type { GroupSpec } from '../model/group.ts'
import { accessDigest, type ClientAccess, defaultUserName, openAccess } from '../model/users.ts'
import type { Action } from './actions.ts'
import { allFactsOf, type GroupInput, isServing } from './input.ts'

type Given = Pick<GroupSpec, 'auth' | 'userGroup'>

export const accessOf = ({ auth, userGroup }: Given): ClientAccess => {
  if (userGroup !== undefined) return { users: userGroup.users }
  if (auth === undefined || auth.optional) return openAccess
  const everything = openAccess.users.map(({ accessString }) => accessString).join()
  return {
    users: [{ name: defaultUserName, authentication: 'password', passwords: auth.tokens, accessString: everything }],
  }
}

/** The same text for the same access: what a node was told is compared by it. */
export const accessText = (spec: Given): string =>
  spec.auth === undefined && spec.userGroup === undefined ? 'open' : accessDigest(accessOf(spec))

/** All nodes at once: who may come in may do so everywhere. */
export const decideAccess = (input: GroupInput): readonly Action[] => {
  const wanted = accessText(input.spec)
  return input.spec.shards
    .flatMap((shard) => allFactsOf(input, shard).filter(isServing))
    .filter(
      (node) => (node.state.access ?? 'open') !== wanted && (input.spec.kind !== 'memcached' || input.spec.auth !== undefined),
    )
    .map((node) => ({ do: 'access', node: node.spec.id }))
}
