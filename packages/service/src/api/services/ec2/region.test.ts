import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultVpc } from '../../../model/network.ts'
import { account, region, testContext } from '../elasticache/test-context.ts'
import { ask, filters, refuses, valuesOf } from './testing.ts'

test('the zones of a region have names and ids, by which they are found', async () => {
  const context = testContext()
  const all = await ask(context, 'DescribeAvailabilityZones')
  assert.deepEqual(
    valuesOf(all, 'zoneName'),
    ['a', 'b', 'c'].map((letter) => `${region}${letter}`),
  )
  assert.deepEqual(valuesOf(all, 'zoneId'), ['euc1-az1', 'euc1-az2', 'euc1-az3'])
  const states = await ask(
    context,
    'DescribeAvailabilityZones',
    filters({ state: 'available', 'opt-in-status': 'opt-in-not-required' }),
  )
  assert.equal(valuesOf(states, 'zoneName').length, 3)
  const one = await ask(context, 'DescribeAvailabilityZones', {
    'ZoneId.1': 'euc1-az2',
    ...filters({ 'zone-name': `${region}*` }),
  })
  assert.deepEqual(valuesOf(one, 'zoneName'), [`${region}b`])
  assert.deepEqual(
    valuesOf(await ask(context, 'DescribeAvailabilityZones', filters({ 'zone-type': 'local-zone' })), 'zoneName'),
    [],
  )
  await refuses(context, 'DescribeAvailabilityZones', { 'ZoneName.1': 'us-east-1a' }, 'InvalidParameterValue', /us-east-1a/)
})

test('regions are those of AWS and the one that is asked', async () => {
  const context = { ...testContext(), region: 'eusc-de-east-1' }
  const names = valuesOf(await ask(context, 'DescribeRegions', { AllRegions: 'true' }), 'regionName')
  assert.ok(names.includes('us-east-1') && names.includes('eusc-de-east-1'))
  assert.deepEqual(valuesOf(await ask(context, 'DescribeRegions', { 'RegionName.1': 'eu-west-1' }), 'regionEndpoint'), [
    'ec2.eu-west-1.amazonaws.com',
  ])
  await refuses(context, 'DescribeRegions', { 'RegionName.1': 'nowhere' }, 'InvalidParameterValue', /nowhere/)
})

test('the account says which platform it has, and which VPC is the default', async () => {
  const context = testContext()
  const platform = await ask(context, 'DescribeAccountAttributes', { 'AttributeName.1': 'supported-platforms' })
  assert.deepEqual(valuesOf(platform, 'attributeValue'), ['VPC'])
  assert.ok(valuesOf(await ask(context, 'DescribeAccountAttributes'), 'attributeValue').includes(defaultVpc(region, account).id))
  await refuses(context, 'DescribeAccountAttributes', { 'AttributeName.1': 'x' }, 'InvalidParameterValue', /supported-platforms/)
})
