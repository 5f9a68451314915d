import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultVpc } from '../../model/network.ts'
import { createCacheSubnetGroup } from '../actions/subnet-groups/create.ts'
import { deleteCacheSubnetGroup } from '../actions/subnet-groups/delete.ts'
import { modifyCacheSubnetGroup } from '../actions/subnet-groups/modify.ts'
import { account, putGroup, region, rejects, type TestContext, testContext } from '../actions/test-context.ts'
import { ask, filters, type Input, refuses, valuesOf } from './testing.ts'

/** A context as the service makes it: subnets that nobody made are refused. */
const network = (): TestContext => ({ ...testContext(), unknownSubnets: 'refused' })

const one = (answer: string, element: string): string => {
  const [value = ''] = valuesOf(answer, element)
  assert.notEqual(value, '', `${element} in ${answer}`)
  return value
}

const newVpc = async (context: TestContext, cidr = '10.0.0.0/16', more: Input = {}): Promise<string> =>
  one(await ask(context, 'CreateVpc', { CidrBlock: cidr, ...more }), 'vpcId')

const newSubnet = async (context: TestContext, vpc: string, cidr: string, more: Input = {}): Promise<string> =>
  one(await ask(context, 'CreateSubnet', { VpcId: vpc, CidrBlock: cidr, ...more }), 'subnetId')

const three = async (context: TestContext, vpc: string): Promise<readonly string[]> => {
  const ids: string[] = []
  for (const number of [1, 2, 3]) ids.push(await newSubnet(context, vpc, `10.0.${number}.0/24`))
  return ids
}

const subnetGroup = (context: TestContext, name: string, ids: readonly string[]) =>
  createCacheSubnetGroup({ CacheSubnetGroupName: name, CacheSubnetGroupDescription: name, SubnetIds: [...ids] }, context)

test('a VPC comes with a main route table, a default network ACL and a default security group, and goes with them', async () => {
  const context = network()
  const before = await context.store.list('')
  const vpc = await newVpc(context, '10.1.2.3/16')
  const shown = await ask(context, 'DescribeVpcs', { 'VpcId.1': vpc })
  assert.deepEqual(
    [one(shown, 'isDefault'), valuesOf(shown, 'cidrBlock')[0], one(shown, 'dhcpOptionsId')],
    ['false', '10.1.0.0/16', 'default'],
  )
  const main = await ask(context, 'DescribeRouteTables', filters({ 'vpc-id': vpc, 'association.main': 'true' }))
  assert.match(main, /<destinationCidrBlock>10.1.0.0\/16<\/destinationCidrBlock><gatewayId>local</)
  const acl = await ask(context, 'DescribeNetworkAcls', filters({ 'vpc-id': vpc, default: 'true' }))
  assert.deepEqual(valuesOf(acl, 'ruleNumber'), ['100', '100', '32767', '32767'])
  const group = await ask(context, 'DescribeSecurityGroups', filters({ 'vpc-id': vpc, 'group-name': 'default' }))
  assert.equal(valuesOf(group, 'groupName').length, 1)
  assert.deepEqual(valuesOf(group, 'cidrIp'), ['0.0.0.0/0'], 'egress alone: others are not let in')
  const attribute = async (name: string): Promise<string> =>
    one(await ask(context, 'DescribeVpcAttribute', { VpcId: vpc, Attribute: name }), 'value')
  assert.deepEqual(
    [
      await attribute('enableDnsSupport'),
      await attribute('enableDnsHostnames'),
      await attribute('enableNetworkAddressUsageMetrics'),
    ],
    ['true', 'false', 'false'],
  )
  await ask(context, 'ModifyVpcAttribute', { VpcId: vpc, 'EnableDnsHostnames.Value': 'true' })
  assert.equal(await attribute('enableDnsHostnames'), 'true')
  assert.match(await ask(context, 'DescribeVpcClassicLink', { 'VpcId.1': vpc }), /<classicLinkEnabled>false</)
  assert.match(await ask(context, 'DescribeVpcClassicLinkDnsSupport', { 'VpcIds.1': vpc }), /<classicLinkDnsSupported>false</)
  await ask(context, 'DeleteVpc', { VpcId: vpc })
  assert.deepEqual((await context.store.list('')).entries, before.entries, 'nothing is left of it')
  await refuses(context, 'DeleteVpc', { VpcId: vpc }, 'InvalidVpcID.NotFound', /does not exist/)
  await refuses(context, 'DescribeVpcs', { 'VpcId.1': vpc }, 'InvalidVpcID.NotFound', /does not exist/)
})

