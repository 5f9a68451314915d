/** Subnets: which zone of which VPC they are. Caches reach them through cache subnet groups. */
import { Fault } from '../../../errors.ts'
import { isWithin, networkOf } from '../../../model/security-groups.ts'
import {
  bitsOf,
  isOfUsualSize,
  overlap,
  type SubnetFlag,
  type SubnetRecord,
  subnetFlags,
  type VpcRecord,
} from '../../../model/vpc.ts'
import { zoneId, zonesOf } from '../../../model/zones.ts'
import { absent, put, remove } from '../../../ports/records.ts'
import type { Condition, Operation } from '../../../ports/store.ts'
import type { ActionContext } from '../../action.ts'
import { element, needed, type Parameters, refuseDryRun, refuseOthers, tagSet } from '../../protocols/ec2.ts'
import { untilWritten, write } from '../../writing.ts'
import { storedSubnetGroups } from '../elasticache/subnet-groups/stored.ts'
import type { Ec2Operation } from './groups.ts'
import {
  allOf,
  arnOf,
  describeOf,
  findOf,
  flagOf,
  held,
  inUse,
  type Kind,
  keyOf,
  natGateways,
  networkAcls,
  newId,
  type Resource,
  refuseUsual,
  routeTables,
  subnets,
  vpcs,
} from './resources.ts'
import { tagsOfNew } from './tags.ts'

const mostInVpc = 200
/** EC2 keeps five addresses of each subnet. */
const keptAddresses = 5

const subnetXml = (context: ActionContext, subnet: SubnetRecord): string => {
  const { id, zone, cidr, vpc, flags } = subnet
  const flag = (name: SubnetFlag): boolean => flags[name] ?? false
  return (
    element('subnetId', id) +
    element('subnetArn', arnOf(context, 'subnet', id)) +
    element('state', 'available') +
    element('ownerId', context.account) +
    element('vpcId', vpc) +
    element('cidrBlock', cidr) +
    '<ipv6CidrBlockAssociationSet/>' +
    element('availableIpAddressCount', 2 ** (32 - bitsOf(cidr)) - keptAddresses) +
    element('availabilityZone', zone) +
    element('availabilityZoneId', zoneId(zone)) +
    element('defaultForAz', subnet.usual) +
    element('mapPublicIpOnLaunch', flag('MapPublicIpOnLaunch')) +
    element('mapCustomerOwnedIpOnLaunch', flag('MapCustomerOwnedIpOnLaunch')) +
    element('assignIpv6AddressOnCreation', flag('AssignIpv6AddressOnCreation')) +
    element('enableDns64', flag('EnableDns64')) +
    element('ipv6Native', false) +
    '<privateDnsNameOptionsOnLaunch>' +
    element('hostnameType', subnet.hostnames ?? 'ip-name') +
    element('enableResourceNameDnsARecord', flag('EnableResourceNameDnsARecordOnLaunch')) +
    element('enableResourceNameDnsAAAARecord', flag('EnableResourceNameDnsAAAARecordOnLaunch')) +
    '</privateDnsNameOptionsOnLaunch>' +
    tagSet(subnet.tags)
  )
}

/** The zone that is asked for; else the one in which the VPC has the fewest subnets. */
const zoneOf = (parameters: Parameters, { region }: ActionContext, present: readonly SubnetRecord[]): string => {
  const zones = zonesOf(region)
  const [name, id] = [parameters.get('AvailabilityZone') || undefined, parameters.get('AvailabilityZoneId') || undefined]
  if (name === undefined && id === undefined) {
    const count = (zone: string): number => present.filter((subnet) => subnet.zone === zone).length
    return zones.reduce((least, zone) => (count(zone) < count(least) ? zone : least))
  }
  const zone = zones.find((each) => (name === undefined || each === name) && (id === undefined || zoneId(each) === id))
  if (zone !== undefined) return zone
  throw new Fault(
    'InvalidParameterValue',
    `Value (${(name ?? id ?? '').slice(0, 40)}) for parameter availabilityZone is invalid. ` +
      `Subnets can currently only be created in the following availability zones: ${zones.join(', ')}.`,
  )
}

