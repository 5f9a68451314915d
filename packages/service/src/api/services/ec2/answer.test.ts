import assert from 'node:assert/strict'
import { test } from 'node:test'
import { subnetGroupKey } from '../../../model/keys.ts'
import { defaultVpc } from '../../../model/network.ts'
import { defaultSecurityGroupId } from '../../../model/security-groups.ts'
import { put } from '../../../ports/records.ts'
import { dispatch } from '../../dispatch.ts'
import { account, formOf, secretAccessKey, signHeader, unaudited, verifierAt } from '../../testing.ts'
import { putGroup, region, type TestContext, testContext } from '../elasticache/test-context.ts'
import { ask, type Input, refuses, valuesOf } from './testing.ts'

const create = async (context: TestContext, name: string): Promise<string> => {
  const answer = await ask(context, 'CreateSecurityGroup', { GroupName: name, GroupDescription: 'of a test' })
  const [id = ''] = valuesOf(answer, 'groupId')
  assert.match(id, /^sg-[0-9a-f]{17}$/)
  return id
}

const web = {
  'IpPermissions.1.IpProtocol': 'tcp',
  'IpPermissions.1.FromPort': '6379',
  'IpPermissions.1.ToPort': '6379',
  'IpPermissions.1.IpRanges.1.CidrIp': '10.1.2.3/8',
  'IpPermissions.1.IpRanges.1.Description': 'the <web>',
}

test('a group is created, described and deleted; its name is free again', async () => {
  const context = testContext()
  const id = await create(context, 'web')
  const answer = await ask(context, 'DescribeSecurityGroups', { 'GroupId.1': id })
  assert.match(
    answer,
    /^<DescribeSecurityGroupsResponse xmlns="http:\/\/ec2.amazonaws.com\/doc\/2016-11-15\/"><requestId>id<\/requestId>/,
  )
  assert.deepEqual(valuesOf(answer, 'groupName'), ['web'])
  assert.deepEqual(valuesOf(answer, 'vpcId'), [defaultVpc(region, account).id])
  assert.match(answer, /<ipPermissions><\/ipPermissions><ipPermissionsEgress><item><ipProtocol>-1</)
  await refuses(
    context,
    'CreateSecurityGroup',
    { GroupName: 'web', GroupDescription: 'x' },
    'InvalidGroup.Duplicate',
    /already exists/,
  )
  await ask(context, 'DeleteSecurityGroup', { GroupName: 'web' })
  await refuses(context, 'DescribeSecurityGroups', { 'GroupId.1': id }, 'InvalidGroup.NotFound', /does not exist/)
  assert.notEqual(await create(context, 'web'), id)
})

test('every region has a default group that lets everybody in, and that cannot be deleted', async () => {
  const context = testContext()
  const answer = await ask(context, 'DescribeSecurityGroups')
  assert.deepEqual(valuesOf(answer, 'groupName'), ['default'])
  assert.deepEqual(valuesOf(answer, 'cidrIp'), ['0.0.0.0/0', '0.0.0.0/0'])
  await refuses(context, 'DeleteSecurityGroup', { GroupName: 'default' }, 'CannotDelete', /cannot be deleted/)
  await ask(context, 'RevokeSecurityGroupIngress', { GroupName: 'default', IpProtocol: '-1', CidrIp: '0.0.0.0/0' })
  const after = await ask(context, 'DescribeSecurityGroups', { 'GroupId.1': defaultSecurityGroupId(region) })
  assert.deepEqual(valuesOf(after, 'cidrIp'), ['0.0.0.0/0'], 'egress alone')
})

test('where rules cannot be put in force the default group stays as it is', async () => {
  const context = { ...testContext(), whyUnguarded: async () => 'no nft' }
  const everybody = { GroupName: 'default', IpProtocol: '-1', CidrIp: '0.0.0.0/0' }
  await refuses(context, 'RevokeSecurityGroupIngress', everybody, 'UnsupportedOperation', /no nft/)
})

