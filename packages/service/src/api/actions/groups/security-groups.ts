import { invalidValue } from '../../../errors.ts'
import type { Condition } from '../../../ports/store.ts'
import type { ActionContext } from '../../action.ts'
import { readGroup } from '../../ec2/find.ts'

const mostGroups = 5

interface SecurityGroupInput {
  readonly SecurityGroupIds?: readonly string[] | undefined
}

export interface SecurityGroupChange {
  /** To be spread over the labels of the group. */
  readonly labels: { readonly securityGroupIds?: readonly string[] }
  /** That the security groups are still there when the group is written. */
  readonly conditions: readonly Condition[]
}

/**
 * The security groups of a request, each of which exists; an empty list is none, as on AWS. Throws `InvalidParameterValueException`, also where they could
 * not be put in force: somebody would rely on a protection that is not there.
 */
export const wantedSecurityGroups = async (context: ActionContext, input: SecurityGroupInput): Promise<SecurityGroupChange> => {
  const ids = [...new Set(input.SecurityGroupIds ?? [])]
  if (ids.length === 0) return { labels: {}, conditions: [] }
  if (ids.length > mostGroups)
    throw invalidValue(`SecurityGroupIds: at most ${mostGroups} security groups can be given, found ${ids.length}.`)
  const found = await Promise.all(ids.map((id) => readGroup(context, id)))
  const missing = ids.filter((_id, index) => found[index] === null)
  if (missing.length > 0)
    throw invalidValue(`Some security group IDs are invalid: [${missing.map((id) => id.slice(0, 100)).join(', ')}] do not exist.`)
  const reason = (await context.whyUnguarded?.()) ?? null
  if (reason !== null) throw invalidValue(`SecurityGroupIds: ${reason}.`)
  return { labels: { securityGroupIds: ids }, conditions: found.flatMap((group) => (group === null ? [] : [group.condition])) }
}
