import { namedSecurityGroups } from '../model/used-security-groups.ts'
import type { Action } from './actions.ts'
import type { GroupInput } from './input.ts'

/** Users see which security groups are in force. The firewall follows the store by itself; this waits for it. */
export const decideGuard = ({ spec, state }: GroupInput): readonly Action[] => {
  const securityGroups = namedSecurityGroups(spec)
  return `${securityGroups}` === `${state.securityGroups ?? []}` ? [] : [{ do: 'guard', securityGroups }]
}
