/** What policies are asked about calls of EC2: every resource that a request is about or makes, however it names it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IamUser } from '../../../model/iam.ts'
import { authorise, type Trail } from '../../authorise/authorise.ts'
import { account, region, type TestContext, testContext } from '../elasticache/test-context.ts'
import { ec2 } from './service.ts'
import { ask, filters, type Input, newSubnet, newVpc, one, valuesOf } from './testing.ts'

const caller = { accessKeyId: 'AKIA', account, arn: `arn:aws:iam::${account}:user/ada`, userId: 'AIDA', region, service: 'ec2' }

const trailOf = async (context: TestContext, action: string, input: Input, user?: IamUser): Promise<Trail> => {
  const trail: Trail = { action: null, resources: [], decision: 'undecided' }
  const asking = {
    caller: user === undefined ? caller : { ...caller, user },
    action,
    input: new Map(Object.entries(input)),
    context,
    requestId: 'r',
    forward: () => assert.fail('EC2 hands nothing on'),
  }
  const { about } = ec2.prepare({ actions: {}, sealer: context.sealer }, asking)
  await authorise({ caller: asking.caller, action: `ec2:${action}`, about, sourceAddress: null, userAgent: null }, context, trail)
  return trail
}

const userWith = (...Statement: readonly object[]): IamUser => ({
  name: 'ada',
  path: '/',
  id: 'AIDA',
  createdAt: 0,
  tags: [],
  accessKeys: [],
  policies: [{ name: 'main', document: JSON.stringify({ Version: '2012-10-17', Statement }) }],
})

/** `subnet/*` and so on, without what every one begins with. */
const short = (resources: readonly string[]): readonly string[] =>
  resources.map((arn) => arn.replace(`arn:aws:ec2:${region}:${account}:`, ''))

test('each call is asked about what it makes and what it names', async () => {
  const context = testContext()
  const vpc = await newVpc(context)
  const subnet = await newSubnet(context, vpc, '10.0.1.0/24')
  const table = one(await ask(context, 'CreateRouteTable', { VpcId: vpc }), 'routeTableId')
  const routing = one(await ask(context, 'AssociateRouteTable', { RouteTableId: table, SubnetId: subnet }), 'associationId')
  const acls = await ask(context, 'DescribeNetworkAcls', filters({ 'vpc-id': vpc }))
  const network = one(await ask(context, 'AssociateVpcCidrBlock', { VpcId: vpc, CidrBlock: '10.9.0.0/16' }), 'associationId')
  const [gateway, address, rule] = ['igw-12345678', 'eipalloc-12345678', 'sgr-12345678']
  const asked: readonly (readonly [string, Input, readonly string[]])[] = [
    ['CreateVpc', { CidrBlock: '10.0.0.0/16' }, ['vpc/*']],
    ['CreateSubnet', { VpcId: vpc }, ['subnet/*', `vpc/${vpc}`]],
    ['CreateSecurityGroup', { VpcId: vpc, GroupName: 'x' }, ['security-group/*', `vpc/${vpc}`]],
    ['CreateSecurityGroup', { GroupName: 'x' }, ['security-group/*']],
    ['CreateRouteTable', { VpcId: vpc }, ['route-table/*', `vpc/${vpc}`]],
    ['CreateNetworkAcl', { VpcId: vpc }, ['network-acl/*', `vpc/${vpc}`]],
    ['CreateInternetGateway', {}, ['internet-gateway/*']],
    ['AllocateAddress', {}, ['elastic-ip/*']],
    [
      'CreateNatGateway',
      { SubnetId: subnet, AllocationId: address },
      ['natgateway/*', `subnet/${subnet}`, `elastic-ip/${address}`],
    ],
    ['AttachInternetGateway', { VpcId: vpc, InternetGatewayId: gateway }, [`vpc/${vpc}`, `internet-gateway/${gateway}`]],
    ['CreateRoute', { RouteTableId: table, GatewayId: gateway }, [`route-table/${table}`, `internet-gateway/${gateway}`]],
    ['AssociateRouteTable', { RouteTableId: table, SubnetId: subnet }, [`route-table/${table}`, `subnet/${subnet}`]],
    ['DisassociateRouteTable', { AssociationId: routing }, [`route-table/${table}`]],
    ['DisassociateVpcCidrBlock', { AssociationId: network }, [`vpc/${vpc}`]],
    ['CreateTags', { 'ResourceId.1': vpc, 'ResourceId.2': rule }, [`vpc/${vpc}`, `security-group-rule/${rule}`]],
    ['DeleteTags', { 'ResourceId.1': 'sg-12345678' }, ['security-group/sg-12345678']],
    ['ModifySecurityGroupRules', { GroupId: 'sg-12345678' }, ['security-group/sg-12345678']],
    ['DescribeVpcs', { 'VpcId.1': vpc }, ['*']],
    ['DescribeNetworkInterfaces', filters({ 'group-id': 'sg-12345678' }), ['*']],
  ]
  for (const [action, input, resources] of asked)
    assert.deepEqual(short((await trailOf(context, action, input)).resources), resources, `${action} ${JSON.stringify(input)}`)
  // A subnet that no other network ACL has: the usual ones stand for it.
  const [association = ''] = valuesOf(acls, 'networkAclAssociationId')
  const usual = short((await trailOf(context, 'ReplaceNetworkAclAssociation', { AssociationId: association })).resources)
  assert.ok(usual.includes(`network-acl/${valuesOf(acls, 'networkAclId')[0]}`), String(usual))
})

test('a policy that refuses what carries a tag refuses it for each kind, and for an association of it', async () => {
  const context = testContext()
  const vpc = await newVpc(context)
  const subnet = await newSubnet(context, vpc, '10.0.1.0/24')
  const table = one(await ask(context, 'CreateRouteTable', { VpcId: vpc }), 'routeTableId')
  const association = one(await ask(context, 'AssociateRouteTable', { RouteTableId: table, SubnetId: subnet }), 'associationId')
  const user = userWith(
    { Effect: 'Allow', Action: 'ec2:*', Resource: '*' },
    { Effect: 'Deny', Action: 'ec2:*', Resource: '*', Condition: { StringEquals: { 'aws:ResourceTag/keep': 'yes' } } },
  )
  const calls: readonly (readonly [string, Input, string])[] = [
    ['DeleteVpc', { VpcId: vpc }, vpc],
    ['DeleteSubnet', { SubnetId: subnet }, subnet],
    ['DisassociateRouteTable', { AssociationId: association }, table],
  ]
  for (const [action, input, id] of calls) {
    assert.equal((await trailOf(context, action, input, user)).decision, 'allowed', action)
    await ask(context, 'CreateTags', { 'ResourceId.1': id, 'Tag.1.Key': 'keep', 'Tag.1.Value': 'yes' })
    await assert.rejects(trailOf(context, action, input, user), { shape: 'AccessDenied' }, action)
  }
})

test('tags that come with something new need their own permission', async () => {
  const context = testContext()
  const user = userWith({ Effect: 'Allow', Action: 'ec2:CreateVpc', Resource: '*' })
  const tag = { 'TagSpecification.1.ResourceType': 'vpc', 'TagSpecification.1.Tag.1.Key': 'a' }
  assert.equal((await trailOf(context, 'CreateVpc', { CidrBlock: '10.0.0.0/16' }, user)).decision, 'allowed')
  await assert.rejects(trailOf(context, 'CreateVpc', { CidrBlock: '10.0.0.0/16', ...tag }, user), /ec2:CreateTags/)
})
