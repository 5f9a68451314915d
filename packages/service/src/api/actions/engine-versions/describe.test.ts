import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { rejects, testContext } from '../test-context.ts'
import { describeCacheEngineVersions } from './describe.ts'

const list = async (input: Parameters<typeof describeCacheEngineVersions>[0]) =>
  (await describeCacheEngineVersions(input, testContext())).CacheEngineVersions?.map(
    (each) => `${each.Engine} ${each.EngineVersion}`,
  )

describe('DescribeCacheEngineVersions', () => {
  it('lists what the catalog can start, in the form of AWS', async () => {
    const { CacheEngineVersions, Marker } = await describeCacheEngineVersions({}, testContext())
    assert.equal(Marker, undefined)
    const row = (Engine: string, EngineVersion: string, family: string, title: string, whole: string) => ({
      Engine,
      EngineVersion,
      CacheParameterGroupFamily: family,
      CacheEngineDescription: title,
      CacheEngineVersionDescription: `${Engine} version ${whole}`,
    })
    assert.deepEqual(CacheEngineVersions, [
      row('memcached', '1.6.18', 'memcached1.6', 'memcached', '1.6.18'),
      row('redis', '7.0', 'redis7', 'Redis', '7.0.15'),
      row('valkey', '8.0', 'valkey8', 'Valkey', '8.0.6'),
      // Of two 9.1 the newest is what a request for 9.1 starts.
      row('valkey', '9.1', 'valkey9', 'Valkey', '9.1.2'),
    ])
  })

  it('filters by engine in any case, by version from the left, by family', async () => {
    assert.deepEqual(await list({ Engine: 'Redis' }), ['redis 7.0'])
    assert.deepEqual(await list({ Engine: 'valkey', EngineVersion: '9' }), ['valkey 9.1'])
    assert.deepEqual(await list({ EngineVersion: '9.1.2' }), ['valkey 9.1'])
    assert.deepEqual(await list({ EngineVersion: '9.1.20' }), [])
    assert.deepEqual(await list({ EngineVersion: '1.6.1' }), [])
    assert.deepEqual(await list({ CacheParameterGroupFamily: 'valkey8' }), ['valkey 8.0'])
    assert.deepEqual(await list({ Engine: 'dragonfly' }), [])
  })

  it('lists the newest of each engine as the default, or the newest that matches', async () => {
    assert.deepEqual(await list({ DefaultOnly: true }), ['memcached 1.6.18', 'redis 7.0', 'valkey 9.1'])
    assert.deepEqual(await list({ DefaultOnly: true, Engine: 'valkey' }), ['valkey 9.1'])
    assert.deepEqual(await list({ DefaultOnly: true, Engine: 'valkey', EngineVersion: '8' }), ['valkey 8.0'])
  })

  it('lists nothing where no engine is installed', async () => {
    assert.deepEqual((await describeCacheEngineVersions({}, testContext(undefined, []))).CacheEngineVersions, [])
  })

  it('refuses pages that AWS refuses', async () => {
    const context = testContext()
    await rejects(
      context,
      () => describeCacheEngineVersions({ MaxRecords: 101 }, context),
      'InvalidParameterValueException',
      /MaxRecords/,
    )
  })
})
