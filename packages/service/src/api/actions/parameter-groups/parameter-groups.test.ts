import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Parameter } from '@aws-sdk/client-elasticache'
import { parameterGroupKey } from '../../../model/keys.ts'
import type { ParameterGroupRecord } from '../../../model/records.ts'
import { readRecord } from '../../../ports/records.ts'
import { describeEvents } from '../events/describe.ts'
import { account, putGroup, region, rejects, type TestContext, testContext } from '../test-context.ts'
import { createCacheParameterGroup } from './create.ts'
import { deleteCacheParameterGroup } from './delete.ts'
import { describeCacheParameterGroups } from './describe.ts'
import { describeCacheParameters, describeEngineDefaultParameters } from './describe-parameters.ts'
import { modifyCacheParameterGroup } from './modify.ts'
import { resetCacheParameterGroup } from './reset.ts'

const request = (name: string, family = 'valkey9') => ({
  CacheParameterGroupName: name,
  CacheParameterGroupFamily: family,
  Description: 'of the tests',
})
const create = (context: TestContext, name: string, family?: string) => createCacheParameterGroup(request(name, family), context)
const pairs = (values: Record<string, string>) =>
  Object.entries(values).map(([ParameterName, ParameterValue]) => ({ ParameterName, ParameterValue }))
const modify = (context: TestContext, name: string, values: Record<string, string>) =>
  modifyCacheParameterGroup({ CacheParameterGroupName: name, ParameterNameValues: pairs(values) }, context)
const reset = (context: TestContext, name: string, ...names: string[]) =>
  resetCacheParameterGroup(
    { CacheParameterGroupName: name, ParameterNameValues: names.map((ParameterName) => ({ ParameterName })) },
    context,
  )
const remove = (context: TestContext, CacheParameterGroupName: string) =>
  deleteCacheParameterGroup({ CacheParameterGroupName }, context)

/** What Terraform reads: the parameters with the source `user`, each as `name=value`. */
const userValues = async (context: TestContext, CacheParameterGroupName: string) =>
  (await describeCacheParameters({ CacheParameterGroupName, Source: 'user' }, context)).Parameters?.map(
    (each) => `${each.ParameterName}=${each.ParameterValue}`,
  )

/** All parameters of a group, page by page. */
const allParameters = async (context: TestContext, CacheParameterGroupName: string, MaxRecords = 100): Promise<Parameter[]> => {
  const found: Parameter[] = []
  let Marker: string | undefined
  do {
    const page = await describeCacheParameters({ CacheParameterGroupName, MaxRecords, Marker }, context)
    found.push(...(page.Parameters ?? []), ...(page.CacheNodeTypeSpecificParameters ?? []))
    Marker = page.Marker
  } while (Marker !== undefined)
  return found
}
const names = (output: { CacheParameterGroups?: { CacheParameterGroupName?: string | undefined }[] | undefined }) =>
  output.CacheParameterGroups?.map((group) => group.CacheParameterGroupName)

describe('CreateCacheParameterGroup', () => {
  it('answers with every member of a parameter group', async () => {
    const context = testContext()
    assert.deepEqual((await create(context, 'My-Group')).CacheParameterGroup, {
      CacheParameterGroupName: 'my-group',
      CacheParameterGroupFamily: 'valkey9',
      Description: 'of the tests',
      IsGlobal: false,
      ARN: `arn:aws:elasticache:${region}:${account}:parametergroup:my-group`,
    })
  })

  it('refuses what is missing or malformed', async () => {
    const context = testContext()
    const bad = (change: object, message: RegExp) =>
      rejects(
        context,
        () => createCacheParameterGroup({ ...request('a'), ...change }, context),
        'InvalidParameterValueException',
        message,
      )
    await bad({ CacheParameterGroupName: undefined }, /CacheParameterGroupName/)
    await bad({ CacheParameterGroupName: 'default.valkey9' }, /CacheParameterGroupName/)
    await bad({ CacheParameterGroupName: '1st' }, /CacheParameterGroupName/)
    await bad({ CacheParameterGroupFamily: 'redis99' }, /redis99 is not a valid parameter group family.*valkey9/)
    await bad({ CacheParameterGroupFamily: undefined }, /CacheParameterGroupFamily must be provided/)
    await bad({ Description: '' }, /Description must be provided/)
  })

  it('refuses a name that is there', async () => {
    const context = testContext()
    await create(context, 'mine')
    await rejects(
      context,
      () => create(context, 'MINE', 'redis7'),
      'CacheParameterGroupAlreadyExistsFault',
      /mine already exists/,
    )
  })

  it('keeps to 300 groups in a region, default groups apart', async () => {
    const context = testContext()
    for (let i = 0; i < 300; i += 1) await create(context, `group-${i}`)
    await rejects(context, () => create(context, 'last'), 'CacheParameterGroupQuotaExceededFault', /300/)
    await create({ ...context, region: 'us-east-1' }, 'last')
  })
})

