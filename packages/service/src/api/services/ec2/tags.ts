/** CreateTags, DeleteTags, DescribeTags, and the tags that come with something new. */
import { Fault } from '../../../errors.ts'
import type { Tag } from '../../../model/group.ts'
import { checkMembersTag, type SecurityGroupRecord, type SecurityGroupRule } from '../../../model/security-groups.ts'
import { checkTags } from '../../../model/tags.ts'
import { put } from '../../../ports/records.ts'
import type { Operation } from '../../../ports/store.ts'
import type { ActionContext } from '../../action.ts'
import {
  element,
  filterOf,
  items,
  listOf,
  type Parameters,
  pageOf,
  refuseDryRun,
  refuseOthers,
  structuresOf,
} from '../../protocols/ec2.ts'
import { untilWritten, write } from '../../writing.ts'
import { allGroups, type FoundGroup, groupById } from './find.ts'
import type { Ec2Operation } from './groups.ts'
import { allOf, findOf, kindOfId, kinds } from './resources.ts'

/** The tags of something after adding. Throws `InvalidParameterValueException`, `TagQuotaPerResourceExceeded`. */
const added = (present: readonly Tag[], given: readonly Parameters[]): readonly Tag[] =>
  checkTags(
    present,
    given.map((tag) => ({ Key: tag.get('Key') ?? '', Value: tag.get('Value') ?? '' })),
  )

/** Of a request that makes something of this type. Throws `InvalidParameterValue` for tags of something else, and as `checkTags`. */
export const tagsOfNew = (parameters: Parameters, type: string): readonly Tag[] => {
  const given = structuresOf(parameters, 'TagSpecification')
  const other = given.map((each) => each.get('ResourceType') ?? type).find((each) => each !== type)
  if (other !== undefined)
    throw new Fault(
      'InvalidParameterValue',
      `'${other.slice(0, 60)}' is not a valid taggable resource type for this operation; expected ${type}.`,
    )
  return added(
    [],
    given.flatMap((specification) => structuresOf(specification, 'Tag')),
  )
}

type Changed = (tags: readonly Tag[]) => readonly Tag[]

const groupWithRule = async (context: ActionContext, ruleId: string): Promise<FoundGroup> => {
  const group = (await allGroups(context)).find(({ ingress, egress }) => [...ingress, ...egress].some(({ id }) => id === ruleId))
  if (group === undefined)
    throw new Fault('InvalidSecurityGroupRuleId.NotFound', `The security group rule ID '${ruleId.slice(0, 100)}' does not exist`)
  return groupById(context, group.id)
}

const withRuleTags = (group: SecurityGroupRecord, ruleId: string, changed: Changed): SecurityGroupRecord => {
  const one = (rule: SecurityGroupRule): SecurityGroupRule =>
    rule.id === ruleId ? { ...rule, tags: changed(rule.tags ?? []) } : rule
  return { ...group, ingress: group.ingress.map(one), egress: group.egress.map(one) }
}

interface Tagging {
  readonly key: string
  readonly condition: FoundGroup['condition']
  readonly before: object
  readonly change: (record: object) => object
}

/** Throws what says that there is no such thing; `InvalidID` for an id of something that cannot be tagged here. */
const taggingOf = async (context: ActionContext, id: string, changed: Changed): Promise<Tagging> => {
  if (id.startsWith('sgr-')) {
    const { key, value, condition } = await groupWithRule(context, id)
    return { key, condition, before: value, change: (group) => withRuleTags(group as SecurityGroupRecord, id, changed) }
  }
  const of = kindOfId(id)
  if (of === undefined && !id.startsWith('sg-')) throw new Fault('InvalidID', `The ID '${id.slice(0, 100)}' is not valid`)
  const { key, value, condition } = of === undefined ? await groupById(context, id) : await findOf(context, of, id)
  return {
    ...{ key, condition, before: value },
    change: (record) => {
      const tags = changed((record as { readonly tags: readonly Tag[] }).tags)
      if (of === undefined) checkMembersTag(tags)
      return { ...record, tags }
    },
  }
}

