/** Elastic addresses and NAT gateways, which modules make beside private subnets: made and shown. Nothing passes through them. */
import { Fault } from '../../../errors.ts'
import type { ElasticIpRecord, NatGatewayRecord } from '../../../model/vpc.ts'
import { absent, put, remove } from '../../../ports/records.ts'
import { element, items, listOf, needed, type Parameters, refuseDryRun, refuseOthers, tagSet } from '../../protocols/ec2.ts'
import { untilWritten, write } from '../../writing.ts'
import type { Ec2Operation } from './groups.ts'
import {
  allOf,
  describeOf,
  elasticIps,
  findOf,
  held,
  inUse,
  keyOf,
  natGateways,
  newId,
  routeTables,
  subnets,
} from './resources.ts'
import { tagsOfNew } from './tags.ts'

/** Networks that are kept for documentation: nobody has these addresses. */
const networks = ['203.0.113', '198.51.100', '192.0.2']
const inNetwork = 254

const associationOf = ({ id }: NatGatewayRecord): string => `eipassoc-${id.slice('nat-'.length)}`

const userOf = (address: ElasticIpRecord, gateways: readonly NatGatewayRecord[]): NatGatewayRecord | undefined =>
  gateways.find(({ allocation }) => allocation === address.id)

const addressXml = (address: ElasticIpRecord, region: string, gateways: readonly NatGatewayRecord[]): string => {
  const user = userOf(address, gateways)
  return (
    element('publicIp', address.ip) +
    element('allocationId', address.id) +
    element('domain', 'vpc') +
    element('networkBorderGroup', region) +
    element('publicIpv4Pool', 'amazon') +
    (user === undefined ? '' : element('associationId', associationOf(user)) + element('privateIpAddress', user.privateIp)) +
    tagSet(address.tags)
  )
}

export const allocateAddress: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['Domain', 'NetworkBorderGroup', 'TagSpecification'])
  const domain = parameters.get('Domain') || 'vpc'
  if (domain !== 'vpc')
    throw new Fault('InvalidParameterValue', `Value (${domain.slice(0, 40)}) for parameter domain is invalid. Expected vpc.`)
  const tags = tagsOfNew(parameters, elasticIps.type)
  const id = newId(elasticIps)
  const address = await untilWritten('the address', async () => {
    const taken = new Set((await allOf(context, elasticIps)).map(({ ip }) => ip))
    const all = networks.flatMap((network) => Array.from({ length: inNetwork }, (_, index) => `${network}.${index + 1}`))
    const ip = all.find((each) => !taken.has(each))
    if (ip === undefined) throw new Fault('AddressLimitExceeded', `The maximum number of addresses in a region is ${all.length}.`)
    refuseDryRun(parameters)
    const record: ElasticIpRecord = { region: context.region, id, ip, tags }
    const [key, owner] = [keyOf(elasticIps, context.region, id), `elasticipowner/${context.region}/${ip}`]
    return (await write(context, [absent(key), absent(owner)], [put(key, record), put(owner, { id })], [])) ? record : null
  })
  return addressXml(address, context.region, [])
}

const addressFilters = (gateways: readonly NatGatewayRecord[]) => ({
  'allocation-id': ({ id }: ElasticIpRecord) => [id],
  'public-ip': ({ ip }: ElasticIpRecord) => [ip],
  domain: () => ['vpc'],
  'association-id': (address: ElasticIpRecord) => {
    const user = userOf(address, gateways)
    return user === undefined ? [] : [associationOf(user)]
  },
})

export const describeAddresses: Ec2Operation = async (parameters, context) => {
  const gateways = await allOf(context, natGateways)
  const ips = listOf(parameters, 'PublicIp')
  const all = await allOf(context, elasticIps)
  const missing = ips.find((ip) => !all.some((address) => address.ip === ip))
  if (missing !== undefined) throw new Fault('InvalidAddress.NotFound', `Address '${missing.slice(0, 60)}' not found.`)
  const rest: Parameters = new Map([...parameters].filter(([name]) => !name.startsWith('PublicIp.')))
  const named = all.flatMap(({ ip, id }) => (ips.includes(ip) ? [id] : []))
  const byId = new Map([...rest, ...named.map((id, index) => [`AllocationId.${9_000 + index}`, id] as const)])
  return describeOf(byId, context, elasticIps, {
    ...{ ids: 'AllocationId', set: 'addressesSet' },
    filters: addressFilters(gateways),
    xml: (address) => addressXml(address, context.region, gateways),
  })
}

/** Names that addresses have in the DNS: none. */
export const describeAddressesAttribute: Ec2Operation = (parameters, context) => {
  const rest: Parameters = new Map([...parameters].filter(([name]) => name !== 'Attribute'))
  return describeOf(rest, context, elasticIps, {
    ...{ ids: 'AllocationId', set: 'addressSet' },
    filters: {},
    xml: ({ id, ip }) => element('allocationId', id) + element('publicIp', ip),
  })
}

