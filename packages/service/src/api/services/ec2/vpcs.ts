/** VPCs: made with their main route table, default network ACL and default security group, and deleted with them. */
import { Fault } from '../../../errors.ts'
import {
  allEgress,
  defaultSecurityGroupName,
  networkOf,
  type SecurityGroupName,
  type SecurityGroupRecord,
  securityGroupKey,
  securityGroupNameKey,
} from '../../../model/security-groups.ts'
import {
  isOfUsualSize,
  mainRouteTable,
  newVpc,
  overlap,
  usualAcl,
  type VpcAttribute,
  type VpcRecord,
  vpcAttributes,
} from '../../../model/vpc.ts'
import { absent, put, remove } from '../../../ports/records.ts'
import type { Operation } from '../../../ports/store.ts'
import type { ActionContext } from '../../action.ts'
import { element, items, listOf, needed, type Parameters, refuseDryRun, refuseOthers, tagSet } from '../../protocols/ec2.ts'
import { specsOf, untilWritten, write } from '../../writing.ts'
import { allGroups, namesGroup } from './find.ts'
import type { Ec2Operation } from './groups.ts'
import {
  allOf,
  derivedId,
  describeOf,
  findOf,
  flagOf,
  internetGateways,
  inUse,
  keyOf,
  networkAcls,
  newId,
  refuseUsual,
  routeTables,
  subnets,
  vpcs,
} from './resources.ts'
import { tagsOfNew } from './tags.ts'

const mostVpcs = 200

