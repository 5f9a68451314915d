import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CreateReplicationGroupMessage, ModifyReplicationGroupMessage } from '@aws-sdk/client-elasticache'
import type { ActionContext } from '../../../action.ts'
import { modifyCacheCluster } from '../cache-clusters/modify.ts'
import { createCacheParameterGroup } from '../parameter-groups/create.ts'
import { modifyReplicationGroup } from '../replication-groups/modify.ts'
import { installed, rejects } from '../test-context.ts'
import { clusterNow, groupContext, messages, newCluster, newGroup, readyCluster, readyGroup, settle, specNow } from './testing.ts'

const combination = 'InvalidParameterCombinationException'
const value = 'InvalidParameterValueException'

/** What runs is what the catalog serves it by, as the controller writes it. */
const ready = async (input: Partial<CreateReplicationGroupMessage>): Promise<ActionContext> => {
  const context = groupContext()
  await readyGroup(context, 'demo', { Engine: 'redis', ...input })
  return context
}

const modify = (context: ActionContext, input: Partial<ModifyReplicationGroupMessage>) =>
  modifyReplicationGroup({ ReplicationGroupId: 'demo', ApplyImmediately: true, ...input }, context)

test('what was asked for is shown, in its family, and an event says what serves it', async () => {
  const context = groupContext()
  const cases = [
    ['redis', '7.1', '7.1.0', 'default.redis7', '7.0.15'],
    ['redis', '7.0.7', '7.0.7', 'default.redis7', '7.0.15'],
    ['redis', '7.0', '7.0.15', 'default.redis7', null],
    ['redis', '6.x', '6.2.6', 'default.redis6.x', '7.0.15'],
    ['redis', '6.0', '6.0.5', 'default.redis6.x', '7.0.15'],
    ['redis', '5.0.6', '5.0.6', 'default.redis5.0', '7.0.15'],
    ['redis', '4.0.10', '4.0.10', 'default.redis4.0', '7.0.15'],
    ['valkey', '7.2', '7.2.6', 'default.valkey7', '8.0.6'],
    ['valkey', '9.0', '9.0.0', 'default.valkey9', '9.1.2'],
    ['valkey', '9.1', '9.1.2', 'default.valkey9', null],
  ] as const
  for (const [Engine, EngineVersion, shown, parameters, served] of cases) {
    const id = `${Engine}-${EngineVersion.replaceAll('.', '-')}`
    await readyGroup(context, id, { Engine, EngineVersion, NumCacheClusters: 2 })
    const cluster = await clusterNow(context, `${id}-001`)
    assert.equal(cluster.EngineVersion, shown, id)
    assert.equal(cluster.CacheParameterGroup?.CacheParameterGroupName, parameters, id)
    const told = (await messages(context)).filter((message) => message.startsWith(`${id}: ${Engine} ${shown} is served by`))
    assert.equal(
      told[0] ?? null,
      served === null
        ? null
        : `${id}: ${Engine} ${shown} is served by ${Engine} ${served}, the nearest engine that is installed here`,
    )
  }
})

test('versions of Memcached are taken with three parts, and without any it is AWS’s default', async () => {
  const context = groupContext()
  for (const EngineVersion of ['1.6.22', '1.6.17', '1.6.12', '1.5.16', '1.4.34', '1.6.18', undefined]) {
    const id = `m${(EngineVersion ?? 'none').replaceAll('.', '-')}`
    const cluster = await newCluster(context, id, EngineVersion === undefined ? {} : { EngineVersion })
    assert.equal(cluster.EngineVersion, EngineVersion ?? '1.6.22')
    const family = (EngineVersion ?? '1.6').split('.').slice(0, 2).join('.')
    assert.equal(cluster.CacheParameterGroup?.CacheParameterGroupName, `default.memcached${family}`)
  }
})