describe('DescribeCacheParameterGroups', () => {
  it('shows the default groups of every family among the others, by name', async () => {
    const context = testContext()
    await create(context, 'custom')
    await create(context, 'zebra')
    const all = names(await describeCacheParameterGroups({}, context)) ?? []
    assert.deepEqual(all, all.toSorted())
    for (const name of [
      'custom',
      'zebra',
      'default.valkey9',
      'default.valkey9.cluster.on',
      'default.redis7',
      'default.memcached1.6',
    ]) {
      assert.ok(all.includes(name), name)
    }
    assert.ok(!all.includes('default.memcached1.6.cluster.on'))
  })

  it('describes default groups in the words of AWS', async () => {
    const context = testContext()
    const only = async (CacheParameterGroupName: string) =>
      (await describeCacheParameterGroups({ CacheParameterGroupName }, context)).CacheParameterGroups?.[0]
    assert.deepEqual(await only('default.redis7'), {
      CacheParameterGroupName: 'default.redis7',
      CacheParameterGroupFamily: 'redis7',
      Description: 'Default parameter group for redis7',
      IsGlobal: false,
      ARN: `arn:aws:elasticache:${region}:${account}:parametergroup:default.redis7`,
    })
    assert.equal(
      (await only('default.redis7.cluster.on'))?.Description,
      'Customized default parameter group for redis7 with cluster mode on',
    )
  })

  it('refuses unknown names, whatever characters they have', async () => {
    const context = testContext()
    for (const CacheParameterGroupName of ['nobody', 'default.redis99', 'a/b', 'größe']) {
      await rejects(
        context,
        () => describeCacheParameterGroups({ CacheParameterGroupName }, context),
        'CacheParameterGroupNotFoundFault',
        /not found/,
      )
    }
  })

  it('pages', async () => {
    const context = testContext()
    for (let i = 0; i < 30; i += 1) await create(context, `group-${i}`)
    const all = names(await describeCacheParameterGroups({}, context)) ?? []
    const seen: (string | undefined)[] = []
    let Marker: string | undefined
    do {
      const page = await describeCacheParameterGroups({ MaxRecords: 20, Marker }, context)
      seen.push(...(names(page) ?? []))
      Marker = page.Marker
    } while (Marker !== undefined)
    assert.deepEqual(seen, all)
  })
})

