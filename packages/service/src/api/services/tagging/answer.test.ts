import assert from 'node:assert/strict'
import { test } from 'node:test'
import { arn } from '../../../model/names.ts'
import { dispatch } from '../../dispatch.ts'
import { secretAccessKey, signHeader, unaudited, verifierAt } from '../../testing.ts'
import { ask, newVpc } from '../ec2/testing.ts'
import { actions } from '../elasticache/index.ts'
import { createCacheSubnetGroup } from '../elasticache/subnet-groups/create.ts'
import { account, putGroup, region, type TestContext, testContext } from '../elasticache/test-context.ts'

const target = 'ResourceGroupsTaggingAPI_20170126.'

const send = async (
  context: TestContext,
  action: string,
  input: object | string,
  headers: Readonly<Record<string, string>> = {},
) => {
  const answer = await dispatch(
    { verifier: verifierAt(() => Date.now()), actions, context: () => context, log: () => undefined, ...unaudited },
    {
      request: signHeader(
        {
          body: typeof input === 'string' ? input : JSON.stringify(input),
          headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `${target}${action}`, ...headers },
        },
        { service: 'tagging', region, secretAccessKey },
      ),
      requestId: 'id',
      sourceAddress: null,
    },
  )
  assert.equal(answer.type, 'application/x-amz-json-1.1')
  return { status: answer.status, body: JSON.parse(answer.body) as Readonly<Record<string, unknown>> }
}

interface Mapping {
  readonly ResourceARN: string
  readonly Tags: readonly { readonly Key: string; readonly Value: string }[]
}

const found = async (context: TestContext, input: object = {}): Promise<readonly string[]> => {
  const { status, body } = await send(context, 'GetResources', input)
  assert.equal(status, 200, JSON.stringify(body))
  return (body['ResourceTagMappingList'] as readonly Mapping[]).map(({ ResourceARN }) => ResourceARN)
}

const subnetGroupArn = arn(region, account, 'subnetgroup', 'mine')

/** A group, a subnet group and a VPC, each with a tag. */
const tagged = async () => {
  const context = testContext()
  const tag = { Key: 'team', Value: 'web' }
  const subnets = { CacheSubnetGroupName: 'mine', CacheSubnetGroupDescription: 'x', SubnetIds: ['subnet-12345678'] }
  await createCacheSubnetGroup({ ...subnets, Tags: [tag] }, context)
  await putGroup(context, { id: 'g', tags: [{ key: 'team', value: 'db' }], nodes: [{ id: 'g-001', zone: `${region}a` }] })
  const vpc = await newVpc(context)
  await ask(context, 'CreateTags', { 'ResourceId.1': vpc, 'Tag.1.Key': 'stage', 'Tag.1.Value': 'a' })
  const vpcArn = `arn:aws:ec2:${region}:${account}:vpc/${vpc}`
  const groups = [arn(region, account, 'replicationgroup', 'g'), arn(region, account, 'cluster', 'g-001')]
  return { context, vpcArn, groups, all: [vpcArn, ...groups, subnetGroupArn] }
}

test('what carries tags is found over services, by tags, types and ARNs, and in pages', async () => {
  const { context, vpcArn, groups, all } = await tagged()
  assert.deepEqual((await found(context)).toSorted(), all.toSorted())
  assert.deepEqual(await found(context, { TagFilters: [{ Key: 'team', Values: ['web', 'x'] }] }), [subnetGroupArn])
  assert.equal((await found(context, { TagFilters: [{ Key: 'team' }] })).length, 3)
  assert.deepEqual(await found(context, { ResourceTypeFilters: ['ec2'] }), [vpcArn])
  assert.deepEqual(await found(context, { ResourceTypeFilters: ['elasticache:cluster'] }), [groups[1]])
  assert.deepEqual(await found(context, { ResourceARNList: [vpcArn] }), [vpcArn])
  const seen: string[] = []
  let token = ''
  do {
    const { body } = await send(context, 'GetResources', { ResourcesPerPage: 3, PaginationToken: token })
    seen.push(...(body['ResourceTagMappingList'] as readonly Mapping[]).map(({ ResourceARN }) => ResourceARN))
    token = body['PaginationToken'] as string
  } while (token !== '')
  assert.deepEqual(seen.toSorted(), all.toSorted())
  assert.deepEqual((await send(context, 'GetTagKeys', {})).body['TagKeys'], ['stage', 'team'])
  assert.deepEqual((await send(context, 'GetTagValues', { Key: 'team' })).body['TagValues'], ['db', 'web'])
})

test('several resources are tagged at once, and what fails is told by itself', async () => {
  const { context, vpcArn } = await tagged()
  const none = arn(region, account, 'subnetgroup', 'none')
  const elsewhere = vpcArn.replace(region, 'us-west-2')
  const { body } = await send(context, 'TagResources', {
    ResourceARNList: [vpcArn, subnetGroupArn, none, elsewhere, 'arn:aws:s3:::x'],
    Tags: { cost: '1' },
  })
  const failed = body['FailedResourcesMap'] as Readonly<Record<string, { readonly ErrorMessage: string }>>
  assert.deepEqual(Object.keys(failed).toSorted(), [none, elsewhere, 'arn:aws:s3:::x'].toSorted())
  assert.match(failed[none]?.ErrorMessage ?? '', /CacheSubnetGroupNotFoundFault/)
  assert.deepEqual(
    (await found(context, { TagFilters: [{ Key: 'cost', Values: ['1'] }] })).toSorted(),
    [vpcArn, subnetGroupArn].toSorted(),
  )
  const untag = await send(context, 'UntagResources', { ResourceARNList: [vpcArn, subnetGroupArn], TagKeys: ['cost'] })
  assert.deepEqual(untag.body, { FailedResourcesMap: {} })
  assert.deepEqual(await found(context, { TagFilters: [{ Key: 'cost' }] }), [])
})

test('wrong requests are refused in JSON', async () => {
  const { context, vpcArn } = await tagged()
  const invalid = 'InvalidParameterException'
  const wrong: readonly (readonly [string, object | string, string, Readonly<Record<string, string>>?])[] = [
    ['GetResources', { Colour: 'red' }, invalid],
    ['GetResources', { ResourcesPerPage: 0 }, invalid],
    ['GetResources', { TagFilters: [1] }, invalid],
    ['GetResources', { TagFilters: { Key: 'x' } }, invalid],
    ['GetResources', { ResourceARNList: [vpcArn], ResourceTypeFilters: ['ec2'] }, invalid],
    ['GetResources', { PaginationToken: '!' }, 'PaginationTokenExpiredException'],
    ['GetResources', 'no json', 'SerializationException'],
    ['GetResources', '[]', 'SerializationException'],
    ['GetResources', '{"TagFilters":[],"TagFilters":[]}', 'SerializationException'],
    ['GetTagValues', {}, invalid],
    ['TagResources', { Tags: { a: 'b' } }, invalid],
    ['TagResources', { ResourceARNList: [vpcArn], Tags: { a: 1 } }, invalid],
    ['UntagResources', { ResourceARNList: [vpcArn] }, invalid],
    ['StartReportCreation', {}, 'InvalidAction'],
    ['GetResources', {}, 'InvalidAction', { 'x-amz-target': 'Other.GetResources' }],
  ]
  for (const [action, input, code, headers] of wrong) {
    const { status, body } = await send(context, action, input, headers)
    assert.deepEqual([status >= 400 && status < 500, body['__type']], [true, code], `${action} ${JSON.stringify(input)}`)
    assert.notEqual(body['message'], '')
  }
})
