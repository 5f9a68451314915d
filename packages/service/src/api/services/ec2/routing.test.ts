import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultVpc } from '../../../model/network.ts'
import { account, region } from '../elasticache/test-context.ts'
import { ask, filters, type Input, network, newSubnet, newVpc, one, refuses, valuesOf } from './testing.ts'

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
  const [association = ''] = valuesOf(await ask(context, 'DescribeAddresses'), 'associationId')
  await refuses(context, 'DisassociateAddress', { AssociationId: association }, 'OperationNotPermitted', /NAT gateway/)
  await ask(context, 'DeleteNatGateway', { NatGatewayId: gateway })
  await refuses(context, 'DisassociateAddress', { AssociationId: association }, 'InvalidAssociationID.NotFound', /not exist/)
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