/** Throws `InvalidVpc.Range`. */
const cidrOf = (parameters: Parameters): string => {
  const text = needed(parameters, 'CidrBlock')
  const cidr = networkOf(text)
  if (cidr === null)
    throw new Fault(
      'InvalidParameterValue',
      `Value (${text.slice(0, 60)}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
    )
  if (!isOfUsualSize(cidr))
    throw new Fault('InvalidVpc.Range', `The CIDR '${text.slice(0, 60)}' is invalid: expected a size from /16 to /28.`)
  return cidr
}

/** As on AWS it lets in its own members; it is no cache's without being named. */
const defaultGroupOf = ({ region, id: vpc }: VpcRecord): SecurityGroupRecord => {
  const id = derivedId('sg', `${vpc}/default-security-group`)
  const members = { protocol: '-1', from: -1, to: -1, source: { group: id } }
  return {
    ...{ region, id, vpc, name: defaultSecurityGroupName, description: 'default VPC security group', tags: [] },
    ingress: [{ id: derivedId('sgr', `${id}/members`), ...members }],
    egress: [allEgress(id)],
  }
}

/** What is made and deleted with a VPC. */
const belongings = (vpc: VpcRecord): ReadonlyMap<string, object> => {
  const group = defaultGroupOf(vpc)
  const index: SecurityGroupName = { id: group.id }
  const [table, acl] = [mainRouteTable(vpc), usualAcl(vpc)]
  return new Map<string, object>([
    [securityGroupKey(vpc.region, group.id), group],
    [securityGroupNameKey(vpc.region, group.name, vpc.id), index],
    [keyOf(routeTables, vpc.region, table.id), table],
    [keyOf(networkAcls, vpc.region, acl.id), acl],
  ])
}

const associations = (vpc: VpcRecord) => [{ association: derivedId('vpc-cidr-assoc', vpc.id), cidr: vpc.cidr }, ...vpc.more]

const associationXml = ({ association, cidr }: VpcRecord['more'][number], state: string): string =>
  element('associationId', association) +
  element('cidrBlock', cidr) +
  `<cidrBlockState>${element('state', state)}</cidrBlockState>`

const vpcXml = (context: ActionContext, vpc: VpcRecord, usual: boolean): string =>
  element('vpcId', vpc.id) +
  element('ownerId', context.account) +
  element('state', 'available') +
  element('cidrBlock', vpc.cidr) +
  items(
    'cidrBlockAssociationSet',
    associations(vpc).map((each) => associationXml(each, 'associated')),
  ) +
  '<ipv6CidrBlockAssociationSet/>' +
  element('dhcpOptionsId', 'default') +
  element('instanceTenancy', vpc.tenancy) +
  element('isDefault', usual) +
  tagSet(vpc.tags)

export const createVpc: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['CidrBlock', 'InstanceTenancy', 'AmazonProvidedIpv6CidrBlock', 'TagSpecification'])
  const cidr = cidrOf(parameters)
  const tenancy = parameters.get('InstanceTenancy') || 'default'
  if (!['default', 'dedicated', 'host'].includes(tenancy))
    throw new Fault('InvalidParameterValue', `Value (${tenancy.slice(0, 40)}) for parameter instanceTenancy is invalid.`)
  if (flagOf(parameters, 'AmazonProvidedIpv6CidrBlock') === true)
    throw new Fault('UnsupportedOperation', 'AmazonProvidedIpv6CidrBlock: VPCs of Larder have no networks of IPv6.')
  const tags = tagsOfNew(parameters, 'vpc')
  if ((await allOf(context, vpcs)).length >= mostVpcs)
    throw new Fault('VpcLimitExceeded', `The maximum number of VPCs in a region is ${mostVpcs}.`)
  refuseDryRun(parameters)
  const vpc: VpcRecord = { ...newVpc(context.region, newId(vpcs), cidr), tenancy, tags }
  const key = keyOf(vpcs, context.region, vpc.id)
  const operations = [...belongings(vpc)].map(([each, value]) => put(each, value))
  if (!(await write(context, [absent(key)], [put(key, vpc), ...operations], [])))
    throw new Error(`expected the new id ${vpc.id} to be free, found it taken`)
  return `<vpc>${vpcXml(context, vpc, false)}</vpc>`
}

export const describeVpcs: Ec2Operation = async (parameters, context) => {
  const usual = new Set((await vpcs.usual(context)).map(({ id }) => id))
  const isDefault = ({ id }: VpcRecord): readonly string[] => [String(usual.has(id))]
  const cidr = (vpc: VpcRecord): readonly string[] => [vpc.cidr]
  return describeOf(parameters, context, vpcs, {
    ...{ ids: 'VpcId', set: 'vpcSet' },
    filters: {
      'vpc-id': ({ id }) => [id],
      'owner-id': () => [context.account],
      'is-default': isDefault,
      isDefault,
      state: () => ['available'],
      'dhcp-options-id': () => ['default'],
      cidr,
      'cidr-block': cidr,
      cidrBlock: cidr,
      'cidr-block-association.cidr-block': (vpc) => associations(vpc).map((each) => each.cidr),
      'cidr-block-association.association-id': (vpc) => associations(vpc).map(({ association }) => association),
      'cidr-block-association.state': () => ['associated'],
    },
    xml: (vpc) => vpcXml(context, vpc, usual.has(vpc.id)),
  })
}

/** Does anything stand in it, or rest on what is deleted with it? */
const isNeeded = async (context: ActionContext, vpc: VpcRecord): Promise<boolean> => {
  const ours = defaultGroupOf(vpc).id
  const others = (await allGroups(context)).filter(({ id }) => id !== ours)
  const standing = [
    ...(await allOf(context, subnets)).filter((each) => each.vpc === vpc.id),
    ...(await allOf(context, routeTables)).filter((each) => each.vpc === vpc.id && each.main === null),
    ...(await allOf(context, networkAcls)).filter((each) => each.vpc === vpc.id && !each.usual),
    ...(await allOf(context, internetGateways)).filter((each) => each.vpc === vpc.id),
    ...others.filter((group) => group.vpc === vpc.id || namesGroup(group, ours)),
    ...(await specsOf(context)).filter(({ value }) => value.labels.securityGroupIds.includes(ours)),
  ]
  return standing.length > 0
}

export const deleteVpc: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['VpcId'])
  const id = needed(parameters, 'VpcId')
  await untilWritten(`VPC ${id.slice(0, 40)}`, async () => {
    const { key, value, condition } = await findOf(context, vpcs, id)
    await refuseUsual(context, vpcs, id)
    const main = (await allOf(context, routeTables)).filter((each) => each.vpc === id && each.main !== null)
    const own = new Map([
      ...belongings(value),
      ...main.map((each) => [keyOf(routeTables, context.region, each.id), each] as const),
    ])
    if (await isNeeded(context, value)) throw inUse(vpcs, id)
    refuseDryRun(parameters)
    const before = await Promise.all([...own.keys()].map((each) => context.store.get(each)))
    const leaving = [...own.keys()].map((each): Operation => remove(each))
    if (!(await write(context, [condition], [remove(key), ...leaving], []))) return null
    // A cache that was made between the look and the removal has the default security group: all is put back (writing.ts).
    if (!(await isNeeded(context, value))) return true
    const back = before.flatMap((entry) => (entry === null ? [] : [{ put: entry.key, value: entry.value }]))
    await write(context, [absent(key)], [put(key, value), ...back], [])
    throw inUse(vpcs, id)
  })
  return element('return', true)
}

const attributeOf = (name: string): VpcAttribute | undefined => vpcAttributes.find((each) => each === name)
const parameterOf = (attribute: VpcAttribute): string => `${attribute.slice(0, 1).toUpperCase()}${attribute.slice(1)}.Value`

export const modifyVpcAttribute: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['VpcId', ...vpcAttributes.map(parameterOf)])
  const id = needed(parameters, 'VpcId')
  const wanted = vpcAttributes.flatMap((attribute) => {
    const value = flagOf(parameters, parameterOf(attribute))
    return value === undefined ? [] : [[attribute, value] as const]
  })
  if (wanted.length === 0) throw new Fault('MissingParameter', `Expected one of ${vpcAttributes.map(parameterOf).join(', ')}`)
  return untilWritten(`VPC ${id.slice(0, 40)}`, async () => {
    const { key, value, condition } = await findOf(context, vpcs, id)
    refuseDryRun(parameters)
    const attributes = { ...value.attributes, ...Object.fromEntries(wanted) }
    return (await write(context, [condition], [put(key, { ...value, attributes })], [])) ? element('return', true) : null
  })
}

export const describeVpcAttribute: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['VpcId', 'Attribute'])
  const { value } = await findOf(context, vpcs, needed(parameters, 'VpcId'))
  const name = needed(parameters, 'Attribute')
  const attribute = attributeOf(name)
  if (attribute === undefined)
    throw new Fault(
      'InvalidParameterValue',
      `Value (${name.slice(0, 40)}) for parameter attribute is invalid. Expected one of ${vpcAttributes.join(', ')}.`,
    )
  refuseDryRun(parameters)
  return `${element('vpcId', value.id)}<${attribute}>${element('value', value.attributes[attribute])}</${attribute}>`
}

export const associateVpcCidrBlock: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['VpcId', 'CidrBlock'])
  const [id, cidr] = [needed(parameters, 'VpcId'), cidrOf(parameters)]
  return untilWritten(`VPC ${id.slice(0, 40)}`, async () => {
    const { key, value, condition } = await findOf(context, vpcs, id)
    if (associations(value).some((each) => overlap(each.cidr, cidr)))
      throw new Fault('InvalidVpc.Range', `The CIDR '${cidr}' conflicts with another CIDR of the VPC '${id}'`)
    refuseDryRun(parameters)
    const added = { association: newId({ prefix: 'vpc-cidr-assoc' }), cidr }
    if (!(await write(context, [condition], [put(key, { ...value, more: [...value.more, added] })], []))) return null
    return `<cidrBlockAssociation>${associationXml(added, 'associated')}</cidrBlockAssociation>${element('vpcId', id)}`
  })
}

export const disassociateVpcCidrBlock: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['AssociationId'])
  const association = needed(parameters, 'AssociationId')
  return untilWritten(`the network ${association.slice(0, 60)}`, async () => {
    const vpc = (await allOf(context, vpcs)).find((each) => associations(each).some((one) => one.association === association))
    const leaving = vpc?.more.find((each) => each.association === association)
    if (vpc === undefined)
      throw new Fault(
        'InvalidVpcCidrBlockAssociationID.NotFound',
        `The vpc CIDR block association ID '${association.slice(0, 100)}' does not exist`,
      )
    if (leaving === undefined)
      throw new Fault(
        'OperationNotPermitted',
        `The vpc CIDR block with association ID ${association} may not be disassociated. It is the primary IPv4 CIDR block of the VPC`,
      )
    const { key, value, condition } = await findOf(context, vpcs, vpc.id)
    if ((await allOf(context, subnets)).some((subnet) => subnet.vpc === vpc.id && overlap(subnet.cidr, leaving.cidr)))
      throw inUse({ label: 'vpc CIDR block' }, leaving.cidr)
    refuseDryRun(parameters)
    const more = value.more.filter((each) => each.association !== association)
    if (!(await write(context, [condition], [put(key, { ...value, more })], []))) return null
    return `<cidrBlockAssociation>${associationXml(leaving, 'disassociating')}</cidrBlockAssociation>${element('vpcId', vpc.id)}`
  })
}

/** EC2-Classic ended in 2022; tools of before still ask for it. `ids`, `set`, `name`: as the operation calls them. */
const classicLink =
  (ids: string, set: string, name: string): Ec2Operation =>
  async (parameters, context) => {
    refuseOthers(parameters, [ids, 'Filter', 'MaxResults', 'NextToken'])
    const named = listOf(parameters, ids)
    for (const id of named) await findOf(context, vpcs, id)
    refuseDryRun(parameters)
    const all = (await allOf(context, vpcs)).filter(({ id }) => named.length === 0 || named.includes(id))
    return items(
      set,
      all.map((vpc) => element('vpcId', vpc.id) + element(name, false) + (name === 'classicLinkEnabled' ? tagSet(vpc.tags) : '')),
    )
  }

export const describeVpcClassicLink = classicLink('VpcId', 'vpcSet', 'classicLinkEnabled')
export const describeVpcClassicLinkDnsSupport = classicLink('VpcIds', 'vpcs', 'classicLinkDnsSupported')
