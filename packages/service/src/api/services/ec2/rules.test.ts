import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TestContext, testContext } from '../elasticache/test-context.ts'
import { ask, filters, type Input, refuses, valuesOf } from './testing.ts'

const create = async (context: TestContext, name: string): Promise<string> =>
  valuesOf(await ask(context, 'CreateSecurityGroup', { GroupName: name, GroupDescription: 'of a test' }), 'groupId')[0] ?? ''

const rule = (input: Input, protocol = 'tcp', port = '6379'): Input => ({
  'IpPermissions.1.IpProtocol': protocol,
  'IpPermissions.1.FromPort': port,
  'IpPermissions.1.ToPort': port,
  ...Object.fromEntries(Object.entries(input).map(([name, value]) => [`IpPermissions.1.${name}`, value])),
})

const rulesOf = (context: TestContext, id: string): Promise<string> =>
  ask(context, 'DescribeSecurityGroupRules', filters({ 'group-id': id }))

test('rules of every protocol and of every source are kept, shown, told from each other and taken back', async () => {
  const context = testContext()
  const other = await create(context, 'other')
  const all: readonly (readonly [Input, RegExp, RegExp])[] = [
    [
      rule({ 'Ipv6Ranges.1.CidrIpv6': '2001:DB8::1/32', 'Ipv6Ranges.1.Description': 'by six' }),
      /<cidrIpv6>2001:db8::\/32<\/cidrIpv6><description>by six</,
      /<ipv6Ranges><item><cidrIpv6>2001:db8::\/32<\/cidrIpv6><description>by six</,
    ],
    [
      rule({ 'PrefixListIds.1.PrefixListId': 'pl-63a5400a' }),
      /<prefixListId>pl-63a5400a</,
      /<prefixListIds><item><prefixListId>pl-/,
    ],
    [rule({ 'IpRanges.1.CidrIp': '10.0.0.0/8' }, 'udp', '53'), /<ipProtocol>udp<\/ipProtocol><fromPort>53</, /<fromPort>53</],
    [rule({ 'IpRanges.1.CidrIp': '10.0.0.0/8' }, '17', '54'), /<ipProtocol>udp<\/ipProtocol><fromPort>54</, /<fromPort>54</],
    [rule({ 'IpRanges.1.CidrIp': '10.0.0.0/8' }, 'icmp', '-1'), /<ipProtocol>icmp<\/ipProtocol><fromPort>-1</, /<fromPort>-1</],
    [
      rule({ 'Groups.1.GroupId': other }, '50', '0'),
      /<ipProtocol>50<\/ipProtocol><fromPort>-1</,
      /<ipProtocol>50<\/ipProtocol><groups>/,
    ],
  ]
  for (const [input, shown, described] of all) {
    const id = await create(context, 'shared')
    const added = await ask(context, 'AuthorizeSecurityGroupIngress', { GroupId: id, ...input })
    assert.match(added, shown)
    assert.match(await rulesOf(context, id), shown)
    assert.match(await ask(context, 'DescribeSecurityGroups', { 'GroupId.1': id }), described)
    const again = { GroupId: id, ...input }
    await refuses(context, 'AuthorizeSecurityGroupIngress', again, 'InvalidPermission.Duplicate', /already exists/)
    await ask(context, 'RevokeSecurityGroupIngress', again)
    await refuses(context, 'RevokeSecurityGroupIngress', again, 'InvalidPermission.NotFound', /does not exist/)
    await ask(context, 'DeleteSecurityGroup', { GroupId: id })
  }
})

test('one permission with all kinds of sources makes a rule of each', async () => {
  const context = testContext()
  const id = await create(context, 'shared')
  const mixed = rule({
    'IpRanges.1.CidrIp': '10.0.0.0/8',
    'Ipv6Ranges.1.CidrIpv6': '::/0',
    'PrefixListIds.1.PrefixListId': 'pl-12345678',
    'Groups.1.GroupId': id,
  })
  const added = await ask(context, 'AuthorizeSecurityGroupIngress', { GroupId: id, ...mixed })
  assert.equal(valuesOf(added, 'securityGroupRuleId').length, 4)
})

