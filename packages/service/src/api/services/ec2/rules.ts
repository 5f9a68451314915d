/** Authorize, Revoke and changes of security group rules, in both directions, and DescribeSecurityGroupRules. */
import { Fault } from '../../../errors.ts'
import {
  defaultSecurityGroupName,
  meaningOf,
  type SecurityGroupRecord,
  type SecurityGroupRule,
} from '../../../model/security-groups.ts'
import { put } from '../../../ports/records.ts'
import type { ActionContext } from '../../action.ts'
import {
  element,
  filterOf,
  items,
  listOf,
  needed,
  type Parameters,
  pageOf,
  refuseDryRun,
  refuseOthers,
  structuresOf,
} from '../../protocols/ec2.ts'
import { untilWritten, write } from '../../writing.ts'
import { allGroups, groupOf } from './find.ts'
import type { Ec2Operation } from './groups.ts'
import {
  newRule,
  ruleDescription,
  ruleText,
  ruleXml,
  type ShownRule,
  type WantedRule,
  wantedRule,
  wantedRules,
} from './permissions.ts'
import { tagsOfNew } from './tags.ts'

type Direction = 'ingress' | 'egress'

const mostRules = 60
const short = ['CidrIp', 'FromPort', 'ToPort', 'IpProtocol', 'SourceSecurityGroupName', 'SourceSecurityGroupOwnerId']
const common = ['GroupId', 'GroupName', 'IpPermissions', ...short]

/**
 * The group `default` lets everybody in until somebody changes it; where rules cannot be put in force that must not be promised.
 * Throws `UnsupportedOperation`.
 */
const refuseUnguarded = async (context: ActionContext, group: SecurityGroupRecord): Promise<void> => {
  if (group.name !== defaultSecurityGroupName) return
  const reason = (await context.whyUnguarded?.()) ?? null
  if (reason !== null) throw new Fault('UnsupportedOperation', `The default security group cannot be changed: ${reason}`)
}

type Rules = Pick<SecurityGroupRecord, Direction>

/** Resolves when the rules are in force. */
const changeGroup = async (
  parameters: Parameters,
  context: ActionContext,
  changed: (group: SecurityGroupRecord) => Promise<readonly [rules: Partial<Rules>, answer: string]>,
): Promise<string> =>
  untilWritten('the security group', async () => {
    const { key, value, condition } = await groupOf(context, parameters)
    const [rules, answer] = await changed(value)
    if (rules.ingress !== undefined) await refuseUnguarded(context, value)
    refuseDryRun(parameters)
    if (!(await write(context, [condition], [put(key, { ...value, ...rules })], []))) return null
    await context.enforced?.()
    return answer
  })

const change = (
  parameters: Parameters,
  context: ActionContext,
  direction: Direction,
  changed: (group: SecurityGroupRecord) => Promise<readonly [rules: readonly SecurityGroupRule[], answer: string]>,
): Promise<string> =>
  changeGroup(parameters, context, async (group) => {
    const [rules, answer] = await changed(group)
    return [direction === 'ingress' ? { ingress: rules } : { egress: rules }, answer]
  })

const tooMany = (count: number): Fault =>
  new Fault(
    'RulesPerSecurityGroupLimitExceeded',
    `The maximum number of rules per security group is ${mostRules}; ${count} were requested.`,
  )

const duplicate = (rule: WantedRule): Fault =>
  new Fault('InvalidPermission.Duplicate', `the specified rule "${ruleText(rule)}" already exists`)

const authorize =
  (direction: Direction): Ec2Operation =>
  (parameters, context) => {
    refuseOthers(parameters, [...common, 'TagSpecification'])
    const tags = tagsOfNew(parameters, 'security-group-rule')
    return change(parameters, context, direction, async (group) => {
      const wanted = await wantedRules(context, parameters)
      const present = new Set(group[direction].map(meaningOf))
      const twice = wanted.find((rule) => present.has(meaningOf(rule)))
      if (twice !== undefined) throw duplicate(twice)
      const added = wanted.map((rule) => ({ ...newRule(rule), ...(tags.length === 0 ? {} : { tags }) }))
      const rules: readonly SecurityGroupRule[] = [...group[direction], ...added]
      if (rules.length > mostRules) throw tooMany(rules.length)
      const shown = added.map((rule) => ruleXml({ groupId: group.id, rule, egress: direction === 'egress' }, context))
      return [rules, element('return', true) + items('securityGroupRuleSet', shown)]
    })
  }

const ruleNotFound = (id: string): Fault =>
  new Fault('InvalidSecurityGroupRuleId.NotFound', `The security group rule ID '${id.slice(0, 100)}' does not exist`)

const byIds = (group: SecurityGroupRecord, direction: Direction, ids: readonly string[]): readonly SecurityGroupRule[] => {
  const missing = ids.find((id) => !group[direction].some((rule) => rule.id === id))
  if (missing !== undefined) throw ruleNotFound(missing)
  return group[direction].filter((rule) => ids.includes(rule.id))
}

const byMeaning = async (
  parameters: Parameters,
  context: ActionContext,
  group: SecurityGroupRecord,
  direction: Direction,
): Promise<readonly { readonly id: string; readonly wanted: WantedRule }[]> => {
  const all = await wantedRules(context, parameters)
  return all.map((wanted) => {
    const found = group[direction].find((present) => meaningOf(present) === meaningOf(wanted))
    if (found === undefined)
      throw new Fault('InvalidPermission.NotFound', 'The specified rule does not exist in this security group.')
    return { id: found.id, wanted }
  })
}

