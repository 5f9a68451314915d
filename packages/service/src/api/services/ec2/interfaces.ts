/**
 * DescribeNetworkInterfaces: one for each node of a cache, as ElastiCache has it on AWS. Whoever deletes a security group or a subnet asks for
 * them.
 */
import { createHash } from 'node:crypto'
import type { GroupSpec, GroupState } from '../../../model/group.ts'
import { defaultSubnetGroup } from '../../../model/network.ts'
import { securityGroupsOf } from '../../../model/used-security-groups.ts'
import type { VpcRecord } from '../../../model/vpc.ts'
import { listRecords } from '../../../ports/records.ts'
import type { ActionContext } from '../../action.ts'
import { element, items, tagSet } from '../../protocols/ec2.ts'
import { specsOf } from '../../writing.ts'
import { storedSubnetGroups } from '../elasticache/subnet-groups/stored.ts'
import { allGroups } from './find.ts'
import type { Ec2Operation } from './groups.ts'
import { derivedId, describeOf, type Kind, type Resource } from './resources.ts'

interface Interface extends Resource {
  readonly node: string
  readonly zone: string
  readonly subnet: string
  readonly vpc: VpcRecord['id']
  readonly address: string
  readonly groups: readonly string[]
}

/** As AWS's own services call themselves. */
const requester = 'amazon-elasticache'

const all = async (context: ActionContext): Promise<readonly Interface[]> => {
  const { region, account, store } = context
  const usual = defaultSubnetGroup(region, account)
  const groups = new Map([...(await storedSubnetGroups(context)), usual].map((group) => [group.name, group]))
  const { records } = await listRecords<GroupState>(store, `state/${region}/`)
  const states = new Map(records.map(({ value }) => [`${value.space}/${value.id}`, value]))
  const interfacesOf = (spec: GroupSpec): readonly Interface[] => {
    const placed = groups.get(spec.subnetGroup ?? usual.name) ?? usual
    const zones = new Map(spec.shards.flatMap(({ nodes }) => nodes.map(({ id, zone }) => [id, zone] as const)))
    return Object.values(states.get(`${spec.space}/${spec.id}`)?.nodes ?? {}).flatMap(({ id, address }) => {
      const zone = zones.get(id)
      const subnet = placed.subnets.find((each) => each.zone === zone)
      if (zone === undefined || subnet === undefined) return []
      const network = { subnet: subnet.id, vpc: placed.vpcId, zone, address, groups: securityGroupsOf(spec) }
      return [{ region, id: derivedId('eni', `${region}/${id}`), node: id, tags: [], ...network }]
    })
  }
  return (await specsOf(context)).flatMap(({ value }) => interfacesOf(value))
}

const kindOf = (found: readonly Interface[]): Kind<Interface> => ({
  ...{ prefix: 'eni', type: 'network-interface', folder: 'networkinterface' },
  ...{ notFound: 'InvalidNetworkInterfaceID.NotFound', label: 'networkInterface' },
  usual: () => found,
})

const macOf = (id: string): string =>
  ['02', ...(createHash('sha256').update(id).digest('hex').match(/../g) ?? []).slice(0, 5)].join(':')

const description = ({ node }: Interface): string => `ElastiCache ${node}`

export const describeNetworkInterfaces: Ec2Operation = async (parameters, context) => {
  const found = await all(context)
  const names = new Map((await allGroups(context)).map(({ id, name }) => [id, name]))
  const groupsXml = (each: Interface): string =>
    items(
      'groupSet',
      each.groups.map((id) => element('groupId', id) + element('groupName', names.get(id))),
    )
  const attachment = (id: string): string => id.replace('eni-', 'ela-attach-')
  return describeOf(parameters, context, kindOf(found), {
    ...{ ids: 'NetworkInterfaceId', set: 'networkInterfaceSet' },
    filters: {
      'network-interface-id': ({ id }) => [id],
      'group-id': ({ groups }) => groups,
      'group-name': ({ groups }) => groups.flatMap((id) => names.get(id) ?? []),
      'subnet-id': ({ subnet }) => [subnet],
      'vpc-id': ({ vpc }) => [vpc],
      'availability-zone': ({ zone }) => [zone],
      description: (each) => [description(each)],
      'private-ip-address': ({ address }) => [address],
      'addresses.private-ip-address': ({ address }) => [address],
      'requester-id': () => [requester],
      'requester-managed': () => ['true'],
      'interface-type': () => ['interface'],
      status: () => ['in-use'],
      'owner-id': () => [context.account],
      'attachment.attachment-id': ({ id }) => [attachment(id)],
      'attachment.status': () => ['attached'],
      'attachment.instance-id': () => [],
      'attachment.instance-owner-id': () => [requester],
      'attachment.nat-gateway-id': () => [],
    },
    xml: (each) =>
      element('networkInterfaceId', each.id) +
      element('subnetId', each.subnet) +
      element('vpcId', each.vpc) +
      element('availabilityZone', each.zone) +
      element('description', description(each)) +
      element('ownerId', context.account) +
      element('requesterId', requester) +
      element('requesterManaged', true) +
      element('status', 'in-use') +
      element('macAddress', macOf(each.id)) +
      element('privateIpAddress', each.address) +
      element('sourceDestCheck', true) +
      groupsXml(each) +
      '<attachment>' +
      element('attachmentId', attachment(each.id)) +
      element('instanceOwnerId', requester) +
      element('deviceIndex', 1) +
      element('status', 'attached') +
      element('deleteOnTermination', false) +
      '</attachment>' +
      items('privateIpAddressesSet', [element('privateIpAddress', each.address) + element('primary', true)]) +
      '<ipv6AddressesSet/>' +
      element('interfaceType', 'interface') +
      tagSet(each.tags),
  })
}
