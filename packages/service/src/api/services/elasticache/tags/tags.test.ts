import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { GroupSpec } from '../../../../model/group.ts'
import { specKey } from '../../../../model/keys.ts'
import { readRecord } from '../../../../ports/records.ts'
import { createCacheParameterGroup } from '../parameter-groups/create.ts'
import { createCacheSubnetGroup } from '../subnet-groups/create.ts'
import { account, putGroup, region, rejects, type TestContext, testContext } from '../test-context.ts'
import { addTagsToResource } from './add.ts'
import { listTagsForResource } from './list.ts'
import { removeTagsFromResource } from './remove.ts'

const arnOf = (type: string, name: string): string => `arn:aws:elasticache:${region}:${account}:${type}:${name}`
const pairs = (tags: Record<string, string>) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
const asRecord = (output: { TagList?: { Key?: string | undefined; Value?: string | undefined }[] | undefined }) =>
  Object.fromEntries((output.TagList ?? []).map((tag) => [tag.Key, tag.Value]))

const add = async (context: TestContext, ResourceName: string, tags: Record<string, string>) =>
  asRecord(await addTagsToResource({ ResourceName, Tags: pairs(tags) }, context))
const remove = async (context: TestContext, ResourceName: string, ...TagKeys: string[]) =>
  asRecord(await removeTagsFromResource({ ResourceName, TagKeys }, context))
const list = async (context: TestContext, ResourceName: string) => asRecord(await listTagsForResource({ ResourceName }, context))

/** One resource of each kind, each with the tag a=1. */
const everything = async (): Promise<TestContext> => {
  const context = testContext()
  const tags = [{ key: 'a', value: '1' }]
  await putGroup(context, {
    id: 'group',
    tags,
    nodes: [
      { id: 'group-001', zone: `${region}a` },
      { id: 'group-002', zone: `${region}b` },
    ],
  })
  await putGroup(context, { id: 'single', space: 'cc', tags, nodes: [{ id: 'single', zone: `${region}a` }] })
  await createCacheParameterGroup(
    { CacheParameterGroupName: 'params', CacheParameterGroupFamily: 'valkey9', Description: 'd', Tags: pairs({ a: '1' }) },
    context,
  )
  await createCacheSubnetGroup(
    {
      CacheSubnetGroupName: 'subnets',
      CacheSubnetGroupDescription: 'd',
      SubnetIds: ['subnet-12345678'],
      Tags: pairs({ a: '1' }),
    },
    context,
  )
  return context
}
const kinds = [
  ['replicationgroup', 'group'],
  ['cluster', 'group-001'],
  ['cluster', 'single'],
  ['parametergroup', 'params'],
  ['subnetgroup', 'subnets'],
] as const

describe('tags', () => {
  for (const [type, name] of kinds) {
    it(`of ${type} ${name} are added, replaced, removed and listed`, async () => {
      const context = await everything()
      const arn = arnOf(type, name)
      assert.deepEqual(await list(context, arn), { a: '1' })
      assert.deepEqual(await add(context, arn, { b: '2', a: 'one' }), { a: 'one', b: '2' })
      assert.deepEqual(await list(context, arn), { a: 'one', b: '2' })
      assert.deepEqual(await remove(context, arn, 'a'), { b: '2' })
      assert.deepEqual(await list(context, arn), { b: '2' })
    })

    it(`of ${type} ${name} are at most 50, and the change is all or nothing`, async () => {
      const context = await everything()
      const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, 'v']))
      await rejects(context, () => add(context, arnOf(type, name), many), 'TagQuotaPerResourceExceeded', /50/)
    })

    it(`of ${type} ${name}: removing one that is not there is refused`, async () => {
      const context = await everything()
      await rejects(context, () => remove(context, arnOf(type, name), 'a', 'z'), 'TagNotFoundFault', /z/)
    })
  }

  it('find a resource whose name is written in another case', async () => {
    assert.deepEqual(await list(await everything(), arnOf('subnetgroup', 'Subnets')), { a: '1' })
  })

  it('do not raise the generation of a group: its controller has nothing to do', async () => {
    const context = await everything()
    await add(context, arnOf('replicationgroup', 'group'), { b: '2' })
    const spec = await readRecord<GroupSpec>(context.store, specKey({ region, space: 'rg', id: 'group' }))
    assert.equal(spec?.value.generation, 1)
    assert.deepEqual(spec?.value.tags, [
      { key: 'a', value: '1' },
      { key: 'b', value: '2' },
    ])
  })

  it('lose no change where many come at once', async () => {
    const context = await everything()
    const arn = arnOf('replicationgroup', 'group')
    await Promise.all(Array.from({ length: 8 }, (_, i) => add(context, arn, { [`k${i}`]: 'v' })))
    assert.equal(Object.keys(await list(context, arn)).length, 9)
  })
})