const revoke =
  (direction: Direction): Ec2Operation =>
  (parameters, context) => {
    refuseOthers(parameters, [...common, 'SecurityGroupRuleId'])
    const ids = listOf(parameters, 'SecurityGroupRuleId')
    return change(parameters, context, direction, async (group) => {
      const leaving = ids.length > 0 ? byIds(group, direction, ids) : await byMeaning(parameters, context, group, direction)
      const left = group[direction].filter((rule) => !leaving.some(({ id }) => id === rule.id))
      return [left, element('return', true)]
    })
  }

/** Each rule keeps its id and its tags. */
export const modifySecurityGroupRules: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['GroupId', 'SecurityGroupRule'])
  needed(parameters, 'GroupId')
  const updates = structuresOf(parameters, 'SecurityGroupRule')
  if (updates.length === 0) throw new Fault('MissingParameter', 'The request must contain the parameter SecurityGroupRule')
  const changed = new Map<string, WantedRule>()
  for (const update of updates) {
    const id = needed(update, 'SecurityGroupRuleId')
    if (changed.has(id))
      throw new Fault('InvalidParameterValue', `The security group rule ID '${id.slice(0, 100)}' is given twice`)
    const given = [...update].flatMap(([name, value]) =>
      name.startsWith('SecurityGroupRule.') ? [[name.slice('SecurityGroupRule.'.length), value] as const] : [],
    )
    changed.set(id, await wantedRule(context, new Map(given)))
  }
  return changeGroup(parameters, context, async (group) => {
    const missing = [...changed.keys()].find((id) => ![...group.ingress, ...group.egress].some((rule) => rule.id === id))
    if (missing !== undefined) throw ruleNotFound(missing)
    const next = (rules: readonly SecurityGroupRule[]): readonly SecurityGroupRule[] => {
      const all = rules.map((rule): SecurityGroupRule => {
        const wanted = changed.get(rule.id)
        return wanted === undefined ? rule : { ...wanted, id: rule.id, ...(rule.tags === undefined ? {} : { tags: rule.tags }) }
      })
      const twice = all.find((rule, index) => all.findIndex((other) => meaningOf(other) === meaningOf(rule)) !== index)
      if (twice !== undefined) throw duplicate(twice)
      return all
    }
    const directions = (['ingress', 'egress'] as const).filter((each) => group[each].some(({ id }) => changed.has(id)))
    const rules = Object.fromEntries(directions.map((direction) => [direction, next(group[direction])])) as Partial<Rules>
    return [rules, element('return', true)]
  })
}

const describeAnew =
  (direction: Direction): Ec2Operation =>
  (parameters, context) => {
    refuseOthers(parameters, [...common, 'SecurityGroupRuleDescription'])
    const given = structuresOf(parameters, 'SecurityGroupRuleDescription')
    return change(parameters, context, direction, async (group) => {
      const texts = new Map<string, string | undefined>()
      if (given.length > 0) {
        for (const each of given) texts.set(needed(each, 'SecurityGroupRuleId'), each.get('Description'))
        byIds(group, direction, [...texts.keys()])
      } else {
        for (const { id, wanted } of await byMeaning(parameters, context, group, direction)) texts.set(id, wanted.description)
      }
      const rules = group[direction].map((rule): SecurityGroupRule => {
        if (!texts.has(rule.id)) return rule
        const { description: _before, ...rest } = rule
        return { ...rest, ...ruleDescription(texts.get(rule.id)) }
      })
      return [rules, element('return', true)]
    })
  }

export const authorizeSecurityGroupIngress = authorize('ingress')
export const authorizeSecurityGroupEgress = authorize('egress')
export const revokeSecurityGroupIngress = revoke('ingress')
export const revokeSecurityGroupEgress = revoke('egress')
export const updateSecurityGroupRuleDescriptionsIngress = describeAnew('ingress')
export const updateSecurityGroupRuleDescriptionsEgress = describeAnew('egress')

export const describeSecurityGroupRules: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['SecurityGroupRuleId', 'Filter', 'MaxResults', 'NextToken'])
  refuseDryRun(parameters)
  const rules = (await allGroups(context)).flatMap((group): readonly ShownRule[] => [
    ...group.ingress.map((rule) => ({ groupId: group.id, rule, egress: false })),
    ...group.egress.map((rule) => ({ groupId: group.id, rule, egress: true })),
  ])
  const ids = listOf(parameters, 'SecurityGroupRuleId')
  const missing = ids.find((id) => !rules.some(({ rule }) => rule.id === id))
  if (missing !== undefined) throw ruleNotFound(missing)
  const filters = {
    'group-id': ({ groupId }: ShownRule) => [groupId],
    'security-group-rule-id': ({ rule }: ShownRule) => [rule.id],
  }
  const meets = filterOf(parameters, filters, ({ rule }) => rule.tags ?? [])
  const found = rules.filter((shown) => (ids.length === 0 || ids.includes(shown.rule.id)) && meets(shown))
  const sorted = found.toSorted((a, b) => (a.rule.id < b.rule.id ? -1 : 1))
  const { page, next } = pageOf(parameters, sorted, ({ rule }) => rule.id)
  return (
    items(
      'securityGroupRuleSet',
      page.map((shown) => ruleXml(shown, context)),
    ) + next
  )
}
