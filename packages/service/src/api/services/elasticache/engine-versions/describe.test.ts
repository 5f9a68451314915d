import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { rejects, testContext } from '../test-context.ts'
import { describeCacheEngineVersions } from './describe.ts'

const list = async (input: Parameters<typeof describeCacheEngineVersions>[0]) =>
  (await describeCacheEngineVersions(input, testContext())).CacheEngineVersions?.map(
    (each) => `${each.Engine} ${each.EngineVersion}`,
  )

describe('DescribeCacheEngineVersions', () => {
  it('lists what can be asked for, in the form of AWS, and which engine serves it', async () => {
    const { CacheEngineVersions = [], Marker } = await describeCacheEngineVersions({}, testContext())
    assert.equal(Marker, undefined)
    assert.deepEqual(
      CacheEngineVersions.map((each) => `${each.Engine} ${each.EngineVersion}`),
      [
        ...[
          '1.4.14',
          '1.4.24',
          '1.4.33',
          '1.4.34',
          '1.4.5',
          '1.5.10',
          '1.5.16',
          '1.6.12',
          '1.6.17',
          '1.6.18',
          '1.6.22',
          '1.6.6',
        ].map((each) => `memcached ${each}`),
        ...['2.6.13', '2.8.19', '2.8.21', '2.8.22', '2.8.23', '2.8.24', '2.8.6', '3.2.10', '3.2.4', '3.2.6', '4.0.10'].map(
          (each) => `redis ${each}`,
        ),
        ...['5.0.0', '5.0.3', '5.0.4', '5.0.5', '5.0.6', '6.0', '6.2', '7.0', '7.1'].map((each) => `redis ${each}`),
        ...['7.2', '8.0', '8.1', '8.2', '9.0', '9.1'].map((each) => `valkey ${each}`),
      ],
    )
    const row = (Engine: string, EngineVersion: string, family: string, title: string, description: string) => ({
      Engine,
      EngineVersion,
      CacheParameterGroupFamily: family,
      CacheEngineDescription: title,
      CacheEngineVersionDescription: description,
    })
    for (const expected of [
      row('memcached', '1.6.18', 'memcached1.6', 'memcached', 'memcached version 1.6.18'),
      row('memcached', '1.5.16', 'memcached1.5', 'memcached', 'memcached version 1.5.16, served here by memcached 1.6.18'),
      row('redis', '7.0', 'redis7', 'Redis', 'redis version 7.0.15'),
      row('redis', '7.1', 'redis7', 'Redis', 'redis version 7.1.0, served here by redis 7.0.15'),
      row('redis', '6.2', 'redis6.x', 'Redis', 'redis version 6.2.6, served here by redis 7.0.15'),
      row('valkey', '8.0', 'valkey8', 'Valkey', 'valkey version 8.0.6'),
      row('valkey', '9.0', 'valkey9', 'Valkey', 'valkey version 9.0.0, served here by valkey 9.1.2'),
      // Of two 9.1 the newest is what a request for 9.1 starts.
      row('valkey', '9.1', 'valkey9', 'Valkey', 'valkey version 9.1.2'),
    ])
      assert.deepEqual(
        CacheEngineVersions.find((each) => each.Engine === expected.Engine && each.EngineVersion === expected.EngineVersion),
        expected,
      )
  })

  it('lists what is installed where only that may be asked for', async () => {
    const { CacheEngineVersions = [] } = await describeCacheEngineVersions({}, { ...testContext(), exactVersions: true })
    assert.deepEqual(
      CacheEngineVersions.map(({ CacheEngineVersionDescription }) => CacheEngineVersionDescription),
      ['memcached version 1.6.18', 'redis version 7.0.15', 'valkey version 8.0.6', 'valkey version 9.1.2'],
    )
  })

  it('filters by engine in any case, by version from the left, by family', async () => {
    assert.deepEqual(await list({ Engine: 'Redis', EngineVersion: '7' }), ['redis 7.0', 'redis 7.1'])
    assert.deepEqual(await list({ Engine: 'redis', CacheParameterGroupFamily: 'redis6.x' }), ['redis 6.0', 'redis 6.2'])
    assert.deepEqual(await list({ Engine: 'valkey', EngineVersion: '9' }), ['valkey 9.0', 'valkey 9.1'])
    assert.deepEqual(await list({ EngineVersion: '9.1.2' }), ['valkey 9.1'])
    assert.deepEqual(await list({ EngineVersion: '9.1.20' }), [])
    assert.deepEqual(await list({ EngineVersion: '1.6.1' }), [])
    assert.deepEqual(await list({ CacheParameterGroupFamily: 'valkey7' }), ['valkey 7.2'])
    assert.deepEqual(await list({ Engine: 'dragonfly' }), [])
  })

  it('lists what a request without a version gets as the default, or the newest that matches', async () => {
    assert.deepEqual(await list({ DefaultOnly: true }), ['memcached 1.6.22', 'redis 7.1', 'valkey 9.1'])
    assert.deepEqual(await list({ DefaultOnly: true, Engine: 'valkey' }), ['valkey 9.1'])
    assert.deepEqual(await list({ DefaultOnly: true, Engine: 'valkey', EngineVersion: '8' }), ['valkey 8.2'])
    assert.deepEqual(await list({ DefaultOnly: true, CacheParameterGroupFamily: 'redis6.x' }), ['redis 6.2'])
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