test('a VPC takes further networks, and gives them back while no subnet is in them', async () => {
  const context = network()
  const vpc = await newVpc(context)
  const added = await ask(context, 'AssociateVpcCidrBlock', { VpcId: vpc, CidrBlock: '10.1.0.0/16' })
  const association = one(added, 'associationId')
  await refuses(context, 'AssociateVpcCidrBlock', { VpcId: vpc, CidrBlock: '10.1.4.0/24' }, 'InvalidVpc.Range', /conflicts/)
  const found = await ask(context, 'DescribeVpcs', filters({ 'cidr-block-association.cidr-block': '10.1.0.0/16' }))
  assert.deepEqual(valuesOf(found, 'vpcId'), [vpc])
  const subnet = await newSubnet(context, vpc, '10.1.0.0/24')
  await refuses(context, 'DisassociateVpcCidrBlock', { AssociationId: association }, 'DependencyViolation', /dependencies/)
  await ask(context, 'DeleteSubnet', { SubnetId: subnet })
  await ask(context, 'DisassociateVpcCidrBlock', { AssociationId: association })
  const primary = valuesOf(await ask(context, 'DescribeVpcs', { 'VpcId.1': vpc }), 'associationId')
  await refuses(context, 'DisassociateVpcCidrBlock', { AssociationId: primary[0] ?? '' }, 'OperationNotPermitted', /primary/)
})

test('subnets of a VPC are spread over three zones, and a cache subnet group takes their ids', async () => {
  const context = network()
  const vpc = await newVpc(context)
  const ids = await three(context, vpc)
  const { CacheSubnetGroup: made } = await subnetGroup(context, 'mine', ids)
  assert.equal(made?.VpcId, vpc)
  assert.deepEqual(
    made?.Subnets?.map((subnet) => [subnet.SubnetIdentifier, subnet.SubnetAvailabilityZone?.Name]),
    ids.map((id, index) => [id, `${region}${'abc'[index]}`]),
  )
  await refuses(
    context,
    'DeleteSubnet',
    { SubnetId: ids[0] ?? '' },
    'DependencyViolation',
    /has dependencies and cannot be deleted/,
  )
  await refuses(context, 'DeleteVpc', { VpcId: vpc }, 'DependencyViolation', /has dependencies and cannot be deleted/)
  await deleteCacheSubnetGroup({ CacheSubnetGroupName: 'mine' }, context)
  for (const SubnetId of ids) await ask(context, 'DeleteSubnet', { SubnetId })
  await refuses(context, 'DeleteSubnet', { SubnetId: ids[0] ?? '' }, 'InvalidSubnetID.NotFound', /does not exist/)
  await ask(context, 'DeleteVpc', { VpcId: vpc })
})