test('rules are given once and taken back, by what they say, in the short form, and by their id', async () => {
  const context = testContext()
  const id = await create(context, 'web')
  const added = await ask(context, 'AuthorizeSecurityGroupIngress', { GroupId: id, ...web })
  assert.deepEqual(valuesOf(added, 'cidrIpv4'), ['10.0.0.0/8'])
  assert.match(added, /the &lt;web&gt;/)
  await refuses(
    context,
    'AuthorizeSecurityGroupIngress',
    { GroupId: id, ...web },
    'InvalidPermission.Duplicate',
    /peer: 10.0.0.0\/8, TCP, from port: 6379/,
  )
  await ask(context, 'RevokeSecurityGroupIngress', { GroupId: id, ...web })
  await refuses(context, 'RevokeSecurityGroupIngress', { GroupId: id, ...web }, 'InvalidPermission.NotFound', /does not exist/)
  const short = { GroupName: 'web', IpProtocol: 'tcp', FromPort: '1', ToPort: '2', CidrIp: '127.0.0.1/32' }
  const [rule = ''] = valuesOf(await ask(context, 'AuthorizeSecurityGroupIngress', short), 'securityGroupRuleId')
  const shown = await ask(context, 'DescribeSecurityGroupRules', { 'Filter.1.Name': 'group-id', 'Filter.1.Value.1': id })
  assert.equal(valuesOf(shown, 'securityGroupRuleId').length, 2, 'with the one for egress')
  await ask(context, 'RevokeSecurityGroupIngress', { GroupId: id, 'SecurityGroupRuleId.1': rule })
  await refuses(
    context,
    'RevokeSecurityGroupIngress',
    { GroupId: id, 'SecurityGroupRuleId.1': rule },
    'InvalidSecurityGroupRuleId.NotFound',
    /does not exist/,
  )
})

test('egress can be changed, as Terraform does with every new group', async () => {
  const context = testContext()
  const id = await create(context, 'web')
  const all = { GroupId: id, 'IpPermissions.1.IpProtocol': '-1', 'IpPermissions.1.IpRanges.1.CidrIp': '0.0.0.0/0' }
  await ask(context, 'RevokeSecurityGroupEgress', all)
  assert.doesNotMatch(await ask(context, 'DescribeSecurityGroups', { 'GroupId.1': id }), /cidrIp/)
  await ask(context, 'AuthorizeSecurityGroupEgress', all)
  await refuses(context, 'AuthorizeSecurityGroupEgress', all, 'InvalidPermission.Duplicate', /already exists/)
})

test('a group in use cannot be deleted: by a cache, or by a rule of another', async () => {
  const context = testContext()
  const [one, two] = [await create(context, 'one'), await create(context, 'two')]
  const pair = { GroupId: one, 'IpPermissions.1.IpProtocol': '-1', 'IpPermissions.1.Groups.1.GroupId': two }
  await ask(context, 'AuthorizeSecurityGroupIngress', pair)
  await refuses(context, 'DeleteSecurityGroup', { GroupId: two }, 'DependencyViolation', /dependent object/)
  await putGroup(context, { id: 'cache', nodes: [] })
  const key = `spec/${region}/rg/cache`
  const spec = JSON.parse((await context.store.get(key))?.value ?? '') as { labels: object }
  await context.store.transact([], [put(key, { ...spec, labels: { ...spec.labels, securityGroupIds: [one] } })])
  await refuses(context, 'DeleteSecurityGroup', { GroupId: one }, 'DependencyViolation', /dependent object/)
  await ask(context, 'RevokeSecurityGroupIngress', pair)
  await ask(context, 'DeleteSecurityGroup', { GroupId: two })
})