describe('ModifyCacheParameterGroup', () => {
  it('sets values, which then have the source user', async () => {
    const context = testContext()
    await create(context, 'mine')
    assert.deepEqual(await modify(context, 'MINE', { 'maxmemory-policy': 'allkeys-lru', timeout: '300' }), {
      CacheParameterGroupName: 'mine',
    })
    await modify(context, 'mine', { timeout: '600' })
    assert.deepEqual(await userValues(context, 'mine'), ['maxmemory-policy=allkeys-lru', 'timeout=600'])
  })

  it('keeps a value that is equal to the default as the one that the user set', async () => {
    const context = testContext()
    await create(context, 'mine')
    await modify(context, 'mine', { 'maxmemory-policy': 'volatile-lru' })
    assert.deepEqual(await userValues(context, 'mine'), ['maxmemory-policy=volatile-lru'])
  })

  it('writes all or nothing', async () => {
    const context = testContext()
    await create(context, 'mine')
    await rejects(
      context,
      () => modify(context, 'mine', { timeout: '300', 'maxmemory-policy': 'sometimes' }),
      'InvalidParameterValueException',
      /maxmemory-policy/,
    )
    assert.deepEqual(await userValues(context, 'mine'), [])
  })

  it('refuses unknown groups, unknown and fixed parameters, default groups, and too many at once', async () => {
    const context = testContext()
    await create(context, 'mine')
    const bad = (shape: string, name: string, values: Record<string, string>, message: RegExp) =>
      rejects(context, () => modify(context, name, values), shape, message)
    await bad('CacheParameterGroupNotFoundFault', 'nobody', { timeout: '300' }, /nobody/)
    await bad('InvalidParameterValueException', 'mine', { 'no-such': '1' }, /no-such/)
    await bad('InvalidParameterValueException', 'mine', { maxclients: '10' }, /maxclients cannot be modified/)
    await bad('InvalidParameterValueException', 'default.valkey9', { timeout: '300' }, /default group/)
    await bad('InvalidParameterValueException', 'mine', {}, /ParameterNameValues must be provided/)
    const many = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`p${i}`, '1']))
    await bad('InvalidParameterCombinationException', 'mine', many, /more than 20 parameters/)
    await rejects(
      context,
      () =>
        modifyCacheParameterGroup(
          { CacheParameterGroupName: 'mine', ParameterNameValues: [...pairs({ timeout: '300' }), ...pairs({ timeout: '400' })] },
          context,
        ),
      'InvalidParameterCombinationException',
      /more than once/,
    )
    await rejects(
      context,
      () =>
        modifyCacheParameterGroup(
          { CacheParameterGroupName: 'mine', ParameterNameValues: [{ ParameterName: 'timeout' }] },
          context,
        ),
      'InvalidParameterValueException',
      /ParameterValue/,
    )
  })

  it('turns cluster mode on as long as nobody uses the group', async () => {
    const context = testContext()
    await create(context, 'mine')
    await rejects(
      context,
      () => modify(context, 'mine', { 'cluster-enabled': 'maybe' }),
      'InvalidParameterValueException',
      /yes,no/,
    )
    await modify(context, 'mine', { 'cluster-enabled': 'yes' })
    assert.deepEqual(await userValues(context, 'mine'), ['cluster-enabled=yes'])
    await putGroup(context, { id: 'g', parameterGroup: 'mine' })
    await modify(context, 'mine', { 'cluster-enabled': 'yes', timeout: '300' })
    await rejects(
      context,
      () => modify(context, 'mine', { 'cluster-enabled': 'no' }),
      'InvalidParameterValueException',
      /cluster-enabled cannot be modified/,
    )
    await rejects(
      context,
      () => reset(context, 'mine', 'cluster-enabled'),
      'InvalidParameterValueException',
      /cannot be modified/,
    )
  })

  it('loses no value where many come at once', async () => {
    const context = testContext()
    await create(context, 'mine')
    await Promise.all([
      modify(context, 'mine', { timeout: '300' }),
      modify(context, 'mine', { 'maxmemory-policy': 'allkeys-lfu' }),
      modify(context, 'mine', { 'tcp-keepalive': '60' }),
    ])
    assert.deepEqual(await userValues(context, 'mine'), ['maxmemory-policy=allkeys-lfu', 'tcp-keepalive=60', 'timeout=300'])
  })

  it('writes nothing where nothing changes: no controller wakes, no event is told', async () => {
    const context = testContext()
    await create(context, 'mine')
    await modify(context, 'mine', { timeout: '300' })
    const before = await context.store.list('')
    await modify(context, 'mine', { timeout: '300' })
    assert.deepEqual(await context.store.list(''), before)
  })
})

describe('a family without cluster mode', () => {
  it('has no switch for it', async () => {
    const context = testContext()
    await create(context, 'mine', 'memcached1.6')
    await rejects(
      context,
      () => modify(context, 'mine', { 'cluster-enabled': 'yes' }),
      'InvalidParameterValueException',
      /cluster-enabled/,
    )
    await modify(context, 'mine', { chunk_size: '96' })
    assert.deepEqual(await userValues(context, 'mine'), ['chunk_size=96'])
  })
})

