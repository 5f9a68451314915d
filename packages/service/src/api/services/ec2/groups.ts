/** CreateSecurityGroup, DeleteSecurityGroup, DescribeSecurityGroups. */
import { randomBytes } from 'node:crypto'
import { Fault } from '../../../errors.ts'
import { defaultVpc } from '../../../model/network.ts'
import {
  allEgress,
  checkMembersTag,
  defaultSecurityGroupName,
  type SecurityGroupName,
  type SecurityGroupRecord,
  securityGroupKey,
  securityGroupNameKey,
} from '../../../model/security-groups.ts'
import { absent, put, readRecord, remove, unchanged } from '../../../ports/records.ts'
import type { ActionContext } from '../../action.ts'
import {
  element,
  type Filterable,
  filterOf,
  items,
  listOf,
  needed,
  type Parameters,
  pageOf,
  refuseDryRun,
  refuseOthers,
  tagSet,
} from '../../protocols/ec2.ts'
import { removeUnlessUsed, untilWritten, write } from '../../writing.ts'
import { storedCacheSecurityGroups } from '../elasticache/cache-security-groups/find.ts'
import { allGroups, groupById, groupOf, namesGroup, notFound, readGroup } from './find.ts'
import { permissionsXml, ruleFilters } from './permissions.ts'
import { arnOf, findOf, held as heldBy, type Place, vpcs } from './resources.ts'
import { tagsOfNew } from './tags.ts'

export type Ec2Operation = (parameters: Parameters, context: ActionContext) => Promise<string>

const mostGroups = 2_500

const invalid = (message: string): Fault => new Fault('InvalidParameterValue', message)

/** EC2's rule for names and descriptions of groups in a VPC. */
const plainText = (name: string, text: string): string => {
  if (/^[A-Za-z0-9 ._\-:/()#,@[\]+=&;{}!$*]{1,255}$/.test(text)) return text
  throw invalid(`Value (${text.slice(0, 100)}) for parameter ${name} is invalid. Character sets beyond ASCII are not supported.`)
}

const nameOf = (parameters: Parameters): string => {
  const name = plainText('GroupName', needed(parameters, 'GroupName')).trim()
  if (name.startsWith('sg-'))
    throw invalid(`Value (${name}) for parameter GroupName is invalid. Group names may not be in the format sg-*.`)
  if (name === defaultSecurityGroupName) throw invalid('Cannot use reserved security group name: default')
  return name
}

/** Of the record; the default VPC where it names none. */
const vpcOf = ({ region, account }: Place, group: SecurityGroupRecord): string => group.vpc ?? defaultVpc(region, account).id

const type = 'security-group'

export const createSecurityGroup: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['GroupName', 'GroupDescription', 'VpcId', 'TagSpecification'])
  const name = nameOf(parameters)
  const description = plainText('GroupDescription', needed(parameters, 'GroupDescription'))
  const tags = tagsOfNew(parameters, type)
  checkMembersTag(tags)
  const usual = defaultVpc(context.region, context.account).id
  const vpc = parameters.get('VpcId') || usual
  const own = vpc === usual ? {} : { vpc }
  const nameKey = securityGroupNameKey(context.region, name, own.vpc)
  const group = await untilWritten(`security group ${name}`, async () => {
    const [held, holding] = heldBy(await findOf(context, vpcs, vpc))
    const present = await readRecord<SecurityGroupName>(context.store, nameKey)
    // A name whose group is gone was left by a removal that was cut off between the two.
    if (present !== null && (await readGroup(context, present.value.id)) !== null) {
      throw new Fault('InvalidGroup.Duplicate', `The security group '${name}' already exists for VPC '${vpc}'`)
    }
    if ((await allGroups(context)).length >= mostGroups)
      throw new Fault('SecurityGroupLimitExceeded', `The maximum number of security groups in a region is ${mostGroups}.`)
    refuseDryRun(parameters)
    const id = `sg-${randomBytes(9).toString('hex').slice(0, 17)}`
    const record: SecurityGroupRecord = {
      region: context.region,
      id,
      name,
      description,
      ingress: [],
      egress: [allEgress(id)],
      tags,
      ...own,
    }
    const key = securityGroupKey(context.region, id)
    const index: SecurityGroupName = { id }
    const conditions = [absent(key), present === null ? absent(nameKey) : unchanged(present), ...held]
    return (await write(context, conditions, [put(key, record), put(nameKey, index), ...holding], [])) ? record : null
  })
  return (
    element('return', true) +
    element('groupId', group.id) +
    tagSet(group.tags) +
    element('securityGroupArn', arnOf(context, type, group.id))
  )
}

