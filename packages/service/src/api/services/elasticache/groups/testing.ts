/** For tests of the actions on groups: a catalog that finds, and a stand-in for the controller that carries out what was written. */
import assert from 'node:assert/strict'
import type {
  CacheCluster,
  CreateCacheClusterMessage,
  CreateReplicationGroupMessage,
  ReplicationGroup,
} from '@aws-sdk/client-elasticache'
import type { GroupSpace, GroupSpec, GroupState, NodeState } from '../../../../model/group.ts'
import { clusterKey, specKey, stateKey } from '../../../../model/keys.ts'
import type { EventRecord } from '../../../../model/records.ts'
import { servedBy } from '../../../../model/served-versions.ts'
import { namedSecurityGroups } from '../../../../model/used-security-groups.ts'
import type { Catalog } from '../../../../ports/catalog.ts'
import { listRecords, put, readRecord, remove } from '../../../../ports/records.ts'
import type { ActionContext } from '../../../action.ts'
import { createCacheCluster } from '../cache-clusters/create.ts'
import { describeCacheClusters } from '../cache-clusters/describe.ts'
import { createReplicationGroup } from '../replication-groups/create.ts'
import { describeReplicationGroups } from '../replication-groups/describe.ts'
import { installed, region, rejects, type TestContext, testContext } from '../test-context.ts'

const catalog: Catalog = {
  list: () => installed,
  known: () => [],
  find: (engine, version) =>
    installed.find((entry) => entry.engine === engine && `${entry.version}.`.startsWith(`${version}.`)) ?? null,
}

export const groupContext = (): TestContext => ({ ...testContext(), catalog })

/** As with LARDER_UNSUPPORTED=refuse, on a home whose volume is known not to be encrypted. */
export const refusingContext = (): TestContext => ({
  ...groupContext(),
  unsupported: { refused: true, volume: { encrypted: false, found: 'ext4 on /dev/vda1' } },
})

const addressOf = (spec: GroupSpec, index: number): string => `127.${65 + (index % 3)}.${spec.id.length}.${index + 1}`

const nodeState = (spec: GroupSpec, shard: string, id: string, index: number, reboots: number): NodeState => ({
  id,
  shard,
  address: addressOf(spec, index),
  port: spec.port,
  status: 'available',
  process: { pid: 100 + index, startTime: '1', bootId: 'boot' },
  starting: false,
  engine: spec.engine,
  engineVersion: servedBy(installed, spec.engine, spec.engineVersion)?.version ?? spec.engineVersion,
  nodeType: spec.nodeType,
  parameters: {},
  parameterStatus: 'in-sync',
  rebootsDone: reboots,
  clusterNodeId: null,
  joined: true,
})

const settledState = (spec: GroupSpec, before: GroupState | null): GroupState => {
  const nodes = spec.shards.flatMap((shard) => shard.nodes.map((node) => ({ shard: shard.id, node })))
  const replicated = spec.kind !== 'memcached'
  return {
    region: spec.region,
    space: spec.space,
    id: spec.id,
    status: 'available',
    reason: null,
    generation: spec.generation,
    shards: Object.fromEntries(
      replicated
        ? spec.shards.map((shard) => [shard.id, before?.shards[shard.id] ?? { primary: shard.nodes[0]?.id ?? null, epoch: 1 }])
        : [],
    ),
    nodes: Object.fromEntries(
      nodes.map(({ shard, node }, index) => [
        node.id,
        before?.nodes[node.id] === undefined
          ? nodeState(spec, shard, node.id, index, node.reboots)
          : { ...before.nodes[node.id], status: 'available', rebootsDone: node.reboots },
      ]),
    ) as GroupState['nodes'],
    primaryEndpoint: spec.kind === 'cmd' ? { address: '127.64.0.1', port: spec.port } : null,
    readerEndpoint: spec.kind === 'cmd' ? { address: '127.64.0.2', port: spec.port } : null,
    configurationEndpoint: spec.kind === 'cme' || spec.kind === 'memcached' ? { address: '127.64.0.3', port: spec.port } : null,
    discoveryVersion: 1,
    discoveryNodes: [],
    securityGroups: namedSecurityGroups(spec),
  }
}