describe('ResetCacheParameterGroup', () => {
  it('resets the named parameters, or all', async () => {
    const context = testContext()
    await create(context, 'mine')
    await modify(context, 'mine', { timeout: '300', 'maxmemory-policy': 'allkeys-lru', 'tcp-keepalive': '60' })
    assert.deepEqual(await reset(context, 'mine', 'timeout', 'activerehashing'), { CacheParameterGroupName: 'mine' })
    assert.deepEqual(await userValues(context, 'mine'), ['maxmemory-policy=allkeys-lru', 'tcp-keepalive=60'])
    await resetCacheParameterGroup({ CacheParameterGroupName: 'mine', ResetAllParameters: true }, context)
    assert.deepEqual(await userValues(context, 'mine'), [])
  })

  it('takes the values that Terraform sends along, and does not look at them', async () => {
    const context = testContext()
    await create(context, 'mine')
    await modify(context, 'mine', { timeout: '300' })
    await resetCacheParameterGroup(
      { CacheParameterGroupName: 'mine', ParameterNameValues: pairs({ timeout: 'nonsense' }) },
      context,
    )
    assert.deepEqual(await userValues(context, 'mine'), [])
  })

  it('refuses what contradicts itself, unknown and fixed parameters, and default groups', async () => {
    const context = testContext()
    await create(context, 'mine')
    const bad = (shape: string, input: object, message: RegExp) =>
      rejects(context, () => resetCacheParameterGroup({ CacheParameterGroupName: 'mine', ...input }, context), shape, message)
    const named = (ParameterName: string) => ({ ParameterNameValues: [{ ParameterName }] })
    await bad('InvalidParameterCombinationException', {}, /must be provided/)
    await bad('InvalidParameterCombinationException', { ResetAllParameters: true, ...named('timeout') }, /together/)
    await bad('InvalidParameterValueException', named('no-such'), /no-such doesn't exist/)
    await bad('InvalidParameterValueException', named('maxclients'), /maxclients cannot be modified/)
    await bad(
      'InvalidParameterValueException',
      { CacheParameterGroupName: 'default.redis7', ResetAllParameters: true },
      /default group/,
    )
    await bad('CacheParameterGroupNotFoundFault', { CacheParameterGroupName: 'nobody', ResetAllParameters: true }, /nobody/)
  })
})

describe('DeleteCacheParameterGroup', () => {
  it('removes the group, once', async () => {
    const context = testContext()
    await create(context, 'mine')
    assert.deepEqual(await remove(context, 'Mine'), {})
    assert.equal(await readRecord<ParameterGroupRecord>(context.store, parameterGroupKey(region, 'mine')), null)
    await rejects(context, () => remove(context, 'mine'), 'CacheParameterGroupNotFoundFault', /mine/)
  })

  it('refuses a group in use and default groups', async () => {
    const context = testContext()
    await create(context, 'mine')
    await putGroup(context, { id: 'g', parameterGroup: 'mine' })
    await rejects(
      context,
      () => remove(context, 'mine'),
      'InvalidCacheParameterGroupStateFault',
      /One or more cache clusters are still members of this parameter group mine/,
    )
    await rejects(context, () => remove(context, 'default.valkey9'), 'InvalidParameterValueException', /default group/)
  })
})

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

describe('events of parameter groups', () => {
  it('tell of every value, and of nothing that did not change', async () => {
    const context = testContext()
    const at = (seconds: number) => context.setTime(Date.UTC(2026, 10, 20, 12, 0, seconds))
    await create(context, 'mine')
    at(1)
    await modify(context, 'mine', { timeout: '300', 'tcp-keepalive': '60' })
    at(2)
    await modify(context, 'mine', { timeout: '300', 'tcp-keepalive': '70' })
    at(3)
    await reset(context, 'mine', 'timeout', 'activerehashing')
    at(4)
    await remove(context, 'mine')
    const { Events } = await describeEvents({ SourceType: 'cache-parameter-group', SourceIdentifier: 'mine' }, context)
    assert.deepEqual(
      Events?.map((event) => event.Message),
      [
        'Cache parameter group deleted',
        'Reset parameter timeout to its default value',
        'Updated parameter tcp-keepalive to 70',
        'Updated parameter tcp-keepalive to 60',
        'Updated parameter timeout to 300',
        'Cache parameter group created',
      ],
    )
  })
})