test('what is no rule of any kind is refused', async () => {
  const context = testContext()
  const id = await create(context, 'web')
  const wrong: readonly (readonly [Input, string, RegExp])[] = [
    [rule({ 'Ipv6Ranges.1.CidrIpv6': '10.0.0.0/8' }), 'InvalidParameterValue', /CIDR block 10/],
    [rule({ 'Ipv6Ranges.1.CidrIpv6': '' }), 'InvalidParameterValue', /CIDR block/],
    [rule({ 'PrefixListIds.1.PrefixListId': 'pl-x' }), 'InvalidPrefixListId.Malformed', /pl-x/],
    [rule({}), 'InvalidPermission.Malformed', /Expected an item/],
    [rule({ 'IpRanges.1.CidrIp': '10.0.0.0/8' }, '256'), 'InvalidParameterValue', /'256' for IP protocol/],
    [rule({ 'IpRanges.1.CidrIp': '10.0.0.0/8' }, 'icmp', '256'), 'InvalidParameterValue', /ICMP/],
    [rule({ 'IpRanges.1.CidrIp': '10.0.0.0/8' }, 'udp', '-1'), 'none', /./],
  ]
  for (const [input, code, message] of wrong) {
    if (code === 'none') await ask(context, 'AuthorizeSecurityGroupIngress', { GroupId: id, ...input })
    else await refuses(context, 'AuthorizeSecurityGroupIngress', { GroupId: id, ...input }, code, message)
  }
})

test('a rule is changed in place: it keeps its id and its tags', async () => {
  const context = testContext()
  const id = await create(context, 'web')
  const tags = { 'TagSpecification.1.ResourceType': 'security-group-rule', 'TagSpecification.1.Tag.1.Key': 'team' }
  const first = rule({ 'IpRanges.1.CidrIp': '10.0.0.0/8' })
  const added = await ask(context, 'AuthorizeSecurityGroupIngress', {
    GroupId: id,
    ...first,
    ...tags,
    'TagSpecification.1.Tag.1.Value': 'a',
  })
  assert.match(added, /<tagSet><item><key>team<\/key><value>a</)
  const [ruleId = ''] = valuesOf(added, 'securityGroupRuleId')
  const [second = ''] = valuesOf(
    await ask(context, 'AuthorizeSecurityGroupIngress', { GroupId: id, ...rule({ 'IpRanges.1.CidrIp': '11.0.0.0/8' }) }),
    'securityGroupRuleId',
  )
  const to = (rules: Input, named = ruleId): Input => ({
    GroupId: id,
    'SecurityGroupRule.1.SecurityGroupRuleId': named,
    ...Object.fromEntries(Object.entries(rules).map(([name, value]) => [`SecurityGroupRule.1.SecurityGroupRule.${name}`, value])),
  })
  const next = { IpProtocol: 'tcp', FromPort: '1', ToPort: '2', CidrIpv4: '12.0.0.0/8', Description: 'new' }
  await ask(context, 'ModifySecurityGroupRules', to(next))
  const shown = await ask(context, 'DescribeSecurityGroupRules', { 'SecurityGroupRuleId.1': ruleId })
  assert.match(shown, /<fromPort>1<\/fromPort><toPort>2<\/toPort><cidrIpv4>12.0.0.0\/8<\/cidrIpv4><description>new</)
  assert.match(shown, /<key>team<\/key>/)
  const egress = valuesOf(await rulesOf(context, id), 'securityGroupRuleId').find((each) => each !== ruleId && each !== second)
  await ask(context, 'ModifySecurityGroupRules', to({ ...next, IpProtocol: '-1' }, egress ?? ''))
  const tcp = { IpProtocol: 'tcp', FromPort: '6379', ToPort: '6379' }
  const wrong: readonly (readonly [Input, string, RegExp])[] = [
    [to({ ...tcp, CidrIpv4: '11.0.0.0/8' }), 'InvalidPermission.Duplicate', /11.0.0.0/],
    [to(tcp), 'MissingParameter', /CidrIpv4/],
    [to({ ...tcp, CidrIpv4: '11.0.0.0/8', CidrIpv6: '::/0' }), 'InvalidParameterCombination', /found 2/],
    [to(next, 'sgr-12345678'), 'InvalidSecurityGroupRuleId.NotFound', /sgr-12345678/],
    [{ GroupId: id }, 'MissingParameter', /SecurityGroupRule/],
    [{ ...to(next), GroupId: '' }, 'MissingParameter', /GroupId/],
    [{ ...to(next), ...to({ CidrIpv6: 'x', IpProtocol: '-1' }) }, 'InvalidParameterCombination', /found 2|malformed/],
  ]
  for (const [input, code, message] of wrong.slice(0, 6)) await refuses(context, 'ModifySecurityGroupRules', input, code, message)
})