test('where only what is installed may be asked for, all else is refused as ever', async () => {
  const context = { ...groupContext(), exactVersions: true }
  for (const EngineVersion of ['7.1', '6.x', '6.2', '7.0.7', '5.0.6'])
    await rejects(
      context,
      () => newGroup(context, 'demo', { Engine: 'redis', EngineVersion }),
      value,
      /^Cannot find version \S+ for redis: installed are 7\.0\.15\./,
    )
  await newGroup(context, 'demo', { Engine: 'redis' })
  assert.equal((await specNow(context, 'rg', 'demo')).engineVersion, '7.0.15')
})

test('between versions of one engine only the label changes, at once or in the maintenance window', async () => {
  const context = await ready({ EngineVersion: '7.0', NumCacheClusters: 2 })
  await modify(context, { EngineVersion: '7.1' })
  assert.equal((await specNow(context, 'rg', 'demo')).engineVersion, '7.1.0')
  await settle(context, 'rg', 'demo')
  assert.equal((await clusterNow(context, 'demo-002')).EngineVersion, '7.1.0')
  assert.ok((await messages(context)).some((each) => each.startsWith('demo: redis 7.1.0 is served by redis 7.0.15')))

  const later = await ready({ EngineVersion: '6.0' })
  await modify(later, { EngineVersion: '6.2', ApplyImmediately: false })
  const waiting = await clusterNow(later, 'demo-001')
  assert.deepEqual([waiting.EngineVersion, waiting.PendingModifiedValues?.EngineVersion], ['6.0.5', '6.2.6'])
  await modify(later, { EngineVersion: '6.0' })
  assert.equal((await specNow(later, 'rg', 'demo')).pending?.engineVersion, undefined, 'what it has already is no change')
})

test('another family takes its own default parameters along, and a group of one’s own has to be named', async () => {
  const context = await ready({ EngineVersion: '6.2' })
  await modify(context, { EngineVersion: '7.1', ApplyImmediately: false })
  const before = await specNow(context, 'rg', 'demo')
  assert.deepEqual([before.parameterGroup, before.pending?.parameterGroup], ['default.redis6.x', 'default.redis7'])
  await modify(context, { EngineVersion: '7.1' })
  const after = await specNow(context, 'rg', 'demo')
  assert.deepEqual([after.parameterGroup, after.engineVersion, after.pending], ['default.redis7', '7.1.0', null])

  const own = groupContext()
  for (const [name, family] of [
    ['six', 'redis6.x'],
    ['seven', 'redis7'],
  ])
    await createCacheParameterGroup({ CacheParameterGroupName: name, CacheParameterGroupFamily: family, Description: 'd' }, own)
  await readyGroup(own, 'demo', { Engine: 'redis', EngineVersion: '6.2', CacheParameterGroupName: 'six' })
  await rejects(own, () => modify(own, { EngineVersion: '7.1' }), combination, /family redis7 but found one of family redis6\.x/)
  await modify(own, { EngineVersion: '7.1', CacheParameterGroupName: 'seven' })
  assert.equal((await specNow(own, 'rg', 'demo')).parameterGroup, 'seven')
})

test('nobody goes back to an earlier version, in the words of AWS', async () => {
  const context = await ready({ EngineVersion: '7.1' })
  for (const asked of ['7.0', '6.x', '5.0.6'])
    await rejects(
      context,
      () => modify(context, { EngineVersion: asked }),
      combination,
      new RegExp(`^Cannot modify redis from 7\\.1\\.0 to ${asked}$`),
    )
  await readyCluster(context, 'cache', { EngineVersion: '1.6.22' })
  await rejects(
    context,
    () => modifyCacheCluster({ CacheClusterId: 'cache', EngineVersion: '1.6.17' }, context),
    combination,
    /^Cannot modify memcached from 1\.6\.22 to 1\.6\.17$/,
  )
})

test('a group that an earlier Larder made keeps the version that it has', async () => {
  const context = await ready({ EngineVersion: '7.0' })
  const { engineVersion } = await specNow(context, 'rg', 'demo')
  assert.equal(engineVersion, installed.find(({ engine }) => engine === 'redis')?.version)
  const before = await context.store.list('')
  await modify(context, { EngineVersion: '7.0' })
  assert.deepEqual(await context.store.list(''), before)
})
