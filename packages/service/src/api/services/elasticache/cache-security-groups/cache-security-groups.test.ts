import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerEc2 } from '../../ec2/answer.ts'
import { modifyCacheCluster } from '../cache-clusters/modify.ts'
import { changeState, clusterNow, groupContext, newCluster, newGroup, readyCluster, settle, specNow } from '../groups/testing.ts'
import { addTagsToResource } from '../tags/add.ts'
import { listTagsForResource } from '../tags/list.ts'
import { account, putSecurityGroup, region, rejects, type TestContext } from '../test-context.ts'
import { createCacheSecurityGroup } from './create.ts'
import { deleteCacheSecurityGroup } from './delete.ts'
import { describeCacheSecurityGroups } from './describe.ts'
import { authorizeCacheSecurityGroupIngress, revokeCacheSecurityGroupIngress } from './ingress.ts'

const value = 'InvalidParameterValueException'
const combination = 'InvalidParameterCombinationException'
const notFound = 'CacheSecurityGroupNotFoundFault'

const create = (context: TestContext, name: string) =>
  createCacheSecurityGroup({ CacheSecurityGroupName: name, Description: 'of a test' }, context)

const ec2 = async (context: TestContext, name: string): Promise<string> => {
  const input = new Map(Object.entries({ GroupName: name, GroupDescription: name }))
  return /<groupId>([^<]+)</.exec(await answerEc2('CreateSecurityGroup', input, context, 'id'))?.[1] ?? ''
}

const ingress = (name: string, owner = account) => ({
  CacheSecurityGroupName: 'old',
  EC2SecurityGroupName: name,
  EC2SecurityGroupOwnerId: owner,
})

test('a group is created, described and deleted', async () => {
  const context = groupContext()
  const { CacheSecurityGroup } = await create(context, 'Old-1')
  assert.deepEqual(CacheSecurityGroup, {
    OwnerId: account,
    CacheSecurityGroupName: 'old-1',
    Description: 'of a test',
    EC2SecurityGroups: [],
    ARN: `arn:aws:elasticache:${region}:${account}:securitygroup:old-1`,
  })
  await create(context, 'an-other')
  const { CacheSecurityGroups = [] } = await describeCacheSecurityGroups({}, context)
  assert.deepEqual(
    CacheSecurityGroups.map((group) => group.CacheSecurityGroupName),
    ['an-other', 'old-1'],
  )
  await rejects(context, () => create(context, 'old-1'), 'CacheSecurityGroupAlreadyExistsFault', /old-1/)
  const ResourceName = `${CacheSecurityGroup?.ARN}`
  await addTagsToResource({ ResourceName, Tags: [{ Key: 'a', Value: '1' }] }, context)
  assert.deepEqual((await listTagsForResource({ ResourceName }, context)).TagList, [{ Key: 'a', Value: '1' }])
  await deleteCacheSecurityGroup({ CacheSecurityGroupName: 'OLD-1' }, context)
  await rejects(context, () => describeCacheSecurityGroups({ CacheSecurityGroupName: 'old-1' }, context), notFound, /old-1/)
  await rejects(context, () => deleteCacheSecurityGroup({ CacheSecurityGroupName: 'old-1' }, context), notFound, /old-1/)
})

test('names that are none are refused, and the 51st group', async () => {
  const context = groupContext()
  for (const name of ['', 'Default', 'a b', 'a/b', 'sg-12345678', '-a', 'x'.repeat(256)])
    await rejects(context, () => create(context, name), value, /CacheSecurityGroupName/)
  await rejects(
    context,
    () => createCacheSecurityGroup({ CacheSecurityGroupName: 'a', Description: undefined }, context),
    value,
    /Description/,
  )
  for (let index = 0; index < 50; index += 1) await create(context, `g${index}`)
  await rejects(context, () => create(context, 'more'), 'CacheSecurityGroupQuotaExceededFault', /at most 50/)
})

