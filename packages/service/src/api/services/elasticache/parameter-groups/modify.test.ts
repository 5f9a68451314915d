import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { putGroup, rejects, testContext } from '../test-context.ts'
import { modifyCacheParameterGroup } from './modify.ts'
import { resetCacheParameterGroup } from './reset.ts'
import { create, modify, pairs, reset, userValues } from './testing.ts'

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
