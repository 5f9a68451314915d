import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parameterGroupKey } from '../../../../model/keys.ts'
import { parametersOf } from '../../../../model/parameters.ts'
import type { ParameterGroupRecord } from '../../../../model/records.ts'
import { readRecord } from '../../../../ports/records.ts'
import { describeEvents } from '../events/describe.ts'
import { account, putGroup, region, rejects, testContext } from '../test-context.ts'
import { createCacheParameterGroup } from './create.ts'
import { describeCacheParameterGroups } from './describe.ts'
import { create, modify, names, remove, request, reset } from './testing.ts'

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

  it('say of every parameter of a module that it has no effect, which is set as on AWS all the same', async () => {
    for (const family of ['valkey8', 'valkey9']) {
      const context = testContext()
      await create(context, 'mine', family)
      const ofModules = parametersOf(family).filter((each) => each.module !== undefined)
      assert.ok(ofModules.length > 0)
      for (const { name, value } of ofModules) {
        await modify(context, 'mine', { [name]: value ?? '' })
        const { Events } = await describeEvents({ SourceType: 'cache-parameter-group', SourceIdentifier: 'mine' }, context)
        const said = Events?.map((event) => event.Message)
        assert.ok(said?.includes(`Updated parameter ${name} to ${value}`), name)
        assert.ok(
          said?.some((text) => text?.startsWith(`Parameter ${name} has no effect`)),
          name,
        )
      }
    }
  })
})