test('a security group of EC2 is authorised once, by name or id, and revoked', async () => {
  const context = groupContext()
  await create(context, 'old')
  const id = await ec2(context, 'apps')
  const { CacheSecurityGroup } = await authorizeCacheSecurityGroupIngress(ingress('apps'), context)
  assert.deepEqual(CacheSecurityGroup?.EC2SecurityGroups, [
    { Status: 'authorized', EC2SecurityGroupName: 'apps', EC2SecurityGroupOwnerId: account },
  ])
  for (const name of ['apps', id]) {
    await rejects(
      context,
      () => authorizeCacheSecurityGroupIngress(ingress(name), context),
      'AuthorizationAlreadyExistsFault',
      /apps/,
    )
  }
  for (const wrong of [ingress('nobody'), ingress('sg-12345678'), ingress('apps', '111111111111')])
    await rejects(context, () => authorizeCacheSecurityGroupIngress(wrong, context), value, /does not exist/)
  await assert.rejects(() => answerEc2('DeleteSecurityGroup', new Map([['GroupId', id]]), context, 'id'), /dependent object/)
  await revokeCacheSecurityGroupIngress(ingress(id), context)
  await rejects(context, () => revokeCacheSecurityGroupIngress(ingress('apps'), context), 'AuthorizationNotFoundFault', /apps/)
  await answerEc2('DeleteSecurityGroup', new Map([['GroupId', id]]), context, 'id')
})

test('clusters have them, and show when they are in force; one that is used stays', async () => {
  const context = groupContext()
  await create(context, 'old')
  await create(context, 'other')
  await readyCluster(context, 'mc', { CacheSecurityGroupNames: ['OLD', 'old'] })
  await changeState(context, 'cc', 'mc', (state) => ({ ...state, securityGroups: [] }))
  const shown = async () => (await clusterNow(context, 'mc')).CacheSecurityGroups?.map((each) => Object.values(each).join(' '))
  assert.deepEqual(await shown(), ['old adding'])
  assert.deepEqual((await clusterNow(context, 'mc')).SecurityGroups, [], 'not the default group of the VPC')
  await changeState(context, 'cc', 'mc', (state) => ({ ...state, securityGroups: ['old'] }))
  assert.deepEqual(await shown(), ['old active'])
  await rejects(
    context,
    () => deleteCacheSecurityGroup({ CacheSecurityGroupName: 'old' }, context),
    'InvalidCacheSecurityGroupStateFault',
    /in use/,
  )
  await modifyCacheCluster({ CacheClusterId: 'mc', CacheSecurityGroupNames: ['other'] }, context)
  assert.deepEqual(await shown(), ['other adding', 'old removing'])
  await settle(context, 'cc', 'mc')
  await deleteCacheSecurityGroup({ CacheSecurityGroupName: 'old' }, context)
})

test('they are not for clusters inside of a VPC, in the words of AWS', async () => {
  const context = groupContext()
  await create(context, 'old')
  await putSecurityGroup(context, 'sg-11111111')
  const words = /Use of cache security groups is not permitted along with cache subnet group and\/or security group Ids/
  const CacheSecurityGroupNames = ['old']
  const SecurityGroupIds = ['sg-11111111']
  await rejects(context, () => newGroup(context, 'demo', { CacheSecurityGroupNames, SecurityGroupIds }), combination, words)
  await rejects(
    context,
    () => newCluster(context, 'mc', { CacheSecurityGroupNames, CacheSubnetGroupName: 'default' }),
    combination,
    words,
  )
  await rejects(context, () => newCluster(context, 'mc', { CacheSecurityGroupNames: ['nobody'] }), notFound, /nobody/)
  await readyCluster(context, 'inside', { SecurityGroupIds })
  await readyCluster(context, 'outside', { CacheSecurityGroupNames })
  for (const wrong of [
    { CacheClusterId: 'inside', CacheSecurityGroupNames },
    { CacheClusterId: 'outside', SecurityGroupIds },
  ])
    await rejects(context, () => modifyCacheCluster(wrong, context), combination, words)
  assert.deepEqual((await specNow(context, 'cc', 'outside')).labels.securityGroupIds, [])
})

test('where they cannot be put in force they are refused', async () => {
  const context = { ...groupContext(), whyUnguarded: async () => 'no nft here' }
  await create(context, 'old')
  await rejects(context, () => newCluster(context, 'mc', { CacheSecurityGroupNames: ['old'] }), value, /no nft here/)
})