test('wrong requests are refused with the codes of EC2, and change nothing', async () => {
  const context = testContext()
  const id = await create(context, 'web')
  const permission = (input: Input): Input => ({
    GroupId: id,
    IpProtocol: 'tcp',
    FromPort: '1',
    ToPort: '1',
    CidrIp: '10.0.0.0/8',
    ...input,
  })
  const wrong: readonly (readonly [string, Input, string, RegExp])[] = [
    ['CreateSecurityGroup', { GroupName: 'x' }, 'MissingParameter', /GroupDescription/],
    ['CreateSecurityGroup', { GroupName: 'default', GroupDescription: 'x' }, 'InvalidParameterValue', /reserved/],
    ['CreateSecurityGroup', { GroupName: 'sg-x', GroupDescription: 'x' }, 'InvalidParameterValue', /sg-\*/],
    ['CreateSecurityGroup', { GroupName: 'ä', GroupDescription: 'x' }, 'InvalidParameterValue', /GroupName/],
    ['CreateSecurityGroup', { GroupName: 'x', GroupDescription: 'x', VpcId: 'vpc-1' }, 'InvalidVpcID.NotFound', /vpc-1/],
    ['CreateSecurityGroup', { GroupName: 'x', GroupDescription: 'x', DryRun: 'true' }, 'DryRunOperation', /DryRun/],
    ['CreateSecurityGroup', { GroupName: 'x', GroupDescription: 'x', Colour: 'red' }, 'UnknownParameter', /Colour/],
    ['DeleteSecurityGroup', {}, 'MissingParameter', /groupId/],
    ['DeleteSecurityGroup', { GroupId: 'sg-x' }, 'InvalidGroupId.Malformed', /sg-x/],
    ['DeleteSecurityGroup', { GroupId: 'sg-01234567' }, 'InvalidGroup.NotFound', /sg-01234567/],
    ['DescribeSecurityGroups', { 'GroupName.1': 'none' }, 'InvalidGroup.NotFound', /none/],
    ['DescribeSecurityGroups', { 'Filter.1.Name': '__proto__' }, 'InvalidParameterValue', /filter/],
    ['DescribeSecurityGroups', { GroupId: 'sg-01234567' }, 'UnknownParameter', /expected GroupId.1/],
    ['DescribeSecurityGroups', { MaxResults: '1' }, 'InvalidParameterValue', /maxResults/],
    ['DescribeSecurityGroups', { NextToken: '!' }, 'InvalidNextToken', /token/],
    ['AuthorizeSecurityGroupIngress', { GroupId: id }, 'MissingParameter', /ipPermissions/],
    ['AuthorizeSecurityGroupIngress', permission({ CidrIp: '10.0.0.0' }), 'InvalidParameterValue', /CIDR/],
    ['AuthorizeSecurityGroupIngress', permission({ CidrIp: '10.0.0.0/33' }), 'InvalidParameterValue', /CIDR/],
    ['AuthorizeSecurityGroupIngress', permission({ CidrIp: '10.0.0.1/8 accept' }), 'InvalidParameterValue', /CIDR/],
    ['AuthorizeSecurityGroupIngress', permission({ FromPort: '2' }), 'InvalidParameterValue', /range/],
    ['AuthorizeSecurityGroupIngress', permission({ ToPort: '65536' }), 'InvalidParameterValue', /ToPort/],
    ['AuthorizeSecurityGroupIngress', permission({ IpProtocol: 'tcpx' }), 'InvalidParameterValue', /expected tcp/i],
    ['AuthorizeSecurityGroupIngress', permission({ SourceSecurityGroupName: 'none' }), 'InvalidGroup.NotFound', /none/],
    ['AuthorizeSecurityGroupIngress', { ...permission({}), GroupName: 'web' }, 'InvalidParameterCombination', /together/],
    ['DescribeSubnets', { 'SubnetId.1': 'subnet-1' }, 'InvalidSubnetID.NotFound', /subnet-1/],
    ['DescribeVpcs', { 'VpcId.1': 'vpc-1' }, 'InvalidVpcID.NotFound', /vpc-1/],
    ['RunInstances', {}, 'InvalidAction', /not valid/],
  ]
  for (const [name, input, code, message] of wrong) await refuses(context, name, input, code, message)
})

test('lists come in pages, and filters take a part of them', async () => {
  const context = testContext()
  for (let index = 0; index < 11; index += 1) await create(context, `group-${index}`)
  const seen: string[] = []
  let token = ''
  do {
    const answer = await ask(context, 'DescribeSecurityGroups', {
      MaxResults: '5',
      ...(token === '' ? {} : { NextToken: token }),
    })
    seen.push(...valuesOf(answer, 'groupName'))
    token = valuesOf(answer, 'nextToken')[0] ?? ''
  } while (token !== '')
  assert.equal(new Set(seen).size, 12)
  const named = await ask(context, 'DescribeSecurityGroups', { 'Filter.1.Name': 'group-name', 'Filter.1.Value.1': 'group-1*' })
  assert.deepEqual(valuesOf(named, 'groupName').toSorted(), ['group-1', 'group-10'])
  const none = await ask(context, 'DescribeSecurityGroups', { 'Filter.1.Name': 'vpc-id', 'Filter.1.Value.1': 'vpc-2' })
  assert.deepEqual(valuesOf(none, 'groupName'), [])
})

test('the network is the default VPC with a subnet in each zone, and the subnets that subnet groups have named', async () => {
  const context = testContext()
  const vpc = defaultVpc(region, account)
  assert.deepEqual(valuesOf(await ask(context, 'DescribeVpcs'), 'vpcId'), [vpc.id])
  const answer = await ask(context, 'DescribeSubnets', { 'Filter.1.Name': 'vpc-id', 'Filter.1.Value.1': vpc.id })
  assert.deepEqual(
    valuesOf(answer, 'availabilityZone').toSorted(),
    vpc.subnets.map(({ zone }) => zone),
  )
  const subnets = [{ id: 'subnet-01234567', zone: vpc.subnets[1]?.zone ?? '' }]
  await context.store.transact([], [put(subnetGroupKey(region, 'mine'), { region, name: 'mine', subnets })])
  const named = await ask(context, 'DescribeSubnets', { 'SubnetId.1': 'subnet-01234567' })
  assert.deepEqual(valuesOf(named, 'availabilityZone'), [vpc.subnets[1]?.zone])
})