describe('tags of the nodes of a replication group', () => {
  const group = arnOf('replicationgroup', 'group')
  const first = arnOf('cluster', 'group-001')
  const second = arnOf('cluster', 'group-002')

  it('are those of the group', async () => {
    const context = await everything()
    await add(context, group, { b: '2' })
    assert.deepEqual(await list(context, first), { a: '1', b: '2' })
  })

  it('may be changed for one node alone', async () => {
    const context = await everything()
    await add(context, first, { own: 'yes' })
    await remove(context, first, 'a')
    assert.deepEqual(await list(context, first), { own: 'yes' })
    assert.deepEqual(await list(context, second), { a: '1' })
    assert.deepEqual(await list(context, group), { a: '1' })
  })

  it('follow later changes of the group, also where the node has tags of its own', async () => {
    const context = await everything()
    await add(context, first, { own: 'yes' })
    await remove(context, first, 'a')
    await add(context, group, { b: '2', own: 'no' })
    assert.deepEqual(await list(context, first), { own: 'no', b: '2' })
    await remove(context, group, 'a', 'b')
    assert.deepEqual(await list(context, first), { own: 'no' })
    assert.deepEqual(await list(context, second), { own: 'no' })
  })
})

describe('resources that cannot have tags now', () => {
  it('are those that are not there, each with the fault of its kind', async () => {
    const context = await everything()
    for (const [type, shape] of [
      ['cluster', 'CacheClusterNotFoundFault'],
      ['replicationgroup', 'ReplicationGroupNotFoundFault'],
      ['parametergroup', 'CacheParameterGroupNotFoundFault'],
      ['subnetgroup', 'CacheSubnetGroupNotFoundFault'],
      ['securitygroup', 'CacheSecurityGroupNotFoundFault'],
      ['snapshot', 'SnapshotNotFoundFault'],
      ['user', 'UserNotFoundFault'],
      ['usergroup', 'UserGroupNotFoundFault'],
      ['serverlesscache', 'ServerlessCacheNotFoundFault'],
      ['serverlesscachesnapshot', 'ServerlessCacheSnapshotNotFoundFault'],
      ['reserved-instance', 'ReservedCacheNodeNotFoundFault'],
    ] as const) {
      const arn = arnOf(type, 'nobody')
      await rejects(context, () => list(context, arn), shape, /nobody/)
      await rejects(context, () => add(context, arn, { a: '1' }), shape, /nobody/)
      await rejects(context, () => remove(context, arn, 'a'), shape, /nobody/)
    }
    // A replication group is no cache cluster, and the other way round.
    await rejects(context, () => list(context, arnOf('cluster', 'group')), 'CacheClusterNotFoundFault', /group/)
    await rejects(context, () => list(context, arnOf('replicationgroup', 'single')), 'ReplicationGroupNotFoundFault', /single/)
  })

  it('are those that are being made or deleted, as on AWS', async () => {
    const context = testContext()
    const nodes = (id: string) => [{ id: `${id}-001`, zone: `${region}a` }]
    await putGroup(context, { id: 'new', status: 'creating', nodes: nodes('new') })
    await putGroup(context, { id: 'old', status: 'deleting', nodes: nodes('old') })
    await putGroup(context, { id: 'going', deleted: true, nodes: nodes('going') })
    await putGroup(context, { id: 'fresh', space: 'cc', status: 'creating', nodes: [{ id: 'fresh', zone: `${region}a` }] })
    for (const id of ['new', 'old', 'going']) {
      await rejects(
        context,
        () => list(context, arnOf('replicationgroup', id)),
        'InvalidReplicationGroupStateFault',
        /available state/,
      )
      await rejects(context, () => list(context, arnOf('cluster', `${id}-001`)), 'CacheClusterNotFoundFault', /not available/)
    }
    await rejects(context, () => list(context, arnOf('cluster', 'fresh')), 'CacheClusterNotFoundFault', /not available/)
  })

  it('are the default groups: they have none, and get none', async () => {
    const context = testContext()
    for (const [type, name] of [
      ['subnetgroup', 'default'],
      ['parametergroup', 'default.valkey9'],
    ] as const) {
      assert.deepEqual(await list(context, arnOf(type, name)), {})
      await rejects(context, () => add(context, arnOf(type, name), { a: '1' }), 'InvalidParameterValueException', /reserved/)
    }
  })
})

describe('an ARN', () => {
  it('must be one of this service, region and account', async () => {
    const context = await everything()
    const bad = (arn: string, shape: string, message: RegExp) => rejects(context, () => list(context, arn), shape, message)
    await bad('not-an-arn', 'InvalidARNFault', /./)
    await bad(`arn:aws:elasticache:${region}:${account}:cluster`, 'InvalidARNFault', /./)
    await bad(`arn:aws:rds:${region}:${account}:cluster:single`, 'InvalidARNFault', /./)
    await bad(`arn:aws:elasticache:${region}:${account}:toaster:single`, 'InvalidARNFault', /./)
    await bad(`arn:aws:elasticache:${region}:${account}:cluster:größe`, 'InvalidARNFault', /./)
    await bad(`arn:aws:elasticache:us-east-1:${account}:cluster:single`, 'InvalidParameterValueException', /check the region/)
    await bad(`arn:aws:elasticache:${region}:111122223333:cluster:single`, 'InvalidParameterValueException', /belong/)
    await bad('', 'InvalidParameterValueException', /ResourceName must be provided/)
  })

  it('needs tags to add, and keys to remove', async () => {
    const context = await everything()
    await rejects(
      context,
      () => add(context, arnOf('cluster', 'single'), {}),
      'InvalidParameterValueException',
      /Tags must be provided/,
    )
    await rejects(
      context,
      () => remove(context, arnOf('cluster', 'single')),
      'InvalidParameterValueException',
      /TagKeys must be provided/,
    )
  })
})
