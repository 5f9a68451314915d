/** Every setting of `model/without-effect.ts`: taken and shown as on AWS, told once, and refused where the home says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CreateReplicationGroupMessage, ModifyReplicationGroupMessage, ReplicationGroup } from '@aws-sdk/client-elasticache'
import { type HomeVolume, withoutEffect } from '../../../../model/without-effect.ts'
import type { ActionContext } from '../../../action.ts'
import { createCacheCluster } from '../cache-clusters/create.ts'
import { deleteCacheCluster } from '../cache-clusters/delete.ts'
import { modifyCacheCluster } from '../cache-clusters/modify.ts'
import { deleteReplicationGroup } from '../replication-groups/delete.ts'
import { modifyReplicationGroup } from '../replication-groups/modify.ts'
import { rejects } from '../test-context.ts'
import {
  clusterNow,
  groupContext,
  groupNow,
  messages,
  newGroup,
  readyCluster,
  readyGroup,
  refusingContext,
  settle,
  specNow,
} from './testing.ts'

const value = 'InvalidParameterValueException'
const combination = 'InvalidParameterCombinationException'
const topic = 'arn:aws:sns:eu-central-1:000000000000:caches'
const slowLog = {
  LogType: 'slow-log',
  DestinationType: 'cloudwatch-logs',
  DestinationDetails: { CloudWatchLogsDetails: { LogGroup: '/caches/slow' } },
  LogFormat: 'json',
} as const
const engineLog = {
  LogType: 'engine-log',
  DestinationType: 'kinesis-firehose',
  DestinationDetails: { KinesisFirehoseDetails: { DeliveryStream: 'engines' } },
  LogFormat: 'text',
} as const
const active = <T extends object>(log: T) => ({ ...log, Status: 'active' as const })

interface Row {
  readonly member: string
  readonly create: Partial<CreateReplicationGroupMessage>
  readonly shown: Partial<ReplicationGroup>
  /** What the event begins with. */
  readonly told: string
  /** False: AWS's default, which is let pass. */
  readonly refused?: false
}

const rows: readonly Row[] = [
  {
    member: 'AtRestEncryptionEnabled',
    create: { Engine: 'redis', AtRestEncryptionEnabled: true },
    shown: { AtRestEncryptionEnabled: true, StorageEncryptionType: 'sse-elasticache' },
    told: 'AtRestEncryptionEnabled has no effect yet: ',
  },
  {
    member: 'KmsKeyId',
    create: { AtRestEncryptionEnabled: true, KmsKeyId: 'arn:aws:kms:eu-central-1:000000000000:key/1' },
    shown: {
      AtRestEncryptionEnabled: true,
      StorageEncryptionType: 'sse-kms',
      KmsKeyId: 'arn:aws:kms:eu-central-1:000000000000:key/1',
    },
    told: 'KmsKeyId=arn:aws:kms:eu-central-1:000000000000:key/1 has no effect yet: ',
  },
  {
    member: 'SnapshotRetentionLimit',
    create: { SnapshotRetentionLimit: 5, NumCacheClusters: 2 },
    shown: { SnapshotRetentionLimit: 5, SnapshottingClusterId: 'demo-002' },
    told: 'SnapshotRetentionLimit=5 has no effect yet: ',
  },
  {
    member: 'LogDeliveryConfigurations',
    create: { LogDeliveryConfigurations: [engineLog, slowLog] },
    shown: { LogDeliveryConfigurations: [active(slowLog), active(engineLog)] },
    told: 'LogDeliveryConfigurations=slow-log, engine-log has no effect yet: ',
  },
  {
    member: 'NotificationTopicArn',
    create: { NotificationTopicArn: topic },
    shown: {},
    told: `NotificationTopicArn=${topic} has no effect yet: `,
  },
  {
    member: 'AutoMinorVersionUpgrade',
    create: { AutoMinorVersionUpgrade: true },
    shown: { AutoMinorVersionUpgrade: true },
    told: 'AutoMinorVersionUpgrade has no effect yet: ',
    refused: false,
  },
  {
    member: 'DataTieringEnabled',
    create: { CacheNodeType: 'cache.r6gd.xlarge', DataTieringEnabled: true },
    shown: { DataTiering: 'enabled' },
    told: 'DataTieringEnabled has no effect yet: ',
  },
  {
    member: 'Durability',
    create: { Durability: 'async' },
    shown: { Durability: 'async', EffectiveDurability: 'async' },
    told: 'Durability=async has no effect yet: ',
  },
]

const membersOf = async (context: ActionContext): Promise<readonly string[]> =>
  withoutEffect(await specNow(context, 'rg', 'demo'), { encrypted: false, found: '' }).map(({ member }) => member)