test('signed requests reach it on the port of the API, and errors have the form of EC2', async () => {
  const send = (body: string) =>
    dispatch(
      { verifier: verifierAt(() => Date.now()), actions: {}, context: () => testContext(), log: () => undefined, ...unaudited },
      {
        request: signHeader(
          { body, headers: { 'content-type': 'application/x-www-form-urlencoded' } },
          { service: 'ec2', secretAccessKey },
        ),
        requestId: 'id',
        sourceAddress: null,
      },
    )
  const good = await send(formOf({ Action: 'DescribeVpcs', Version: '2016-11-15' }))
  assert.equal(good.status, 200, good.body)
  for (const name of ['Filter.01.Name', 'Filter.1.Value.1.1']) {
    const twice = { 'Filter.1.Name': 'vpc-id', 'Filter.1.Value.1': 'vpc-2', [name]: 'x' }
    const { status, body } = await send(formOf({ Action: 'DescribeVpcs', Version: '2016-11-15', ...twice }))
    assert.deepEqual([status, /<Code>([^<]+)</.exec(body)?.[1]], [404, 'MalformedQueryString'], name)
  }
  const wrong = await send(formOf({ Action: 'DeleteSecurityGroup', Version: '2016-11-15', GroupId: 'sg-01234567' }))
  assert.equal(wrong.status, 400)
  assert.match(
    wrong.body,
    /^<Response><Errors><Error><Code>InvalidGroup.NotFound<\/Code><Message>[^<]+<\/Message><\/Error><\/Errors><RequestID>/,
  )
})

test('security groups are tagged, when they are made and afterwards', async () => {
  const context = testContext()
  const id = await create(context, 'web')
  const tags = async (): Promise<readonly string[]> => {
    const answer = await ask(context, 'DescribeSecurityGroups', { 'GroupId.1': id })
    const values = valuesOf(answer, 'value')
    return valuesOf(answer, 'key').map((key, index) => `${key}=${values[index]}`)
  }
  const put = (key: string, value: string) =>
    ask(context, 'CreateTags', { 'ResourceId.1': id, 'Tag.1.Key': key, 'Tag.1.Value': value })
  await put('a', '1')
  await put('larder:members', '127.1.2.3 10.0.0.0/8')
  await put('a', '2')
  assert.deepEqual((await tags()).toSorted(), ['a=2', 'larder:members=127.1.2.3 10.0.0.0/8'])
  const members = { 'ResourceId.1': id, 'Tag.1.Key': 'larder:members', 'Tag.1.Value': 'somebody' }
  await refuses(context, 'CreateTags', members, 'InvalidParameterValueException', /must hold networks/)
  await refuses(context, 'CreateTags', { 'ResourceId.1': 'sg-12345678', 'Tag.1.Key': 'a' }, 'InvalidGroup.NotFound', /exist/)
  await refuses(context, 'CreateTags', { 'Tag.1.Key': 'a' }, 'MissingParameter', /resourceIdSet/)
  await refuses(context, 'CreateTags', { 'ResourceId.1': id }, 'MissingParameter', /tagSet/)
  await ask(context, 'DeleteTags', { 'ResourceId.1': id, 'Tag.1.Key': 'a', 'Tag.1.Value': 'other' })
  assert.equal((await tags()).length, 2)
  await ask(context, 'DeleteTags', { 'ResourceId.1': id, 'Tag.1.Key': 'a' })
  assert.deepEqual(await tags(), ['larder:members=127.1.2.3 10.0.0.0/8'])
  await ask(context, 'DeleteTags', { 'ResourceId.1': id })
  assert.deepEqual(await tags(), [])
})

test('a change of rules is answered when it is in force', async () => {
  const context = testContext()
  const id = await create(context, 'web')
  const seen: number[] = []
  const enforced = async (): Promise<void> => {
    seen.push(valuesOf(await ask(context, 'DescribeSecurityGroups', { 'GroupId.1': id }), 'cidrIp').length)
  }
  const waiting = { ...context, enforced }
  await ask(waiting, 'AuthorizeSecurityGroupIngress', { GroupId: id, ...web })
  await ask(waiting, 'RevokeSecurityGroupIngress', { GroupId: id, ...web })
  assert.deepEqual(seen, [2, 1], 'with what it lets out')
})