export const releaseAddress: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['AllocationId', 'NetworkBorderGroup'])
  const id = needed(parameters, 'AllocationId')
  return untilWritten('the address', async () => {
    const { key, value, condition } = await findOf(context, elasticIps, id)
    if (userOf(value, await allOf(context, natGateways)) !== undefined)
      throw new Fault('InvalidIPAddress.InUse', `Address ${value.ip} is in use.`)
    refuseDryRun(parameters)
    const owner = `elasticipowner/${context.region}/${value.ip}`
    return (await write(context, [condition], [remove(key), remove(owner)], [])) ? element('return', true) : null
  })
}

/** Only NAT gateways have addresses here, and keep them until they go. */
export const disassociateAddress: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['AssociationId'])
  const association = needed(parameters, 'AssociationId')
  const user = (await allOf(context, natGateways)).find((gateway) => associationOf(gateway) === association)
  if (user === undefined)
    throw new Fault('InvalidAssociationID.NotFound', `The association ID '${association.slice(0, 100)}' does not exist`)
  throw new Fault('OperationNotPermitted', `The address of the NAT gateway ${user.id} leaves it when it is deleted.`)
}

const gatewayXml = (gateway: NatGatewayRecord, ip: string | undefined): string =>
  element('natGatewayId', gateway.id) +
  element('vpcId', gateway.vpc) +
  element('subnetId', gateway.subnet) +
  element('state', 'available') +
  element('connectivityType', gateway.allocation === null ? 'private' : 'public') +
  element('createTime', new Date(gateway.createdAt).toISOString()) +
  items('natGatewayAddressSet', [
    element('allocationId', gateway.allocation ?? undefined) +
      element('publicIp', ip) +
      element('privateIp', gateway.privateIp) +
      element('networkInterfaceId', `eni-${gateway.id.slice('nat-'.length)}`) +
      element('associationId', gateway.allocation === null ? undefined : associationOf(gateway)) +
      element('isPrimary', true) +
      element('status', 'succeeded'),
  ]) +
  tagSet(gateway.tags)

export const createNatGateway: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['SubnetId', 'AllocationId', 'ConnectivityType', 'ClientToken', 'TagSpecification'])
  const tags = tagsOfNew(parameters, natGateways.type)
  const isPublic = (parameters.get('ConnectivityType') || 'public') === 'public'
  const allocation = isPublic ? needed(parameters, 'AllocationId') : null
  const id = newId(natGateways)
  const [gateway, ip] = await untilWritten('the NAT gateway', async () => {
    const subnet = await findOf(context, subnets, needed(parameters, 'SubnetId'))
    const [conditions, operations] = held(subnet)
    const address = allocation === null ? null : await findOf(context, elasticIps, allocation)
    const others = await allOf(context, natGateways)
    if (address !== null && userOf(address.value, others) !== undefined)
      throw new Fault('Resource.AlreadyAssociated', `Elastic IP address [${allocation}] is already associated`)
    refuseDryRun(parameters)
    const number = 4 + others.filter((each) => each.subnet === subnet.value.id).length
    const record: NatGatewayRecord = {
      ...{ region: context.region, id, vpc: subnet.value.vpc, subnet: subnet.value.id, allocation, tags },
      privateIp: subnet.value.cidr.replace(/\d+\/\d+$/, String(number)),
      createdAt: context.clock.now(),
    }
    const key = keyOf(natGateways, context.region, id)
    const taking = address === null ? ([[], []] as const) : held(address)
    const written = await write(
      context,
      [absent(key), ...conditions, ...taking[0]],
      [put(key, record), ...operations, ...taking[1]],
      [],
    )
    return written ? ([record, address?.value.ip] as const) : null
  })
  return `<natGateway>${gatewayXml(gateway, ip)}</natGateway>`
}

export const describeNatGateways: Ec2Operation = async (parameters, context) => {
  const addresses = await allOf(context, elasticIps)
  return describeOf(parameters, context, natGateways, {
    ...{ ids: 'NatGatewayId', set: 'natGatewaySet' },
    filters: {
      'nat-gateway-id': ({ id }) => [id],
      'subnet-id': ({ subnet }) => [subnet],
      'vpc-id': ({ vpc }) => [vpc],
      state: () => ['available'],
    },
    xml: (gateway) => gatewayXml(gateway, addresses.find(({ id }) => id === gateway.allocation)?.ip),
  })
}

export const deleteNatGateway: Ec2Operation = async (parameters, context) => {
  refuseOthers(parameters, ['NatGatewayId'])
  const id = needed(parameters, 'NatGatewayId')
  return untilWritten('the NAT gateway', async () => {
    const { key, condition } = await findOf(context, natGateways, id)
    // On AWS a route to it stays, as a black hole; here nothing may name what is not there.
    if ((await allOf(context, routeTables)).some(({ routes }) => routes.some(({ target }) => target === id)))
      throw inUse(natGateways, id)
    refuseDryRun(parameters)
    return (await write(context, [condition], [remove(key)], [])) ? element('natGatewayId', id) : null
  })
}