for (const { member, create, shown, told, refused } of rows) {
  test(`${member} is taken, shown as on AWS, and told once`, async () => {
    const context = groupContext()
    await readyGroup(context, 'demo', create)
    const group = await groupNow(context, 'demo')
    for (const [name, expected] of Object.entries(shown)) assert.deepEqual(group[name as keyof ReplicationGroup], expected, name)
    const isTold = (text: string): boolean => text.startsWith(`demo: ${told}`)
    assert.equal((await messages(context)).filter(isTold).length, 1, (await messages(context)).join('\n'))
    assert.ok((await membersOf(context)).includes(member))
    await modifyReplicationGroup({ ReplicationGroupId: 'demo', ReplicationGroupDescription: 'other' }, context)
    assert.equal((await messages(context)).filter(isTold).length, 1, 'another change tells nothing of it')
    assert.deepEqual(await groupNow(context, 'demo'), { ...group, Description: 'other' })
  })

  test(`${member} is ${refused === false ? 'let pass' : 'refused'} with LARDER_UNSUPPORTED=refuse`, async () => {
    const context = refusingContext()
    const make = () => newGroup(context, 'demo', create)
    if (refused === false) await make()
    else
      await rejects(context, make, value, new RegExp(`^${member}.* not available yet in Larder\\.$|^AtRestEncryptionEnabled: `))
  })
}

test('the table here has every setting that a group can have', async () => {
  const context = groupContext()
  await readyGroup(
    context,
    'demo',
    Object.assign({}, ...rows.map(({ create }) => create), { Engine: 'valkey', NumCacheClusters: 2 }),
  )
  await deleteReplicationGroup({ ReplicationGroupId: 'demo', FinalSnapshotIdentifier: 'last' }, context)
  const covered = [...rows.map(({ member }) => member), 'FinalSnapshotIdentifier']
  assert.deepEqual((await membersOf(context)).toSorted(), covered.toSorted())
})

test('with Valkey encryption at rest is on by itself, as on AWS, and off where the home would refuse it', async () => {
  const context = groupContext()
  assert.equal((await newGroup(context, 'demo')).AtRestEncryptionEnabled, true)
  assert.equal((await newGroup(context, 'off', { AtRestEncryptionEnabled: false })).AtRestEncryptionEnabled, false)
  assert.equal((await newGroup(context, 'redis', { Engine: 'redis' })).AtRestEncryptionEnabled, false)
  const refusing = refusingContext()
  assert.equal((await newGroup(refusing, 'demo')).AtRestEncryptionEnabled, false)
  const volume: HomeVolume = { encrypted: true, found: 'dm-crypt on /dev/dm-0' }
  const encrypted = { ...refusing, unsupported: { refused: true, volume } }
  assert.equal((await newGroup(encrypted, 'kept')).AtRestEncryptionEnabled, true)
  const told = (await messages(encrypted)).find((text) => text.startsWith('kept: '))
  assert.match(
    told ?? '',
    /AtRestEncryptionEnabled: the home lies on an encrypted volume \(dm-crypt on \/dev\/dm-0\), which covers/,
  )
})

test('members of a group show what the provider reads of them', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo', { SnapshotRetentionLimit: 3, LogDeliveryConfigurations: [slowLog] })
  const member = await clusterNow(context, 'demo-001')
  assert.deepEqual(
    [member.AtRestEncryptionEnabled, member.SnapshotRetentionLimit, member.ReplicationGroupLogDeliveryEnabled],
    [true, 3, true],
  )
})

test('retention stays when a request does not speak of it, and goes with 0', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo', { SnapshotRetentionLimit: 5 })
  const modify = async (input: Partial<ModifyReplicationGroupMessage>) => {
    await modifyReplicationGroup({ ReplicationGroupId: 'demo', ...input }, context)
    return (await groupNow(context, 'demo')).SnapshotRetentionLimit
  }
  assert.equal(await modify({ ReplicationGroupDescription: 'x' }), 5)
  assert.equal(await modify({ SnapshotRetentionLimit: 7 }), 7)
  assert.equal(await modify({ SnapshotRetentionLimit: 0 }), 0)
  assert.deepEqual(
    (await messages(context))
      .filter((text) => text.includes('Retention'))
      .map((text) => /=(\d)/.exec(text)?.[1])
      .toSorted(),
    ['5', '7'],
  )
})

test('logs are turned on, changed and off one by one', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo')
  const modify = async (...logs: NonNullable<ModifyReplicationGroupMessage['LogDeliveryConfigurations']>) => {
    await modifyReplicationGroup({ ReplicationGroupId: 'demo', ApplyImmediately: true, LogDeliveryConfigurations: logs }, context)
    return (await groupNow(context, 'demo')).LogDeliveryConfigurations
  }
  assert.deepEqual(await modify(slowLog), [active(slowLog)])
  assert.deepEqual(await modify(engineLog), [active(slowLog), active(engineLog)])
  const asText = { ...slowLog, LogFormat: 'text' } as const
  assert.deepEqual(await modify(asText), [active(asText), active(engineLog)])
  assert.deepEqual(await modify({ LogType: 'slow-log', Enabled: false }), [active(engineLog)])
  assert.deepEqual(await modify({ LogType: 'engine-log', Enabled: false }, { LogType: 'slow-log', Enabled: false }), [])
})