test('a cache subnet group takes no subnet that nobody made, and none of two VPCs', async () => {
  const context = network()
  const [vpc, other] = [await newVpc(context), await newVpc(context)]
  const [ids, [strange = '']] = [await three(context, vpc), await three(context, other)]
  const unknown = ['subnet-0123456789abcdef0']
  await rejects(
    context,
    () => subnetGroup(context, 'mine', unknown),
    'InvalidParameterValueException',
    /Some input subnets in :\[/,
  )
  await rejects(context, () => subnetGroup(context, 'mine', [...ids, strange]), 'InvalidSubnet', /one VPC/)
  await subnetGroup(context, 'mine', ids)
  const modify = (SubnetIds: string[]) => modifyCacheSubnetGroup({ CacheSubnetGroupName: 'mine', SubnetIds }, context)
  await rejects(context, () => modify([strange]), 'InvalidSubnet', /of the VPC/)
  await rejects(context, () => modify(unknown), 'InvalidParameterValueException', /invalid/)
  const taking = { ...context, unknownSubnets: 'taken' as const }
  assert.equal((await subnetGroup(taking, 'of-another', unknown)).CacheSubnetGroup?.VpcId, defaultVpc(region, account).id)
  // What a group has already stays known, whatever the setting is later.
  await subnetGroup(context, 'again', unknown)
  assert.deepEqual(valuesOf(await ask(context, 'DescribeSubnets', { 'SubnetId.1': unknown[0] ?? '' }), 'vpcId'), [
    defaultVpc(region, account).id,
  ])
})

test('a subnet is made in the zone that is asked for, changed, and found by what it is', async () => {
  const context = network()
  const vpc = await newVpc(context)
  const id = await newSubnet(context, vpc, '10.0.9.77/24', { AvailabilityZoneId: 'euc1-az3' })
  const wanted = { 'vpc-id': vpc, 'cidr-block': '10.0.9.0/24', 'availability-zone': `${region}c`, state: 'available' }
  assert.deepEqual(valuesOf(await ask(context, 'DescribeSubnets', filters(wanted)), 'subnetId'), [id])
  const flags = { 'MapPublicIpOnLaunch.Value': 'true', PrivateDnsHostnameTypeOnLaunch: 'resource-name' }
  await ask(context, 'ModifySubnetAttribute', { SubnetId: id, ...flags })
  const shown = await ask(context, 'DescribeSubnets', { 'SubnetId.1': id })
  assert.deepEqual(
    ['mapPublicIpOnLaunch', 'hostnameType', 'availableIpAddressCount', 'defaultForAz'].map((name) => one(shown, name)),
    ['true', 'resource-name', '251', 'false'],
  )
})

test('what stands in a VPC keeps it, each kind by itself', async () => {
  const context = network()
  const vpc = await newVpc(context)
  const [usual = ''] = valuesOf(await ask(context, 'DescribeSecurityGroups', filters({ 'vpc-id': vpc })), 'groupId')
  const group = async (): Promise<readonly [string, Input]> => {
    const id = one(await ask(context, 'CreateSecurityGroup', { GroupName: 'web', GroupDescription: 'x', VpcId: vpc }), 'groupId')
    return ['DeleteSecurityGroup', { GroupId: id }]
  }
  const elsewhere = async (): Promise<readonly [string, Input]> => {
    const id = one(await ask(context, 'CreateSecurityGroup', { GroupName: 'other', GroupDescription: 'x' }), 'groupId')
    const rule = { GroupId: id, 'IpPermissions.1.IpProtocol': '-1', 'IpPermissions.1.Groups.1.GroupId': usual }
    await ask(context, 'AuthorizeSecurityGroupIngress', rule)
    return ['DeleteSecurityGroup', { GroupId: id }]
  }
  const gateway = async (): Promise<readonly [string, Input]> => {
    const id = one(await ask(context, 'CreateInternetGateway'), 'internetGatewayId')
    await ask(context, 'AttachInternetGateway', { InternetGatewayId: id, VpcId: vpc })
    return ['DetachInternetGateway', { InternetGatewayId: id, VpcId: vpc }]
  }
  const kinds: readonly (() => Promise<readonly [string, Input]>)[] = [
    async () => ['DeleteSubnet', { SubnetId: await newSubnet(context, vpc, '10.0.1.0/24') }],
    async () => [
      'DeleteRouteTable',
      { RouteTableId: one(await ask(context, 'CreateRouteTable', { VpcId: vpc }), 'routeTableId') },
    ],
    async () => [
      'DeleteNetworkAcl',
      { NetworkAclId: one(await ask(context, 'CreateNetworkAcl', { VpcId: vpc }), 'networkAclId') },
    ],
    group,
    elsewhere,
    gateway,
  ]
  for (const make of kinds) {
    const [action, input] = await make()
    await refuses(context, 'DeleteVpc', { VpcId: vpc }, 'DependencyViolation', /The vpc 'vpc-.*' has dependencies/)
    await ask(context, action, input)
  }
  await ask(context, 'DeleteVpc', { VpcId: vpc })
})

test('security groups of two VPCs have one name, and each is found in its own', async () => {
  const context = network()
  const [vpc, other] = [await newVpc(context), await newVpc(context)]
  const create = (VpcId: string) => ask(context, 'CreateSecurityGroup', { GroupName: 'web', GroupDescription: 'x', VpcId })
  const [one_, two] = [one(await create(vpc), 'groupId'), one(await create(other), 'groupId')]
  await refuses(
    context,
    'CreateSecurityGroup',
    { GroupName: 'web', GroupDescription: 'x', VpcId: vpc },
    'InvalidGroup.Duplicate',
    /already exists/,
  )
  assert.deepEqual(
    valuesOf(await ask(context, 'DescribeSecurityGroups', filters({ 'group-name': 'web', 'vpc-id': other })), 'groupId'),
    [two],
  )
  await ask(context, 'DeleteSecurityGroup', { GroupId: one_ })
  await create(vpc)
})

test('route tables have routes and associations, which hold them', async () => {
  const context = network()
  const vpc = await newVpc(context)
  const subnet = await newSubnet(context, vpc, '10.0.1.0/24')
  const gateway = one(await ask(context, 'CreateInternetGateway'), 'internetGatewayId')
  await ask(context, 'AttachInternetGateway', { InternetGatewayId: gateway, VpcId: vpc })
  const table = one(await ask(context, 'CreateRouteTable', { VpcId: vpc }), 'routeTableId')
  const route = { RouteTableId: table, DestinationCidrBlock: '0.0.0.0/0', GatewayId: gateway }
  await ask(context, 'CreateRoute', route)
  await refuses(context, 'CreateRoute', route, 'RouteAlreadyExists', /0.0.0.0/)
  await ask(context, 'ReplaceRoute', route)
  await ask(context, 'CreateRoute', { RouteTableId: table, DestinationIpv6CidrBlock: '::/0', GatewayId: gateway })
  const shown = await ask(context, 'DescribeRouteTables', filters({ 'route.gateway-id': gateway, 'vpc-id': vpc }))
  assert.deepEqual([valuesOf(shown, 'destinationIpv6CidrBlock'), valuesOf(shown, 'origin').length], [['::/0'], 3])
  await ask(context, 'DeleteRoute', { RouteTableId: table, DestinationIpv6CidrBlock: '::/0' })
  const association = one(await ask(context, 'AssociateRouteTable', { RouteTableId: table, SubnetId: subnet }), 'associationId')
  const again = await ask(context, 'AssociateRouteTable', { RouteTableId: table, SubnetId: subnet })
  assert.equal(one(again, 'associationId'), association)
  await refuses(context, 'DeleteRouteTable', { RouteTableId: table }, 'DependencyViolation', /The routeTable/)
  const second = one(await ask(context, 'CreateRouteTable', { VpcId: vpc }), 'routeTableId')
  await refuses(
    context,
    'AssociateRouteTable',
    { RouteTableId: second, SubnetId: subnet },
    'Resource.AlreadyAssociated',
    /conflicts/,
  )
  const replaced = await ask(context, 'ReplaceRouteTableAssociation', { AssociationId: association, RouteTableId: second })
  const moved = one(replaced, 'newAssociationId')
  await refuses(
    context,
    'DisassociateRouteTable',
    { AssociationId: association },
    'InvalidAssociationID.NotFound',
    /does not exist/,
  )
  const having = await ask(context, 'DescribeRouteTables', filters({ 'association.route-table-association-id': moved }))
  assert.deepEqual(valuesOf(having, 'subnetId'), [subnet])
  await ask(context, 'DisassociateRouteTable', { AssociationId: moved })
  const main = one(
    await ask(context, 'DescribeRouteTables', filters({ 'association.main': 'true', 'vpc-id': vpc })),
    'routeTableAssociationId',
  )
  await refuses(context, 'DisassociateRouteTable', { AssociationId: main }, 'InvalidParameterValue', /main/)
  await ask(context, 'ReplaceRouteTableAssociation', { AssociationId: main, RouteTableId: table })
  const now = await ask(context, 'DescribeRouteTables', filters({ 'association.main': 'true', 'vpc-id': vpc }))
  assert.deepEqual([...new Set(valuesOf(now, 'routeTableId'))], [table])
  await refuses(context, 'DeleteRouteTable', { RouteTableId: table }, 'DependencyViolation', /routeTable/)
  // The subnet takes its associations along.
  await ask(context, 'AssociateRouteTable', { RouteTableId: second, SubnetId: subnet })
  await ask(context, 'DeleteSubnet', { SubnetId: subnet })
  await ask(context, 'DeleteRouteTable', { RouteTableId: second })
})

test('network ACLs have entries, and each subnet has one of them', async () => {
  const context = network()
  const vpc = await newVpc(context)
  const subnet = await newSubnet(context, vpc, '10.0.1.0/24')
  const acl = one(await ask(context, 'CreateNetworkAcl', { VpcId: vpc }), 'networkAclId')
  const at = { NetworkAclId: acl, RuleNumber: '100', Egress: 'false' }
  const entry = {
    ...at,
    Protocol: 'tcp',
    RuleAction: 'allow',
    CidrBlock: '10.0.0.0/8',
    'PortRange.From': '1',
    'PortRange.To': '2',
  }
  await ask(context, 'CreateNetworkAclEntry', entry)
  await refuses(context, 'CreateNetworkAclEntry', entry, 'NetworkAclEntryAlreadyExists', /100/)
  await ask(context, 'ReplaceNetworkAclEntry', { ...entry, Protocol: '1', 'Icmp.Type': '-1', 'Icmp.Code': '-1' })
  assert.match(await ask(context, 'DescribeNetworkAcls', { 'NetworkAclId.1': acl }), /<protocol>1<.*<icmpTypeCode><type>-1</)
  await ask(context, 'DeleteNetworkAclEntry', at)
  await refuses(context, 'DeleteNetworkAclEntry', at, 'InvalidNetworkAclEntry.NotFound', /100/)
  await refuses(context, 'CreateNetworkAclEntry', { ...entry, RuleNumber: '32767' }, 'InvalidParameterValue', /32766/)
  const usual = await ask(context, 'DescribeNetworkAcls', filters({ default: 'true', 'association.subnet-id': subnet }))
  const first = one(usual, 'networkAclAssociationId')
  const moved = one(
    await ask(context, 'ReplaceNetworkAclAssociation', { AssociationId: first, NetworkAclId: acl }),
    'newAssociationId',
  )
  const having = await ask(context, 'DescribeNetworkAcls', filters({ 'association.subnet-id': subnet }))
  assert.deepEqual([...new Set(valuesOf(having, 'networkAclId'))], [acl])
  await refuses(context, 'DeleteNetworkAcl', { NetworkAclId: acl }, 'DependencyViolation', /networkAcl/)
  const usualId = one(usual, 'networkAclId')
  await ask(context, 'ReplaceNetworkAclAssociation', { AssociationId: moved, NetworkAclId: usualId })
  await ask(context, 'DeleteNetworkAcl', { NetworkAclId: acl })
  await refuses(context, 'DeleteNetworkAcl', { NetworkAclId: usualId }, 'InvalidParameterValue', /default network ACL/)
})

test('a NAT gateway has an address and a subnet, which it keeps', async () => {
  const context = network()
  const vpc = await newVpc(context)
  const subnet = await newSubnet(context, vpc, '10.0.1.0/24')
  const address = await ask(context, 'AllocateAddress', { Domain: 'vpc' })
  const allocation = one(address, 'allocationId')
  const input = { SubnetId: subnet, AllocationId: allocation }
  const gateway = one(await ask(context, 'CreateNatGateway', input), 'natGatewayId')
  await refuses(context, 'CreateNatGateway', input, 'Resource.AlreadyAssociated', /already associated/)
  assert.equal(
    one(await ask(context, 'DescribeNatGateways', filters({ 'vpc-id': vpc, state: 'available' })), 'natGatewayId'),
    gateway,
  )
  assert.match(await ask(context, 'DescribeAddresses', { 'PublicIp.1': one(address, 'publicIp') }), /<associationId>eipassoc-/)
  await ask(context, 'DescribeAddressesAttribute', { 'AllocationId.1': allocation, Attribute: 'domain-name' })
  const table = one(await ask(context, 'CreateRouteTable', { VpcId: vpc }), 'routeTableId')
  const route = { RouteTableId: table, DestinationCidrBlock: '0.0.0.0/0' }
  await ask(context, 'CreateRoute', { ...route, NatGatewayId: gateway })
  await refuses(context, 'DeleteNatGateway', { NatGatewayId: gateway }, 'DependencyViolation', /NatGateway/)
  await refuses(context, 'DeleteSubnet', { SubnetId: subnet }, 'DependencyViolation', /subnet/)
  await refuses(context, 'ReleaseAddress', { AllocationId: allocation }, 'InvalidIPAddress.InUse', /in use/)
  await ask(context, 'DeleteRoute', route)
  await ask(context, 'DeleteNatGateway', { NatGatewayId: gateway })
  await ask(context, 'ReleaseAddress', { AllocationId: allocation })
  await ask(context, 'DeleteSubnet', { SubnetId: subnet })
  await refuses(context, 'DescribeNatGateways', { 'NatGatewayId.1': gateway }, 'NatGatewayNotFound', /does not exist/)
})

test('the default VPC is there with all that belongs to it, can be changed, and stays', async () => {
  const context = network()
  const { id, subnets } = defaultVpc(region, account)
  const [gateway = ''] = valuesOf(
    await ask(context, 'DescribeInternetGateways', filters({ 'attachment.vpc-id': id })),
    'internetGatewayId',
  )
  const main = await ask(context, 'DescribeRouteTables', filters({ 'vpc-id': id }))
  assert.deepEqual(valuesOf(main, 'gatewayId'), ['local', gateway])
  const acl = await ask(context, 'DescribeNetworkAcls', filters({ 'vpc-id': id }))
  assert.deepEqual(valuesOf(acl, 'subnetId').toSorted(), subnets.map((subnet) => subnet.id).toSorted())
  for (const change of [false, true]) {
    if (change) {
      await ask(context, 'CreateTags', {
        'ResourceId.1': id,
        'ResourceId.2': subnets[0]?.id ?? '',
        'Tag.1.Key': 'a',
        'Tag.1.Value': 'b',
      })
      await ask(context, 'DetachInternetGateway', { InternetGatewayId: gateway, VpcId: id })
    }
    const code = change ? 'OperationNotPermitted' : 'DependencyViolation'
    await refuses(context, 'DeleteInternetGateway', { InternetGatewayId: gateway }, code, /default VPC|dependencies/)
    await refuses(context, 'DeleteSubnet', { SubnetId: subnets[0]?.id ?? '' }, 'OperationNotPermitted', /default VPC/)
    await refuses(context, 'DeleteVpc', { VpcId: id }, 'OperationNotPermitted', /default VPC/)
  }
  assert.deepEqual(valuesOf(await ask(context, 'DescribeVpcs', filters({ 'tag:a': 'b', isDefault: 'true' })), 'vpcId'), [id])
})

test('everything of a network has tags, from the beginning and later, by which it is found and listed', async () => {
  const context = network()
  const tags = (type: string): Input => ({
    'TagSpecification.1.ResourceType': type,
    'TagSpecification.1.Tag.1.Key': 'Name',
    'TagSpecification.1.Tag.1.Value': 'shop',
  })
  const vpc = await newVpc(context, '10.0.0.0/16', tags('vpc'))
  const subnet = await newSubnet(context, vpc, '10.0.1.0/24', tags('subnet'))
  const AllocationId = one(await ask(context, 'AllocateAddress', tags('elastic-ip')), 'allocationId')
  const made = [
    ['DescribeVpcs', 'vpcId', vpc],
    ['DescribeSubnets', 'subnetId', subnet],
    ['DescribeAddresses', 'allocationId', AllocationId],
    [
      'DescribeRouteTables',
      'routeTableId',
      one(await ask(context, 'CreateRouteTable', { VpcId: vpc, ...tags('route-table') }), 'routeTableId'),
    ],
    [
      'DescribeNetworkAcls',
      'networkAclId',
      one(await ask(context, 'CreateNetworkAcl', { VpcId: vpc, ...tags('network-acl') }), 'networkAclId'),
    ],
    [
      'DescribeInternetGateways',
      'internetGatewayId',
      one(await ask(context, 'CreateInternetGateway', tags('internet-gateway')), 'internetGatewayId'),
    ],
    [
      'DescribeNatGateways',
      'natGatewayId',
      one(await ask(context, 'CreateNatGateway', { SubnetId: subnet, AllocationId, ...tags('natgateway') }), 'natGatewayId'),
    ],
  ] as const
  for (const [action, element, id] of made) {
    assert.ok(valuesOf(await ask(context, action, filters({ 'tag:Name': 'shop' })), element).includes(id), action)
    await ask(context, 'CreateTags', { 'ResourceId.1': id, 'Tag.1.Key': 'team', 'Tag.1.Value': element })
    assert.ok(
      valuesOf(await ask(context, action, filters({ 'tag-key': 'team', 'tag:team': element })), element).includes(id),
      action,
    )
    await ask(context, 'DeleteTags', { 'ResourceId.1': id, 'Tag.1.Key': 'Name' })
    assert.deepEqual(valuesOf(await ask(context, 'DescribeTags', filters({ 'resource-id': id })), 'key'), ['team'])
  }
  await refuses(context, 'CreateVpc', { CidrBlock: '10.0.0.0/16', ...tags('subnet') }, 'InvalidParameterValue', /taggable/)
  await refuses(
    context,
    'CreateTags',
    { 'ResourceId.1': 'vpc-12345678', 'Tag.1.Key': 'a' },
    'InvalidVpcID.NotFound',
    /vpc-12345678/,
  )
})

test('each node of a cache has a network interface, by which its security groups and subnets are found', async () => {
  const context = network()
  const vpc = await newVpc(context)
  const ids = await three(context, vpc)
  await subnetGroup(context, 'mine', ids)
  const nodes = ids.map((_id, index) => ({ id: `g-00${index + 1}`, zone: `${region}${'abc'[index]}` }))
  await putGroup(context, { id: 'g', subnetGroup: 'mine', nodes })
  const found = await ask(context, 'DescribeNetworkInterfaces', filters({ 'vpc-id': vpc, description: 'ElastiCache g-*' }))
  assert.deepEqual(valuesOf(found, 'subnetId').toSorted(), ids.toSorted())
  const inSubnet = await ask(context, 'DescribeNetworkInterfaces', filters({ 'subnet-id': ids[1] ?? '' }))
  assert.deepEqual(valuesOf(inSubnet, 'description'), ['ElastiCache g-002'])
  const ofGroup = await ask(context, 'DescribeNetworkInterfaces', filters({ 'group-id': one(found, 'groupId') }))
  assert.equal(valuesOf(ofGroup, 'networkInterfaceId').length, 3)
  const none = await ask(
    context,
    'DescribeNetworkInterfaces',
    filters({ 'group-id': 'sg-12345678', 'attachment.instance-id': '*' }),
  )
  assert.deepEqual(valuesOf(none, 'networkInterfaceId'), [])
  await refuses(
    context,
    'DescribeNetworkInterfaces',
    { 'NetworkInterfaceId.1': 'eni-1' },
    'InvalidNetworkInterfaceID.NotFound',
    /eni-1/,
  )
})

test('wrong requests about networks are refused with the codes of EC2, and change nothing', async () => {
  const context = network()
  const vpc = await newVpc(context)
  const id = await newSubnet(context, vpc, '10.0.1.0/24')
  const subnet = (input: Input): Input => ({ VpcId: vpc, CidrBlock: '10.0.2.0/24', ...input })
  const wrong: readonly (readonly [string, Input, string, RegExp])[] = [
    ['CreateVpc', {}, 'MissingParameter', /CidrBlock/],
    ['CreateVpc', { CidrBlock: '10.0.0.0/8' }, 'InvalidVpc.Range', /\/16/],
    ['CreateVpc', { CidrBlock: '10.0.0.0/29' }, 'InvalidVpc.Range', /\/28/],
    ['CreateVpc', { CidrBlock: 'x' }, 'InvalidParameterValue', /CIDR/],
    ['CreateVpc', { CidrBlock: '10.0.0.0/16', InstanceTenancy: 'x' }, 'InvalidParameterValue', /instanceTenancy/],
    ['CreateVpc', { CidrBlock: '10.0.0.0/16', AmazonProvidedIpv6CidrBlock: 'true' }, 'UnsupportedOperation', /IPv6/],
    ['CreateVpc', { CidrBlock: '10.0.0.0/16', DryRun: 'true' }, 'DryRunOperation', /DryRun/],
    ['CreateVpc', { CidrBlock: '10.0.0.0/16', Colour: 'red' }, 'UnknownParameter', /Colour/],
    ['CreateSubnet', subnet({ VpcId: 'vpc-12345678' }), 'InvalidVpcID.NotFound', /vpc-12345678/],
    ['CreateSubnet', subnet({ CidrBlock: '11.0.0.0/24' }), 'InvalidSubnet.Range', /11.0.0.0/],
    ['CreateSubnet', subnet({ CidrBlock: '10.0.1.128/25' }), 'InvalidSubnet.Conflict', /conflicts with another subnet/],
    ['CreateSubnet', subnet({ AvailabilityZone: `${region}d` }), 'InvalidParameterValue', /following availability zones/],
    [
      'CreateSubnet',
      subnet({ AvailabilityZone: `${region}a`, AvailabilityZoneId: 'euc1-az2' }),
      'InvalidParameterValue',
      /zones/,
    ],
    ['CreateSubnet', subnet({ DryRun: 'true' }), 'DryRunOperation', /DryRun/],
    ['ModifySubnetAttribute', { SubnetId: id }, 'MissingParameter', /MapPublicIpOnLaunch/],
    ['ModifySubnetAttribute', { SubnetId: id, 'MapPublicIpOnLaunch.Value': 'yes' }, 'InvalidParameterValue', /true or false/],
    ['ModifySubnetAttribute', { SubnetId: id, PrivateDnsHostnameTypeOnLaunch: 'x' }, 'InvalidParameterValue', /ip-name/],
    ['ModifyVpcAttribute', { VpcId: vpc }, 'MissingParameter', /EnableDnsSupport/],
    ['DescribeVpcAttribute', { VpcId: vpc, Attribute: 'x' }, 'InvalidParameterValue', /enableDnsSupport/],
    ['DescribeVpcAttribute', { VpcId: 'vpc-1', Attribute: 'x' }, 'InvalidVpcID.NotFound', /vpc-1/],
    ['DescribeVpcClassicLink', { 'VpcId.1': 'vpc-1' }, 'InvalidVpcID.NotFound', /vpc-1/],
    ['CreateRouteTable', { VpcId: 'vpc-1' }, 'InvalidVpcID.NotFound', /vpc-1/],
    ['DescribeRouteTables', { 'RouteTableId.1': 'rtb-1' }, 'InvalidRouteTableID.NotFound', /rtb-1/],
    ['DescribeNetworkAcls', { 'NetworkAclId.1': 'acl-1' }, 'InvalidNetworkAclID.NotFound', /acl-1/],
    ['DescribeInternetGateways', { 'InternetGatewayId.1': 'igw-1' }, 'InvalidInternetGatewayID.NotFound', /igw-1/],
    ['DescribeAddresses', { 'AllocationId.1': 'eipalloc-1' }, 'InvalidAllocationID.NotFound', /eipalloc-1/],
    ['DescribeAddresses', { 'PublicIp.1': '1.2.3.4' }, 'InvalidAddress.NotFound', /1.2.3.4/],
    ['AttachInternetGateway', { InternetGatewayId: 'igw-12345678', VpcId: vpc }, 'InvalidInternetGatewayID.NotFound', /igw/],
    [
      'ReplaceNetworkAclAssociation',
      { AssociationId: 'aclassoc-1', NetworkAclId: 'acl-1' },
      'InvalidNetworkAclID.NotFound',
      /acl-1/,
    ],
    ['AllocateAddress', { Domain: 'standard' }, 'InvalidParameterValue', /vpc/],
    ['CreateNatGateway', { SubnetId: id }, 'MissingParameter', /AllocationId/],
    ['DescribeTags', filters({ colour: 'red' }), 'InvalidParameterValue', /filter/],
  ]
  for (const [name, input, code, message] of wrong) await refuses(context, name, input, code, message)
})

test('of two that make the same subnet, or make and delete, one comes first and the other is told', async () => {
  const context = network()
  const vpc = await newVpc(context)
  const same = await Promise.allSettled([newSubnet(context, vpc, '10.0.1.0/24'), newSubnet(context, vpc, '10.0.1.0/25')])
  assert.deepEqual(same.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const other = await newVpc(context)
  const both = await Promise.allSettled([newSubnet(context, other, '10.0.1.0/24'), ask(context, 'DeleteVpc', { VpcId: other })])
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
})
