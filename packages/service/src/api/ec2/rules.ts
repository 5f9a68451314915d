/** Authorize and Revoke of security group rules, in both directions, and DescribeSecurityGroupRules. */
import { Fault } from '../../errors.ts'
import {
  defaultSecurityGroupName,
  meaningOf,
  type SecurityGroupRecord,
  type SecurityGroupRule,
} from '../../model/security-groups.ts'
import { put } from '../../ports/records.ts'
import type { ActionContext } from '../action.ts'
import { untilWritten, write } from '../writing.ts'
import { allGroups, groupOf } from './find.ts'
import type { Ec2Operation } from './groups.ts'
import { newRule, ruleText, ruleXml, type ShownRule, wantedRules } from './permissions.ts'
import { element, filterOf, items, listOf, type Parameters, pageOf, refuseDryRun, refuseOthers } from './wire.ts'

type Direction = 'ingress' | 'egress'

const mostRules = 60
const short = ['CidrIp', 'FromPort', 'ToPort', 'IpProtocol', 'SourceSecurityGroupName', 'SourceSecurityGroupOwnerId']
const common = ['GroupId', 'GroupName', 'IpPermissions', ...short]

/**
 * The group `default` lets everybody in until somebody changes it; where rules cannot be put in force that must not be promised.
 * Throws `UnsupportedOperation`.
 */
const refuseUnguarded = async (context: ActionContext, group: SecurityGroupRecord, direction: Direction): Promise<void> => {
  if (group.name !== defaultSecurityGroupName || direction === 'egress') return
  const reason = (await context.whyUnguarded?.()) ?? null
  if (reason !== null) throw new Fault('UnsupportedOperation', `The default security group cannot be changed: ${reason}`)
}

const change = async (
  parameters: Parameters,
  context: ActionContext,
  direction: Direction,
  changed: (group: SecurityGroupRecord) => Promise<readonly [rules: readonly SecurityGroupRule[], answer: string]>,
): Promise<string> =>
  untilWritten('the security group', async () => {
    const { key, value, condition } = await groupOf(context, parameters)
    const [rules, answer] = await changed(value)
    await refuseUnguarded(context, value, direction)
    refuseDryRun(parameters)
    const record: SecurityGroupRecord = { ...value, [direction]: rules }
    if (!(await write(context, [condition], [put(key, record)], []))) return null
    await context.enforced?.()
    return answer
  })

const authorize =
  (direction: Direction): Ec2Operation =>
  (parameters, context) => {
    refuseOthers(parameters, [...common, 'TagSpecification'])
    return change(parameters, context, direction, async (group) => {
      const wanted = await wantedRules(context, parameters)
      const present = new Set(group[direction].map(meaningOf))
      const twice = wanted.find((rule) => present.has(meaningOf(rule)))
      if (twice !== undefined)
        throw new Fault('InvalidPermission.Duplicate', `the specified rule "${ruleText(twice)}" already exists`)
      const rules = [...group[direction], ...wanted.map(newRule)]
      if (rules.length > mostRules) {
        throw new Fault(
          'RulesPerSecurityGroupLimitExceeded',
          `The maximum number of rules per security group is ${mostRules}; ${rules.length} were requested.`,
        )
      }
      const added = rules.slice(group[direction].length)
      const shown = added.map((rule) => ruleXml({ groupId: group.id, rule, egress: direction === 'egress' }, context.account))
      return [rules, element('return', true) + items('securityGroupRuleSet', shown)]
    })
  }

const byIds = (group: SecurityGroupRecord, direction: Direction, ids: readonly string[]): readonly SecurityGroupRule[] => {
  const missing = ids.find((id) => !group[direction].some((rule) => rule.id === id))
  if (missing !== undefined) {
    throw new Fault('InvalidSecurityGroupRuleId.NotFound', `The security group rule ID '${missing.slice(0, 100)}' does not exist`)
  }
  return group[direction].filter((rule) => ids.includes(rule.id))
}

const byMeaning = async (
  parameters: Parameters,
  context: ActionContext,
  group: SecurityGroupRecord,
  direction: Direction,
): Promise<readonly SecurityGroupRule[]> => {
  const wanted = await wantedRules(context, parameters)
  return wanted.map((rule) => {
    const found = group[direction].find((present) => meaningOf(present) === meaningOf(rule))
    if (found === undefined)
      throw new Fault('InvalidPermission.NotFound', 'The specified rule does not exist in this security group.')
    return found
  })
}

const revoke =
  (direction: Direction): Ec2Operation =>
  (parameters, context) => {
    refuseOthers(parameters, [...common, 'SecurityGroupRuleId'])
    const ids = listOf(parameters, 'SecurityGroupRuleId')
    return change(parameters, context, direction, async (group) => {
      const leaving = ids.length > 0 ? byIds(group, direction, ids) : await byMeaning(parameters, context, group, direction)
      return [group[direction].filter((rule) => !leaving.includes(rule)), element('return', true)]
    })
  }

export const authorizeSecurityGroupIngress = authorize('ingress')
export const authorizeSecurityGroupEgress = authorize('egress')
export const revokeSecurityGroupIngress = revoke('ingress')
export const revokeSecurityGroupEgress = revoke('egress')

export const describeSecurityGroupRules: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['SecurityGroupRuleId', 'Filter', 'MaxResults', 'NextToken'])
  refuseDryRun(parameters)
  const rules = (await allGroups(context)).flatMap((group): readonly ShownRule[] => [
    ...group.ingress.map((rule) => ({ groupId: group.id, rule, egress: false })),
    ...group.egress.map((rule) => ({ groupId: group.id, rule, egress: true })),
  ])
  const ids = listOf(parameters, 'SecurityGroupRuleId')
  const missing = ids.find((id) => !rules.some(({ rule }) => rule.id === id))
  if (missing !== undefined) {
    throw new Fault('InvalidSecurityGroupRuleId.NotFound', `The security group rule ID '${missing.slice(0, 100)}' does not exist`)
  }
  const meets = filterOf<ShownRule>(parameters, {
    'group-id': ({ groupId }) => [groupId],
    'security-group-rule-id': ({ rule }) => [rule.id],
  })
  const found = rules.filter((shown) => (ids.length === 0 || ids.includes(shown.rule.id)) && meets(shown))
  const sorted = found.toSorted((a, b) => (a.rule.id < b.rule.id ? -1 : 1))
  const { page, next } = pageOf(parameters, sorted, ({ rule }) => rule.id)
  return (
    items(
      'securityGroupRuleSet',
      page.map((shown) => ruleXml(shown, context.account)),
    ) + next
  )
}