test('what AWS would refuse is refused', async () => {
  const context = groupContext()
  const refuses = (input: Partial<CreateReplicationGroupMessage>, shape: string, message: RegExp) =>
    rejects(context, () => newGroup(context, 'demo', input), shape, message)
  const log = (change: object) => ({ LogDeliveryConfigurations: [{ ...slowLog, ...change }] })
  await refuses({ AtRestEncryptionEnabled: false, KmsKeyId: 'key' }, combination, /KmsKeyId/)
  await refuses({ Engine: 'redis', KmsKeyId: 'key' }, combination, /KmsKeyId/)
  await refuses({ AtRestEncryptionEnabled: true, KmsKeyId: 'a key' }, 'InvalidKMSKeyFault', /a key/)
  await refuses({ DataTieringEnabled: true }, combination, /r6gd/)
  await refuses({ CacheNodeType: 'cache.r6gd.xlarge' }, combination, /must be true/)
  await refuses({ SnapshotRetentionLimit: 36 }, value, /from 0 to 35/)
  await refuses({ LogDeliveryConfigurations: [{}] }, value, /LogType must be provided/)
  await refuses(log({ LogType: 'audit-log' }), value, /LogType/)
  await refuses(log({ DestinationType: 's3' }), value, /DestinationType/)
  await refuses(log({ DestinationType: undefined }), value, /DestinationType must be provided/)
  await refuses(log({ LogFormat: 'xml' }), value, /LogFormat/)
  await refuses(log({ DestinationDetails: undefined }), value, /LogGroup must be provided/)
  await refuses(log({ DestinationDetails: engineLog.DestinationDetails }), combination, /DestinationDetails/)
  await refuses(log({ DestinationDetails: { CloudWatchLogsDetails: { LogGroup: 'a b' } } }), value, /log group, found a b/)
  await refuses({ LogDeliveryConfigurations: [slowLog, slowLog] }, combination, /more than once/)
  await refuses({ Durability: 'sync', Engine: 'redis' }, combination, /Valkey 9\.0/)
  const cluster = (input: object) => () =>
    createCacheCluster({ CacheClusterId: 'mc', CacheNodeType: 'cache.t4g.small', ...input }, context)
  await rejects(context, cluster(log({})), combination, /Memcached/)
  await rejects(context, cluster({ Engine: 'redis', CacheNodeType: 'cache.r6gd.xlarge' }), combination, /replication groups/)
})

test('durability is chosen at the creation, and changes between async and sync', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo', { Durability: 'async' })
  const modify = (Durability: 'sync' | 'disabled' | 'default') => () =>
    modifyReplicationGroup({ ReplicationGroupId: 'demo', Durability }, context)
  await modify('sync')()
  assert.equal((await groupNow(context, 'demo')).Durability, 'sync')
  await rejects(context, modify('disabled'), combination, /cannot be turned on or off/)
  await rejects(context, modify('default'), combination, /cannot be turned on or off/)
})

test('a final snapshot is told of groups, clusters and replicas, and is none of Memcached', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo', { NumCacheClusters: 2 })
  await readyCluster(context, 'single', { Engine: 'valkey' })
  await readyCluster(context, 'mc')
  const last = { FinalSnapshotIdentifier: 'Last' }
  await deleteCacheCluster({ CacheClusterId: 'demo-002', ...last }, context)
  await settle(context, 'rg', 'demo')
  await deleteReplicationGroup({ ReplicationGroupId: 'demo', ...last }, context)
  await deleteCacheCluster({ CacheClusterId: 'single', ...last }, context)
  const told = (await messages(context)).filter((text) => text.includes('FinalSnapshotIdentifier=last has no effect yet: '))
  assert.deepEqual(told.map((text) => text.split(':')[0]).toSorted(), ['demo', 'demo', 'single'])
  await rejects(
    context,
    () => deleteCacheCluster({ CacheClusterId: 'mc', ...last }, context),
    'SnapshotFeatureNotSupportedFault',
    /Memcached/,
  )
})

test('a single node takes retention and logs too', async () => {
  const context = groupContext()
  await readyCluster(context, 'single', { Engine: 'redis', SnapshotRetentionLimit: 2, LogDeliveryConfigurations: [slowLog] })
  const cluster = await clusterNow(context, 'single')
  assert.deepEqual([cluster.SnapshotRetentionLimit, cluster.LogDeliveryConfigurations], [2, [active(slowLog)]])
  const off = { LogDeliveryConfigurations: [{ LogType: 'slow-log', Enabled: false } as const] }
  await modifyCacheCluster({ CacheClusterId: 'single', ApplyImmediately: true, ...off }, context)
  assert.deepEqual((await clusterNow(context, 'single')).LogDeliveryConfigurations, [])
  assert.equal((await clusterNow(context, 'single')).SnapshotRetentionLimit, 2)
})
