/** Resources that cannot be made yet: lists are empty, a name is not found, wrong requests are refused as by AWS. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../../../errors.ts'
import type { Action } from '../../../action.ts'
import { wireError } from '../../../protocols/query/fault.ts'
import { operations } from '../../../protocols/query/schema.ts'
import { groupContext, readyGroup } from '../groups/testing.ts'
import { emptyActions } from './index.ts'

type Name = keyof typeof emptyActions
type Input = Readonly<Record<string, unknown>>

const call = (name: Name, input: Input, context = groupContext()): Promise<object> =>
  (emptyActions[name] as unknown as Action<Input, object>)(input, context)

const wireOf = async (name: Name, input: Input, context = groupContext()): Promise<string> => {
  const error: unknown = await call(name, input, context).then(
    () => assert.fail(`${name} was carried out`),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof Fault, String(error))
  const wire = wireError(error)
  return `${wire?.status} ${wire?.code}`
}

const lists: Readonly<Partial<Record<Name, string>>> = {
  DescribeSnapshots: 'Snapshots',
  DescribeServerlessCaches: 'ServerlessCaches',
  DescribeServerlessCacheSnapshots: 'ServerlessCacheSnapshots',
  DescribeGlobalReplicationGroups: 'GlobalReplicationGroups',
  DescribeReservedCacheNodes: 'ReservedCacheNodes',
  DescribeReservedCacheNodesOfferings: 'ReservedCacheNodesOfferings',
  DescribeServiceUpdates: 'ServiceUpdates',
  DescribeUpdateActions: 'UpdateActions',
}

const names = Object.keys(emptyActions) as Name[]

test('every read answers an empty list, and every other operation needs a name', async () => {
  for (const name of names) {
    const list = lists[name]
    if (list === undefined) assert.equal(await wireOf(name, {}), '400 InvalidParameterValue', name)
    else {
      assert.deepEqual(await call(name, {}), { [list]: [] })
      assert.ok(operations.get(name)?.output.memberNames.has(list), name)
    }
  }
})

const others = {
  TargetServerlessCacheSnapshotName: 'x',
  TargetSnapshotName: 'x',
  ReplicationGroupId: 'x',
  ReplicationGroupRegion: 'x',
  S3BucketName: 'x',
  PrimaryRegion: 'x',
  PrimaryReplicationGroupId: 'x',
  ReplicationGroupIds: ['x'],
}

/** By the wire codes of the model, which differ from the names of the shapes. */
const notFound: readonly (readonly [names: readonly Name[], member: string, wire: string, more?: Input])[] = [
  [['DescribeSnapshots', 'DeleteSnapshot'], 'SnapshotName', '404 SnapshotNotFoundFault'],
  [['CopySnapshot'], 'SourceSnapshotName', '404 SnapshotNotFoundFault', others],
  [
    ['DescribeServerlessCaches', 'DeleteServerlessCache', 'ModifyServerlessCache'],
    'ServerlessCacheName',
    '404 ServerlessCacheNotFoundFault',
  ],
  [['DescribeServerlessCacheSnapshots'], 'ServerlessCacheName', '404 ServerlessCacheNotFoundFault'],
  [
    ['CreateServerlessCacheSnapshot'],
    'ServerlessCacheName',
    '404 ServerlessCacheNotFoundFault',
    { ServerlessCacheSnapshotName: 'x' },
  ],
  [
    ['DescribeServerlessCacheSnapshots', 'DeleteServerlessCacheSnapshot', 'ExportServerlessCacheSnapshot'],
    'ServerlessCacheSnapshotName',
    '404 ServerlessCacheSnapshotNotFoundFault',
    others,
  ],
  [['CopyServerlessCacheSnapshot'], 'SourceServerlessCacheSnapshotName', '404 ServerlessCacheSnapshotNotFoundFault', others],
  [
    names.filter((name) => name.includes('GlobalReplicationGroup')),
    'GlobalReplicationGroupId',
    '404 GlobalReplicationGroupNotFoundFault',
    others,
  ],
  [['DescribeReservedCacheNodes'], 'ReservedCacheNodeId', '404 ReservedCacheNodeNotFound'],
  [
    ['DescribeReservedCacheNodesOfferings', 'PurchaseReservedCacheNodesOffering'],
    'ReservedCacheNodesOfferingId',
    '404 ReservedCacheNodesOfferingNotFound',
  ],
  [['DescribeServiceUpdates'], 'ServiceUpdateName', '404 ServiceUpdateNotFoundFault'],
  [['BatchApplyUpdateAction', 'BatchStopUpdateAction'], 'ServiceUpdateName', '404 ServiceUpdateNotFoundFault', others],
]

