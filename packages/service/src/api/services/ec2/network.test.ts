import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultVpc } from '../../../model/network.ts'
import { createCacheSubnetGroup } from '../elasticache/subnet-groups/create.ts'
import { deleteCacheSubnetGroup } from '../elasticache/subnet-groups/delete.ts'
import { modifyCacheSubnetGroup } from '../elasticache/subnet-groups/modify.ts'
import { account, putGroup, region, rejects, type TestContext } from '../elasticache/test-context.ts'
import { ask, filters, type Input, network, newSubnet, newVpc, one, refuses, three, valuesOf } from './testing.ts'

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
  await refuses(context, 'DescribeSecurityGroups', { 'GroupName.1': 'web' }, 'InvalidGroup.NotFound', /web/)
  const usual = await ask(context, 'DescribeSecurityGroups', { 'GroupName.1': 'default' })
  assert.deepEqual(valuesOf(usual, 'vpcId'), [defaultVpc(region, account).id], 'names are those of the default VPC')
  await ask(context, 'DeleteSecurityGroup', { GroupId: one_ })
  await create(vpc)
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

test('of two that make the same subnet, or make and delete, one comes first and the other is told', async () => {
  const context = network()
  const vpc = await newVpc(context)
  const same = await Promise.allSettled([newSubnet(context, vpc, '10.0.1.0/24'), newSubnet(context, vpc, '10.0.1.0/25')])
  assert.deepEqual(same.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const other = await newVpc(context)
  const both = await Promise.allSettled([newSubnet(context, other, '10.0.1.0/24'), ask(context, 'DeleteVpc', { VpcId: other })])
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
})