/** All of them or none. Two rules of one group are two changes of one record. */
const changeTags = (context: ActionContext, ids: readonly string[], changed: Changed, dryRun: () => void): Promise<true> =>
  untilWritten('the tags', async () => {
    const records = new Map<string, { readonly condition: Tagging['condition']; readonly value: object }>()
    for (const id of new Set(ids)) {
      const { key, condition, before, change } = await taggingOf(context, id, changed)
      records.set(key, { condition, value: change(records.get(key)?.value ?? before) })
    }
    dryRun()
    const conditions = [...records.values()].map(({ condition }) => condition)
    const operations = [...records].map(([key, { value }]): Operation => put(key, value))
    if (!(await write(context, conditions, operations, []))) return null
    await context.enforced?.()
    return true
  })

const changeGiven = async (
  parameters: Parameters,
  context: ActionContext,
  changed: (tags: readonly Tag[], given: readonly Parameters[]) => readonly Tag[],
): Promise<string> => {
  refuseOthers(parameters, ['ResourceId', 'Tag'])
  const [ids, given] = [listOf(parameters, 'ResourceId'), structuresOf(parameters, 'Tag')]
  if (ids.length === 0) throw new Fault('MissingParameter', 'The request must contain the parameter resourceIdSet')
  const dryRun = (): void => refuseDryRun(parameters)
  return element('return', await changeTags(context, ids, (tags) => changed(tags, given), dryRun))
}

export const createTags: Ec2Operation = (parameters, context) =>
  changeGiven(parameters, context, (tags, given) => {
    if (given.length === 0) throw new Fault('MissingParameter', 'The request must contain the parameter tagSet')
    return added(tags, given)
  })

/** Without a value a tag goes whatever its value is; without any tag all go, as in EC2. */
export const deleteTags: Ec2Operation = (parameters, context) =>
  changeGiven(parameters, context, (tags, given) => {
    if (given.length === 0) return []
    const leaves = ({ key, value }: Tag): boolean =>
      given.some((tag) => tag.get('Key') === key && (tag.get('Value') === undefined || tag.get('Value') === value))
    return tags.filter((tag) => !leaves(tag))
  })

interface ShownTag extends Tag {
  readonly id: string
  readonly type: string
}

/** Of everything of EC2 that can be tagged here, by type and id. */
export const allTagged = async (
  context: ActionContext,
): Promise<readonly { readonly id: string; readonly type: string; readonly tags: readonly Tag[] }[]> => {
  const groups = await allGroups(context)
  const rules = groups.flatMap(({ ingress, egress }) => [...ingress, ...egress])
  const others = await Promise.all(
    kinds.map(async (kind) => (await allOf(context, kind)).map(({ id, tags }) => ({ id, type: kind.type, tags }))),
  )
  return [
    ...groups.map(({ id, tags }) => ({ id, type: 'security-group', tags })),
    ...rules.map(({ id, tags = [] }) => ({ id, type: 'security-group-rule', tags })),
    ...others.flat(),
  ]
}

export const describeTags: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['Filter', 'MaxResults', 'NextToken'])
  refuseDryRun(parameters)
  const all = (await allTagged(context)).flatMap(({ id, type, tags }) => tags.map((tag): ShownTag => ({ ...tag, id, type })))
  const filters = {
    'resource-id': ({ id }: ShownTag) => [id],
    'resource-type': ({ type }: ShownTag) => [type],
    key: ({ key }: ShownTag) => [key],
    value: ({ value }: ShownTag) => [value],
  }
  const orderOf = ({ id, key }: ShownTag): string => `${id} ${key}`
  const found = all.filter(filterOf(parameters, filters, (tag) => [tag])).toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
  const { page, next } = pageOf(parameters, found, orderOf)
  const shown = page.map(
    ({ id, type, key, value }) =>
      element('resourceId', id) + element('resourceType', type) + element('key', key) + element('value', value),
  )
  return items('tagSet', shown) + next
}