export const specNow = async (context: ActionContext, space: GroupSpace, id: string): Promise<GroupSpec> => {
  const record = await readRecord<GroupSpec>(context.store, specKey({ region, space, id }))
  assert.ok(record !== null, `expected a spec of ${space}/${id}`)
  return record.value
}

/** Changes the state record alone, as a controller does while it works. */
export const changeState = async (
  context: ActionContext,
  space: GroupSpace,
  id: string,
  change: (state: GroupState) => GroupState,
): Promise<void> => {
  const record = await readRecord<GroupState>(context.store, stateKey({ region, space, id }))
  assert.ok(record !== null, `expected a state of ${space}/${id}`)
  await context.store.transact([], [put(record.key, change(record.value))])
}

/** Carries out the spec as the controller does: everything is available afterwards, or gone. */
export const settle = async (context: ActionContext, space: GroupSpace, id: string): Promise<void> => {
  const spec = await specNow(context, space, id)
  const key = { region, space, id }
  const before = (await readRecord<GroupState>(context.store, stateKey(key)))?.value ?? null
  const clusters = new Set(spec.shards.flatMap((shard) => shard.nodes.map((node) => node.clusterId)))
  if (spec.deletion !== null) {
    const gone = [...clusters].map((cluster) => remove(clusterKey(region, cluster)))
    await context.store.transact([], [remove(specKey(key)), remove(stateKey(key)), ...gone])
    return
  }
  const left = spec.kind === 'memcached' ? [] : Object.keys(before?.nodes ?? {}).filter((node) => !clusters.has(node))
  await context.store.transact(
    [],
    [put(stateKey(key), settledState(spec, before)), ...left.map((node) => remove(clusterKey(region, node)))],
  )
}

export const newGroup = async (
  context: ActionContext,
  id: string,
  input: Partial<CreateReplicationGroupMessage> = {},
): Promise<ReplicationGroup> => {
  const { ReplicationGroup } = await createReplicationGroup(
    {
      ReplicationGroupId: id,
      ReplicationGroupDescription: 'for a test',
      Engine: 'valkey',
      CacheNodeType: 'cache.t4g.small',
      ...input,
    },
    context,
  )
  assert.ok(ReplicationGroup !== undefined)
  return ReplicationGroup
}

/** A group that is available. */
export const readyGroup = async (
  context: ActionContext,
  id: string,
  input: Partial<CreateReplicationGroupMessage> = {},
): Promise<void> => {
  await newGroup(context, id, input)
  await settle(context, 'rg', id)
}

export const newCluster = async (
  context: ActionContext,
  id: string,
  input: Partial<CreateCacheClusterMessage> = {},
): Promise<CacheCluster> => {
  const { CacheCluster } = await createCacheCluster({ CacheClusterId: id, CacheNodeType: 'cache.t4g.small', ...input }, context)
  assert.ok(CacheCluster !== undefined)
  return CacheCluster
}

/** A cluster that is available. */
export const readyCluster = async (
  context: ActionContext,
  id: string,
  input: Partial<CreateCacheClusterMessage> = {},
): Promise<void> => {
  await newCluster(context, id, input)
  await settle(context, 'cc', id)
}

export const groupNow = async (context: ActionContext, id: string): Promise<ReplicationGroup> => {
  const { ReplicationGroups = [] } = await describeReplicationGroups({ ReplicationGroupId: id }, context)
  const [group] = ReplicationGroups
  assert.ok(group !== undefined)
  return group
}

export const clusterNow = async (context: ActionContext, id: string): Promise<CacheCluster> => {
  const { CacheClusters = [] } = await describeCacheClusters({ CacheClusterId: id, ShowCacheNodeInfo: true }, context)
  const [cluster] = CacheClusters
  assert.ok(cluster !== undefined)
  return cluster
}

export const messages = async (context: ActionContext): Promise<readonly string[]> =>
  (await listRecords<EventRecord>(context.store, `event/${region}/`)).records.map(
    ({ value }) => `${value.sourceId}: ${value.message}`,
  )

/** CreateReplicationGroup with this input is refused. */
export const refuses = async (input: Partial<CreateReplicationGroupMessage>, shape: string, message: RegExp): Promise<void> => {
  const context = groupContext()
  await rejects(context, () => newGroup(context, 'demo', input), shape, message)
}
