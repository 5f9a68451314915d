import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { rejects, testContext } from '../test-context.ts'
import { describeCacheParameters, describeEngineDefaultParameters } from './describe-parameters.ts'
import { allParameters, create, modify } from './testing.ts'

describe('DescribeCacheParameters', () => {
  it('answers with every member of a parameter', async () => {
    const context = testContext()
    await create(context, 'mine')
    const parameters = await allParameters(context, 'mine')
    const policy = parameters.find((each) => each.ParameterName === 'maxmemory-policy')
    assert.equal(policy?.ParameterValue, 'volatile-lru')
    assert.equal(policy?.IsModifiable, true)
    assert.equal(policy?.ChangeType, 'immediate')
    assert.equal(policy?.DataType, 'string')
    assert.match(policy?.AllowedValues ?? '', /allkeys-lru/)
    for (const each of parameters) {
      for (const member of ['Description', 'Source', 'DataType', 'MinimumEngineVersion', 'ChangeType'] as const) {
        assert.ok(each[member] !== undefined, `${each.ParameterName} ${member}`)
      }
      assert.equal(typeof each.IsModifiable, 'boolean')
    }
  })

  it('tells the values of parameters that depend on the node type in the other list', async () => {
    const context = testContext()
    const { CacheNodeTypeSpecificParameters, Parameters } = await describeCacheParameters(
      { CacheParameterGroupName: 'default.valkey9' },
      context,
    )
    const maxmemory = CacheNodeTypeSpecificParameters?.find((each) => each.ParameterName === 'maxmemory')
    assert.ok(!Parameters?.some((each) => each.ParameterName === 'maxmemory'))
    assert.deepEqual(
      maxmemory?.CacheNodeTypeSpecificValues?.find((each) => each.CacheNodeType === 'cache.t3.micro'),
      {
        CacheNodeType: 'cache.t3.micro',
        Value: '536870912',
      },
    )
  })

  it('filters by source', async () => {
    const context = testContext()
    await create(context, 'mine')
    await modify(context, 'mine', { timeout: '300' })
    const of = async (Source: string) => {
      const page = await describeCacheParameters({ CacheParameterGroupName: 'mine', Source }, context)
      return [...(page.Parameters ?? []), ...(page.CacheNodeTypeSpecificParameters ?? [])]
    }
    assert.deepEqual(
      (await of('user')).map((each) => [each.ParameterName, each.Source]),
      [['timeout', 'user']],
    )
    const system = await of('system')
    assert.ok(system.length > 20 && system.every((each) => each.Source === 'system' && each.ParameterName !== 'timeout'))
    await rejects(context, () => of('mine'), 'InvalidParameterValueException', /Source/)
    await rejects(
      context,
      () => describeCacheParameters({ CacheParameterGroupName: 'nobody' }, context),
      'CacheParameterGroupNotFoundFault',
      /nobody/,
    )
  })

  it('pages over both lists together, each parameter once', async () => {
    const context = testContext()
    const all = (await allParameters(context, 'default.valkey9')).map((each) => each.ParameterName)
    const paged = (await allParameters(context, 'default.valkey9', 20)).map((each) => each.ParameterName)
    assert.equal(new Set(all).size, all.length)
    assert.deepEqual(paged.toSorted(), all.toSorted())
    const first = await describeCacheParameters({ CacheParameterGroupName: 'default.valkey9', MaxRecords: 20 }, context)
    assert.equal((first.Parameters?.length ?? 0) + (first.CacheNodeTypeSpecificParameters?.length ?? 0), 20)
  })

  it('shows cluster mode as it is in the default groups', async () => {
    const context = testContext()
    const value = async (name: string) =>
      (await allParameters(context, name)).find((each) => each.ParameterName === 'cluster-enabled')?.ParameterValue
    assert.equal(await value('default.valkey9'), 'no')
    assert.equal(await value('default.valkey9.cluster.on'), 'yes')
  })

  it('shows cluster mode as modifiable in groups that a user made alone, as AWS does', async () => {
    const context = testContext()
    await create(context, 'mine')
    const modifiable = async (name: string) =>
      (await allParameters(context, name)).find((each) => each.ParameterName === 'cluster-enabled')?.IsModifiable
    assert.equal(await modifiable('mine'), true)
    assert.equal(await modifiable('default.valkey9'), false)
  })
})

describe('DescribeEngineDefaultParameters', () => {
  it('answers with the parameters of the family, and no group', async () => {
    const context = testContext()
    const { EngineDefaults } = await describeEngineDefaultParameters({ CacheParameterGroupFamily: 'memcached1.6' }, context)
    assert.equal(EngineDefaults?.CacheParameterGroupFamily, 'memcached1.6')
    assert.ok(EngineDefaults?.Parameters?.some((each) => each.ParameterName === 'chunk_size'))
    assert.ok(!EngineDefaults?.Parameters?.some((each) => each.Source === 'user'))
    await rejects(
      context,
      () => describeEngineDefaultParameters({ CacheParameterGroupFamily: 'oracle' }, context),
      'InvalidParameterValueException',
      /oracle is not a valid parameter group family/,
    )
  })
})
