import { invalidValue } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import type { GroupLabels } from '../../../../model/group.ts'
import { unchanged } from '../../../../ports/records.ts'
import type { Condition } from '../../../../ports/store.ts'
import type { ActionContext } from '../../../action.ts'
import { readGroup } from '../../ec2/find.ts'
import { findCacheSecurityGroup } from '../cache-security-groups/find.ts'

const mostGroups = 5

interface SecurityGroupInput {
  readonly SecurityGroupIds?: readonly string[] | undefined
  readonly CacheSecurityGroupNames?: readonly string[] | undefined
  /** Of a creation. */
  readonly CacheSubnetGroupName?: string | undefined
}

type SecurityLabels = Pick<GroupLabels, 'securityGroupIds' | 'cacheSecurityGroupNames'>

export interface SecurityGroupChange {
  /** To be spread over the labels of the group. */
  readonly labels: Partial<SecurityLabels>
  /** That the security groups are still there when the group is written. */
  readonly conditions: readonly Condition[]
}

const ec2Groups = async (context: ActionContext, ids: readonly string[]): Promise<readonly Condition[]> => {
  if (ids.length > mostGroups)
    throw invalidValue(`SecurityGroupIds: at most ${mostGroups} security groups can be given, found ${ids.length}.`)
  const found = await Promise.all(ids.map((id) => readGroup(context, id)))
  const missing = ids.filter((_id, index) => found[index] === null)
  if (missing.length > 0)
    throw invalidValue(`Some security group IDs are invalid: [${missing.map((id) => id.slice(0, 100)).join(', ')}] do not exist.`)
  return found.flatMap((group) => (group === null ? [] : [group.condition]))
}

/**
 * The security groups of a request, each of which exists; an empty list is none, as on AWS. `present`: those that a group has before.
 * Throws `InvalidParameterValueException`, also where they could not be put in force: somebody would rely on a protection that is not there;
 * `CacheSecurityGroupNotFoundFault`; and `InvalidParameterCombinationException` for both kinds at once.
 */
export const wantedSecurityGroups = async (
  context: ActionContext,
  input: SecurityGroupInput,
  present?: SecurityLabels,
): Promise<SecurityGroupChange> => {
  const ids = [...new Set(input.SecurityGroupIds ?? [])]
  const given = input.CacheSecurityGroupNames ?? []
  if (ids.length + given.length === 0) return { labels: {}, conditions: [] }
  const isInVpc = ids.length > 0 || (present?.securityGroupIds.length ?? 0) > 0 || Boolean(input.CacheSubnetGroupName)
  if (isInVpc && (given.length > 0 || (present?.cacheSecurityGroupNames.length ?? 0) > 0)) throw awsTexts.bothSecurityGroups()
  const conditions = await ec2Groups(context, ids)
  const named = await Promise.all(given.map((name) => findCacheSecurityGroup(context, name)))
  const reason = (await context.whyUnguarded?.()) ?? null
  if (reason !== null) throw invalidValue(`${ids.length > 0 ? 'SecurityGroupIds' : 'CacheSecurityGroupNames'}: ${reason}.`)
  const names = [...new Set(named.map(({ value }) => value.name))]
  return {
    labels: ids.length > 0 ? { securityGroupIds: ids } : { cacheSecurityGroupNames: names },
    conditions: [...conditions, ...named.map(unchanged)],
  }
}
