/** DescribeVpcs and DescribeSubnets: the default VPC, its subnets, and those that subnet groups have named (model/network.ts). */
import { Fault } from '../../errors.ts'
import { defaultVpc, type Subnet } from '../../model/network.ts'
import { storedSubnetGroups } from '../actions/subnet-groups/find.ts'
import type { Ec2Operation } from './groups.ts'
import { element, filterOf, items, listOf, pageOf, refuseDryRun, refuseOthers } from './wire.ts'

/** EC2's default VPC, for the eye alone: addresses of nodes are loopback addresses of this machine. */
const vpcCidr = '172.31.0.0/16'
const subnetBits = 20
/** EC2 keeps five addresses of each subnet. */
const freeAddresses = 2 ** (32 - subnetBits) - 5

export const describeVpcs: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['VpcId', 'Filter', 'MaxResults', 'NextToken'])
  refuseDryRun(parameters)
  const { id } = defaultVpc(context.region, context.account)
  const missing = listOf(parameters, 'VpcId').find((wanted) => wanted !== id)
  if (missing !== undefined) throw new Fault('InvalidVpcID.NotFound', `The vpc ID '${missing.slice(0, 100)}' does not exist`)
  const meets = filterOf<string>(parameters, {
    'vpc-id': (vpc) => [vpc],
    'owner-id': () => [context.account],
    'is-default': () => ['true'],
    isDefault: () => ['true'],
    state: () => ['available'],
    cidr: () => [vpcCidr],
  })
  const { page, next } = pageOf(parameters, [id].filter(meets), (vpc) => vpc)
  const shown = page.map(
    (vpc) =>
      element('vpcId', vpc) +
      element('ownerId', context.account) +
      element('state', 'available') +
      element('cidrBlock', vpcCidr) +
      element('dhcpOptionsId', 'default') +
      element('instanceTenancy', 'default') +
      element('isDefault', true) +
      '<tagSet/>',
  )
  return items('vpcSet', shown) + next
}

interface ShownSubnet extends Subnet {
  readonly usual: boolean
}

export const describeSubnets: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['SubnetId', 'Filter', 'MaxResults', 'NextToken'])
  refuseDryRun(parameters)
  const vpc = defaultVpc(context.region, context.account)
  const named = (await storedSubnetGroups(context)).flatMap((group) => group.subnets)
  const all = new Map<string, ShownSubnet>()
  for (const subnet of named) all.set(subnet.id, { ...subnet, usual: false })
  for (const subnet of vpc.subnets) all.set(subnet.id, { ...subnet, usual: true })
  const ids = listOf(parameters, 'SubnetId')
  const missing = ids.find((id) => !all.has(id))
  if (missing !== undefined)
    throw new Fault('InvalidSubnetID.NotFound', `The subnet ID '${missing.slice(0, 100)}' does not exist`)
  const meets = filterOf<ShownSubnet>(parameters, {
    'subnet-id': ({ id }) => [id],
    'vpc-id': () => [vpc.id],
    'availability-zone': ({ zone }) => [zone],
    availabilityZone: ({ zone }) => [zone],
    'default-for-az': ({ usual }) => [String(usual)],
    defaultForAz: ({ usual }) => [String(usual)],
    'owner-id': () => [context.account],
    state: () => ['available'],
  })
  const found = [...all.values()].filter((subnet) => (ids.length === 0 || ids.includes(subnet.id)) && meets(subnet))
  const sorted = found.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const { page, next } = pageOf(parameters, sorted, ({ id }) => id)
  const shown = page.map(({ id, zone, usual }) => {
    const index = vpc.subnets.findIndex((subnet) => subnet.zone === zone)
    return (
      element('subnetId', id) +
      element('subnetArn', `arn:aws:ec2:${context.region}:${context.account}:subnet/${id}`) +
      element('state', 'available') +
      element('ownerId', context.account) +
      element('vpcId', vpc.id) +
      element('cidrBlock', `172.31.${index * 16}.0/${subnetBits}`) +
      element('availableIpAddressCount', freeAddresses) +
      element('availabilityZone', zone) +
      element('defaultForAz', usual) +
      element('mapPublicIpOnLaunch', false) +
      '<tagSet/>'
    )
  })
  return items('subnetSet', shown) + next
}