/** By caches, those that are being deleted too. */
const inUse = (id: string): Fault => new Fault('DependencyViolation', `resource ${id} has a dependent object`)

export const deleteSecurityGroup: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['GroupId', 'GroupName'])
  const { name, id, vpc } = await untilWritten('the security group', async () => {
    const { value } = await groupOf(context, parameters)
    if (value.name === defaultSecurityGroupName)
      throw new Fault('CannotDelete', `the specified group: "${value.id}" name: "default" cannot be deleted by a user`)
    const others = (await allGroups(context)).filter((group) => group.id !== value.id)
    const named = others.some((group) => namesGroup(group, value.id))
    const legacy = (await storedCacheSecurityGroups(context)).some(({ allowed }) => allowed.includes(value.id))
    if (named || legacy) throw inUse(value.id)
    refuseDryRun(parameters)
    const record = await readRecord<SecurityGroupRecord>(context.store, securityGroupKey(context.region, value.id))
    if (record === null) return null
    const removed = await removeUnlessUsed(
      context,
      record,
      (spec) => spec.labels.securityGroupIds.includes(value.id),
      () => inUse(value.id),
      [],
    )
    return removed ? value : null
  })
  const nameKey = securityGroupNameKey(context.region, name, vpc)
  const index = await readRecord<SecurityGroupName>(context.store, nameKey)
  if (index?.value.id === id) await write(context, [unchanged(index)], [remove(nameKey)], [])
  return element('return', true) + element('groupId', id)
}

const groupXml = (context: ActionContext, group: SecurityGroupRecord): string =>
  element('ownerId', context.account) +
  element('groupId', group.id) +
  element('groupName', group.name) +
  element('groupDescription', group.description) +
  element('vpcId', vpcOf(context, group)) +
  permissionsXml('ipPermissions', group.ingress, context.account) +
  permissionsXml('ipPermissionsEgress', group.egress, context.account) +
  tagSet(group.tags) +
  element('securityGroupArn', arnOf(context, type, group.id))

const filters = (context: ActionContext): Filterable<SecurityGroupRecord> => ({
  'group-id': ({ id }) => [id],
  'group-name': ({ name }) => [name],
  description: ({ description }) => [description],
  'owner-id': () => [context.account],
  'vpc-id': (group) => [vpcOf(context, group)],
  ...ruleFilters('ip-permission', ({ ingress }) => ingress),
  ...ruleFilters('egress.ip-permission', ({ egress }) => egress),
})

export const describeSecurityGroups: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['GroupId', 'GroupName', 'Filter', 'MaxResults', 'NextToken'])
  refuseDryRun(parameters)
  const [ids, names] = [listOf(parameters, 'GroupId'), listOf(parameters, 'GroupName')]
  for (const id of ids) await groupById(context, id)
  const all = await allGroups(context)
  // As on AWS names are those of the default VPC.
  const isNamed = ({ name, vpc }: SecurityGroupRecord): boolean => vpc === undefined && names.includes(name)
  const missing = names.find((name) => !all.some((group) => isNamed(group) && group.name === name))
  if (missing !== undefined) throw notFound(missing)
  const meets = filterOf(parameters, filters(context), ({ tags }) => tags)
  const named = ids.length + names.length === 0 ? all : all.filter((group) => ids.includes(group.id) || isNamed(group))
  const { page, next } = pageOf(parameters, named.filter(meets), ({ id }) => id)
  return (
    items(
      'securityGroupInfo',
      page.map((group) => groupXml(context, group)),
    ) + next
  )
}
