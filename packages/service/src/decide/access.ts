/** What clients need to come in: nothing, or one of the tokens of Redis AUTH. */
import type { GroupSpec } from '../model/group.ts'
import type { Action } from './actions.ts'
import { allFactsOf, type GroupInput, isServing } from './input.ts'

/** The same text for the same access: what a node was told is compared by it. */
export const accessText = ({ auth }: Pick<GroupSpec, 'auth'>): string =>
  auth === undefined ? 'open' : [auth.optional ? 'optional' : 'required', ...auth.tokens].join(' ')

/** All nodes at once: a token that is valid is so everywhere. */
export const decideAccess = (input: GroupInput): readonly Action[] => {
  const wanted = accessText(input.spec)
  return input.spec.shards
    .flatMap((shard) => allFactsOf(input, shard).filter(isServing))
    .filter((node) => (node.state.access ?? 'open') !== wanted && input.spec.kind !== 'memcached')
    .map((node) => ({ do: 'access', node: node.spec.id }))
}