for (const [all, member, wire, more = {}] of notFound)
  test(`who names what is not there by ${member} is told so: ${all.join(', ')}`, async () => {
    for (const name of all) assert.equal(await wireOf(name, { ...more, [member]: 'nobody' }), wire, name)
  })

test('every operation is in the table above, but the one for which AWS has no such fault', () => {
  const covered = new Set(notFound.flatMap(([all]) => all))
  assert.deepEqual(
    names.filter((name) => !covered.has(name)),
    ['DescribeUpdateActions'],
  )
})

const wrong: readonly (readonly [Name, Input])[] = [
  ...(['DescribeGlobalReplicationGroups', 'DescribeReservedCacheNodes', 'DescribeReservedCacheNodesOfferings'] as const).flatMap(
    (name): (readonly [Name, Input])[] => [
      [name, { MaxRecords: 19 }],
      [name, { MaxRecords: 101 }],
      [name, { Marker: 'bm9ib2R5' }],
    ],
  ),
  ...(['DescribeServiceUpdates', 'DescribeUpdateActions'] as const).flatMap((name): (readonly [Name, Input])[] => [
    [name, { MaxRecords: 0 }],
    [name, { Marker: 'bm9ib2R5' }],
    [name, { ServiceUpdateStatus: ['lost'] }],
  ]),
  ['DescribeSnapshots', { MaxRecords: 19 }],
  ['DescribeSnapshots', { MaxRecords: 51 }],
  ['DescribeSnapshots', { Marker: 'bm9ib2R5' }],
  ['DescribeSnapshots', { SnapshotSource: 'manual' }],
  ['DescribeServerlessCaches', { MaxResults: 0 }],
  ['DescribeServerlessCaches', { MaxResults: 51 }],
  ['DescribeServerlessCaches', { NextToken: 'x' }],
  ['DescribeServerlessCacheSnapshots', { NextToken: 'x' }],
  ['DescribeReservedCacheNodes', { Duration: '2' }],
  ['DescribeReservedCacheNodesOfferings', { Duration: '2 years' }],
  ['DescribeSnapshots', { ReplicationGroupId: 'größe' }],
  ['DescribeUpdateActions', { ReplicationGroupIds: ['größe'] }],
  ['DescribeUpdateActions', { CacheClusterIds: ['a--b'] }],
  ['DescribeUpdateActions', { Engine: 'mysql' }],
  ['DescribeUpdateActions', { UpdateActionStatus: ['lost'] }],
  ['DescribeUpdateActions', { ServiceUpdateTimeRange: { StartTime: new Date(2), EndTime: new Date(1) } }],
  ['CopySnapshot', { SourceSnapshotName: 'x' }],
  ['ExportServerlessCacheSnapshot', { ServerlessCacheSnapshotName: 'x' }],
  ['BatchApplyUpdateAction', { ServiceUpdateName: 'x' }],
]

test('wrong requests are refused although there is nothing', async () => {
  for (const [name, input] of wrong)
    assert.equal(await wireOf(name, input), '400 InvalidParameterValue', `${name} ${JSON.stringify(input)}`)
  const both = { CacheClusterId: 'demo-001', ReplicationGroupId: 'demo' }
  assert.equal(await wireOf('DescribeSnapshots', both), '400 InvalidParameterCombination')
})

test('right requests about what is there find nothing', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo')
  const right: readonly (readonly [Name, Input])[] = [
    ['DescribeSnapshots', { CacheClusterId: 'demo-001', SnapshotSource: 'user', MaxRecords: 50 }],
    ['DescribeSnapshots', { ReplicationGroupId: 'demo', SnapshotSource: 'system', ShowNodeGroupConfig: true }],
    ['DescribeReservedCacheNodes', { Duration: '31536000', OfferingType: 'All Upfront', Marker: '' }],
    ['DescribeUpdateActions', { ReplicationGroupIds: ['demo'], Engine: 'valkey', UpdateActionStatus: ['not-applied'] }],
    ['DescribeServerlessCaches', { MaxResults: 50, NextToken: '' }],
  ]
  for (const [name, input] of right) assert.deepEqual(Object.values(await call(name, input, context)), [[]], name)
  assert.equal(await wireOf('DescribeSnapshots', { CacheClusterId: 'nobody' }, context), '404 CacheClusterNotFound')
})