/** Throws `InvalidSubnet.Range`, `InvalidSubnet.Conflict`. */
const cidrOf = (parameters: Parameters, vpc: VpcRecord, present: readonly SubnetRecord[]): string => {
  const text = needed(parameters, 'CidrBlock')
  const cidr = networkOf(text)
  if (cidr === null)
    throw new Fault(
      'InvalidParameterValue',
      `Value (${text.slice(0, 60)}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
    )
  const networks = [vpc.cidr, ...vpc.more.map((each) => each.cidr)]
  if (!isOfUsualSize(cidr) || !networks.some((network) => isWithin(cidr, network)))
    throw new Fault(
      'InvalidSubnet.Range',
      `The CIDR '${cidr}' is invalid: expected a part of ${networks.join(', ')}, from /16 to /28.`,
    )
  if (present.some((subnet) => overlap(subnet.cidr, cidr)))
    throw new Fault('InvalidSubnet.Conflict', `The CIDR '${cidr}' conflicts with another subnet`)
  return cidr
}

export const createSubnet: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['VpcId', 'CidrBlock', 'AvailabilityZone', 'AvailabilityZoneId', 'TagSpecification'])
  const tags = tagsOfNew(parameters, 'subnet')
  const id = newId(subnets)
  const subnet = await untilWritten('the subnet', async () => {
    const vpc = await findOf(context, vpcs, needed(parameters, 'VpcId'))
    const [conditions, operations] = held(vpc)
    const present = (await allOf(context, subnets)).filter((each) => each.vpc === vpc.value.id)
    const zone = zoneOf(parameters, context, present)
    const cidr = cidrOf(parameters, vpc.value, present)
    if (present.length >= mostInVpc)
      throw new Fault('SubnetLimitExceeded', `The maximum number of subnets in a VPC is ${mostInVpc}.`)
    refuseDryRun(parameters)
    const record: SubnetRecord = { region: context.region, id, vpc: vpc.value.id, zone, cidr, flags: {}, usual: false, tags }
    const key = keyOf(subnets, context.region, id)
    return (await write(context, [absent(key), ...conditions], [put(key, record), ...operations], [])) ? record : null
  })
  return `<subnet>${subnetXml(context, subnet)}</subnet>`
}

export const describeSubnets: Ec2Operation = (parameters, context) => {
  const cidr = (subnet: SubnetRecord): readonly string[] => [subnet.cidr]
  const zone = (subnet: SubnetRecord): readonly string[] => [subnet.zone]
  const ofZone = (subnet: SubnetRecord): readonly string[] => [zoneId(subnet.zone)]
  const usual = (subnet: SubnetRecord): readonly string[] => [String(subnet.usual)]
  return describeOf(parameters, context, subnets, {
    ...{ ids: 'SubnetId', set: 'subnetSet' },
    filters: {
      'subnet-id': ({ id }) => [id],
      'subnet-arn': ({ id }) => [arnOf(context, 'subnet', id)],
      'vpc-id': ({ vpc }) => [vpc],
      'availability-zone': zone,
      availabilityZone: zone,
      'availability-zone-id': ofZone,
      availabilityZoneId: ofZone,
      cidr,
      'cidr-block': cidr,
      cidrBlock: cidr,
      'default-for-az': usual,
      defaultForAz: usual,
      'map-public-ip-on-launch': ({ flags }) => [String(flags.MapPublicIpOnLaunch ?? false)],
      'owner-id': () => [context.account],
      state: () => ['available'],
    },
    xml: (subnet) => subnetXml(context, subnet),
  })
}

/** What leaves with a subnet: its associations with route tables and network ACLs. */
const withoutAssociations = async <R extends Resource & { readonly associations: readonly { readonly subnet: string }[] }>(
  context: ActionContext,
  of: Kind<R>,
  subnet: string,
): Promise<readonly (readonly [Condition, Operation])[]> => {
  const having = (await allOf(context, of)).filter(({ associations }) => associations.some((each) => each.subnet === subnet))
  const found = await Promise.all(having.map(({ id }) => findOf(context, of, id)))
  return found.map(({ key, value, condition }) => {
    const associations = value.associations.filter((each) => each.subnet !== subnet)
    return [condition, put(key, { ...value, associations })] as const
  })
}

export const deleteSubnet: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['SubnetId'])
  const id = needed(parameters, 'SubnetId')
  return untilWritten(`subnet ${id.slice(0, 40)}`, async () => {
    const { key, condition } = await findOf(context, subnets, id)
    if ((await storedSubnetGroups(context)).some((group) => group.subnets.some((subnet) => subnet.id === id)))
      throw inUse(subnets, id)
    if ((await allOf(context, natGateways)).some(({ subnet }) => subnet === id)) throw inUse(subnets, id)
    await refuseUsual(context, subnets, id)
    refuseDryRun(parameters)
    const changes = [
      ...(await withoutAssociations(context, routeTables, id)),
      ...(await withoutAssociations(context, networkAcls, id)),
    ]
    const conditions = [condition, ...changes.map(([each]) => each)]
    const operations = [remove(key), ...changes.map(([, operation]) => operation)]
    return (await write(context, conditions, operations, [])) ? element('return', true) : null
  })
}

const hostnameTypes = ['ip-name', 'resource-name'] as const

export const modifySubnetAttribute: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['SubnetId', 'PrivateDnsHostnameTypeOnLaunch', ...subnetFlags.map((flag) => `${flag}.Value`)])
  const id = needed(parameters, 'SubnetId')
  const flags = subnetFlags.flatMap((flag) => {
    const value = flagOf(parameters, `${flag}.Value`)
    return value === undefined ? [] : [[flag, value] as const]
  })
  const text = parameters.get('PrivateDnsHostnameTypeOnLaunch')
  const hostnames = hostnameTypes.find((each) => each === text)
  if (text !== undefined && hostnames === undefined)
    throw new Fault(
      'InvalidParameterValue',
      `Value (${text.slice(0, 40)}) is invalid. Expected one of ${hostnameTypes.join(', ')}.`,
    )
  if (flags.length === 0 && hostnames === undefined)
    throw new Fault('MissingParameter', `Expected one of ${subnetFlags.join(', ')}, PrivateDnsHostnameTypeOnLaunch`)
  return untilWritten(`subnet ${id.slice(0, 40)}`, async () => {
    const { key, value, condition } = await findOf(context, subnets, id)
    refuseDryRun(parameters)
    const next: SubnetRecord = {
      ...value,
      flags: { ...value.flags, ...Object.fromEntries(flags) },
      ...(hostnames === undefined ? {} : { hostnames }),
    }
    return (await write(context, [condition], [put(key, next)], [])) ? element('return', true) : null
  })
}