test('descriptions change by what a rule says and by its id, in both directions', async () => {
  const context = testContext()
  const id = await create(context, 'web')
  const first = rule({ 'IpRanges.1.CidrIp': '10.0.0.0/8' })
  const [ruleId = ''] = valuesOf(
    await ask(context, 'AuthorizeSecurityGroupIngress', { GroupId: id, ...first }),
    'securityGroupRuleId',
  )
  const descriptions = async (): Promise<readonly string[]> => valuesOf(await rulesOf(context, id), 'description')
  await ask(context, 'UpdateSecurityGroupRuleDescriptionsIngress', {
    GroupId: id,
    ...first,
    'IpPermissions.1.IpRanges.1.Description': 'one',
  })
  assert.deepEqual(await descriptions(), ['one'])
  const byId = { GroupId: id, 'SecurityGroupRuleDescription.1.SecurityGroupRuleId': ruleId }
  await ask(context, 'UpdateSecurityGroupRuleDescriptionsIngress', {
    ...byId,
    'SecurityGroupRuleDescription.1.Description': 'two',
  })
  assert.deepEqual(await descriptions(), ['two'])
  await ask(context, 'UpdateSecurityGroupRuleDescriptionsIngress', byId)
  assert.deepEqual(await descriptions(), [])
  const out = { 'IpPermissions.1.IpProtocol': '-1', 'IpPermissions.1.IpRanges.1.CidrIp': '0.0.0.0/0' }
  await ask(context, 'UpdateSecurityGroupRuleDescriptionsEgress', {
    GroupId: id,
    ...out,
    'IpPermissions.1.IpRanges.1.Description': 'out',
  })
  assert.deepEqual(await descriptions(), ['out'])
  await refuses(
    context,
    'UpdateSecurityGroupRuleDescriptionsEgress',
    byId,
    'InvalidSecurityGroupRuleId.NotFound',
    /does not exist/,
  )
  const none = { GroupId: id, ...rule({ 'IpRanges.1.CidrIp': '13.0.0.0/8' }) }
  await refuses(context, 'UpdateSecurityGroupRuleDescriptionsIngress', none, 'InvalidPermission.NotFound', /does not exist/)
  await refuses(context, 'UpdateSecurityGroupRuleDescriptionsIngress', { GroupId: id }, 'MissingParameter', /ipPermissions/)
})

test('rules have tags, by which they are found', async () => {
  const context = testContext()
  const id = await create(context, 'web')
  const ids: string[] = []
  for (const network of ['10.0.0.0/8', '11.0.0.0/8'])
    ids.push(
      ...valuesOf(
        await ask(context, 'AuthorizeSecurityGroupIngress', { GroupId: id, ...rule({ 'IpRanges.1.CidrIp': network }) }),
        'securityGroupRuleId',
      ),
    )
  const [one = '', two = ''] = ids
  await ask(context, 'CreateTags', { 'ResourceId.1': one, 'ResourceId.2': two, 'Tag.1.Key': 'team', 'Tag.1.Value': 'web' })
  await ask(context, 'CreateTags', { 'ResourceId.1': two, 'ResourceId.2': id, 'Tag.1.Key': 'team', 'Tag.1.Value': 'db' })
  const found = async (wanted: Input): Promise<readonly string[]> =>
    valuesOf(await ask(context, 'DescribeSecurityGroupRules', filters(wanted)), 'securityGroupRuleId')
  assert.deepEqual(await found({ 'tag:team': 'web' }), [one])
  assert.deepEqual(await found({ 'tag:team': 'd*' }), [two])
  assert.deepEqual((await found({ 'tag-key': 'team', 'group-id': id })).toSorted(), ids.toSorted())
  const groups = await ask(context, 'DescribeSecurityGroups', filters({ 'tag:team': 'db' }))
  assert.deepEqual(valuesOf(groups, 'groupName'), ['web'])
  const tags = await ask(context, 'DescribeTags', filters({ key: 'team', 'resource-type': 'security-group*' }))
  assert.deepEqual(valuesOf(tags, 'resourceId').toSorted(), [id, ...ids].toSorted())
  await refuses(
    context,
    'CreateTags',
    { 'ResourceId.1': 'sgr-12345678', 'Tag.1.Key': 'a' },
    'InvalidSecurityGroupRuleId.NotFound',
    /exist/,
  )
  await refuses(context, 'CreateTags', { 'ResourceId.1': 'i-12345678', 'Tag.1.Key': 'a' }, 'InvalidID', /i-12345678/)
})

test('groups are found by what their rules say', async () => {
  const context = testContext()
  const id = await create(context, 'web')
  await ask(context, 'AuthorizeSecurityGroupIngress', { GroupId: id, ...rule({ 'IpRanges.1.CidrIp': '10.0.0.0/8' }) })
  for (const [name, value] of Object.entries({ cidr: '10.*', 'from-port': '6379', 'to-port': '6379', protocol: 'tcp' }))
    assert.deepEqual(
      valuesOf(await ask(context, 'DescribeSecurityGroups', filters({ [`ip-permission.${name}`]: value })), 'groupName'),
      ['web'],
    )
})
