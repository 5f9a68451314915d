/**
 * Random sequences of requests, through the dispatch with real signatures, to the real actions and controllers on a machine in memory;
 * every answer is compared with a model that knows nothing but the rules. A failure prints its seed and path:
 * `MODEL_SEED=… MODEL_PATH=… node --test …/model-based.test.ts` plays the same commands again. `MODEL_RUNS`: how many sequences.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type CacheCluster,
  DescribeCacheClustersCommand,
  DescribeCacheParameterGroupsCommand,
  DescribeCacheParametersCommand,
  DescribeCacheSubnetGroupsCommand,
  DescribeReplicationGroupsCommand,
  type ElastiCacheClient,
  ListTagsForResourceCommand,
  type ReplicationGroup,
} from '@aws-sdk/client-elasticache'
import fc from 'fast-check'
import { createMemoryStore } from '../store/memory.ts'
import { until } from '../testing/busy-machine.ts'
import { createFakeWorld, type FakeWorld } from '../testing/fake-world.ts'
import { realClock, startManager } from '../testing/fixtures.ts'
import { actions } from './services/elasticache/index.ts'
import {
  type Command,
  carryOut,
  emptyModel,
  type Kind,
  type Model,
  type ModelCluster,
  type ModelGroup,
  refusals,
} from './testing/model.ts'
import { command } from './testing/model-commands.ts'
import { arnOf, send } from './testing/model-requests.ts'
import { clientOf, unaudited, verifierAt } from './testing.ts'

interface Service {
  readonly client: ElastiCacheClient
  readonly world: FakeWorld
  /** Problems that were logged: there must be none. */
  readonly problems: readonly string[]
  restart(): Promise<void>
  stop(): Promise<void>
}

const startService = async (): Promise<Service> => {
  const store = createMemoryStore()
  const world = createFakeWorld()
  const problems: string[] = []
  const start = () =>
    startManager(store, world, (line) => {
      if (line.startsWith('error')) problems.push(line)
    })
  let manager = start()
  await manager.start()
  const client = clientOf({
    verifier: verifierAt(realClock.now),
    actions,
    context: (caller) => ({
      region: caller.region,
      account: caller.account,
      store,
      catalog: world.catalog,
      clock: realClock,
      sealer: unaudited.sealer,
    }),
    log: (level, message, fields) => problems.push(`${level} ${message} ${String(fields?.['error'])}`),
    ...unaudited,
  })
  return {
    client,
    world,
    problems,
    restart: async () => {
      await manager.stop()
      manager = start()
      await manager.start()
    },
    stop: () => manager.stop(),
  }
}

const groupsOf = async ({ client }: Service): Promise<readonly ReplicationGroup[]> =>
  (await client.send(new DescribeReplicationGroupsCommand({}))).ReplicationGroups ?? []

const clustersOf = async ({ client }: Service): Promise<readonly CacheCluster[]> =>
  (await client.send(new DescribeCacheClustersCommand({ ShowCacheNodeInfo: true }))).CacheClusters ?? []

/** Waits until nothing is under way any more. */
const settle = async (service: Service): Promise<void> => {
  let busy: readonly string[] = []
  await until(
    () => `nothing is under way any more; found ${busy.join(', ')}`,
    async () => {
      const groups = (await groupsOf(service)).map((group) => `${group.ReplicationGroupId} ${group.Status}`)
      const clusters = (await clustersOf(service)).map((cluster) => `${cluster.CacheClusterId} ${cluster.CacheClusterStatus}`)
      busy = [...groups, ...clusters].filter((each) => !each.endsWith(' available'))
      return busy.length === 0
    },
  )
}

/** Nodes of shards are left alone: back again they learn from the others who is primary now, and the machine in memory has no such talk. */
const kill = (world: FakeWorld, which: number): void => {
  const nodes = [...world.engines().values()].flatMap(({ plan }) => (plan.kind === 'cme' ? [] : [plan.id])).sort()
  const node = nodes[which % Math.max(1, nodes.length)]
  if (node !== undefined) world.kill(node)
}

/** Name of the error, or null where the request was carried out. What is no fault of the request is thrown on. */
const outcomeOf = async (service: Service, next: Command): Promise<string | null> => {
  try {
    if (next.do === 'restart') await service.restart()
    else if (next.do === 'settle') await settle(service)
    else if (next.do === 'kill') kill(service.world, next.which)
    else await send(service.client, next)
    return null
  } catch (error) {
    if (error instanceof Error && '$fault' in error && error.$fault === 'client') return error.name
    throw error
  }
}

const tagsOf = async ({ client }: Service, kind: Kind, id: string): Promise<ReadonlyMap<string, string>> => {
  const { TagList } = await client.send(new ListTagsForResourceCommand({ ResourceName: arnOf(kind, id) }))
  return new Map((TagList ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']))
}

const compareGroup = (id: string, expected: ModelGroup, found: ReplicationGroup, clusters: readonly CacheCluster[]): void => {
  const shards = found.NodeGroups ?? []
  const nodes = expected.shards * (expected.replicas + 1)
  const mine = clusters.filter((cluster) => cluster.ReplicationGroupId === id)
  assert.equal(found.Description, expected.description)
  assert.equal(found.ClusterEnabled, expected.clustered)
  assert.equal(found.AutomaticFailover, expected.failover ? 'enabled' : 'disabled')
  assert.equal(shards.length, expected.shards)
  for (const shard of shards) {
    const members = shard.NodeGroupMembers ?? []
    assert.equal(members.length, expected.replicas + 1, `${id} ${shard.NodeGroupId}`)
    if (expected.clustered) continue
    assert.equal(members.filter((member) => member.CurrentRole === 'primary').length, 1)
    assert.ok(shard.PrimaryEndpoint?.Address && shard.ReaderEndpoint?.Address)
  }
  if (expected.clustered) {
    assert.deepEqual(
      shards.map((shard) => shard.Slots),
      ['0-8191', '8192-16383'],
    )
    assert.ok(found.ConfigurationEndpoint?.Address)
  }
  assert.equal(found.MemberClusters?.length, nodes)
  assert.deepEqual(mine.map((cluster) => cluster.CacheClusterId).sort(), [...(found.MemberClusters ?? [])].sort())
  for (const cluster of mine) {
    assert.equal(cluster.CacheParameterGroup?.CacheParameterGroupName, expected.parameterGroup)
    assert.equal(cluster.CacheSubnetGroupName, expected.subnetGroup)
    assert.equal(cluster.NumCacheNodes, 1)
  }
}

const compareCluster = (id: string, expected: ModelCluster, found: CacheCluster): void => {
  assert.equal(found.Engine, expected.memcached ? 'memcached' : 'valkey', id)
  assert.equal(found.NumCacheNodes, expected.nodes, id)
  assert.equal(found.CacheNodes?.length, expected.nodes, id)
  assert.ok(
    found.CacheNodes?.every((node) => node.Endpoint?.Address),
    id,
  )
  assert.equal(found.CacheParameterGroup?.CacheParameterGroupName, expected.parameterGroup, id)
  assert.equal(found.CacheSubnetGroupName, expected.subnetGroup, id)
  assert.equal(found.ConfigurationEndpoint !== undefined, expected.memcached, id)
}

/** Everything that can be asked for, when nothing is under way. */
const compareAll = async (service: Service, model: Model): Promise<void> => {
  const { client, world } = service
  const groups = await groupsOf(service)
  const clusters = await clustersOf(service)
  assert.deepEqual(
    groups.map((group) => group.ReplicationGroupId),
    [...model.group.keys()].sort(),
  )
  for (const found of groups) {
    const id = found.ReplicationGroupId ?? ''
    const expected = model.group.get(id)
    if (expected !== undefined) compareGroup(id, expected, found, clusters)
  }
  const alone = clusters.filter((cluster) => cluster.ReplicationGroupId === undefined)
  assert.deepEqual(
    alone.map((cluster) => cluster.CacheClusterId),
    [...model.cluster.keys()].sort(),
  )
  for (const found of alone) {
    const id = found.CacheClusterId ?? ''
    const expected = model.cluster.get(id)
    if (expected !== undefined) compareCluster(id, expected, found)
  }

  const parameterGroups = (await client.send(new DescribeCacheParameterGroupsCommand({}))).CacheParameterGroups ?? []
  const own = parameterGroups.filter((group) => !group.CacheParameterGroupName?.startsWith('default.'))
  assert.deepEqual(
    own.map((group) => group.CacheParameterGroupName),
    [...model.parameterGroup.keys()].sort(),
  )
  for (const [id, { family, values }] of model.parameterGroup) {
    assert.equal(own.find((group) => group.CacheParameterGroupName === id)?.CacheParameterGroupFamily, family)
    const changed = await client.send(new DescribeCacheParametersCommand({ CacheParameterGroupName: id, Source: 'user' }))
    assert.deepEqual(
      new Map(changed.Parameters?.map((each) => [each.ParameterName, each.ParameterValue])),
      new Map([...values].sort()),
    )
  }

  const subnetGroups = (await client.send(new DescribeCacheSubnetGroupsCommand({}))).CacheSubnetGroups ?? []
  const described = subnetGroups.map((group) => [group.CacheSubnetGroupName, group.CacheSubnetGroupDescription] as const)
  const wanted = [...model.subnetGroup].map(([id, group]) => [id, group.description] as const).sort()
  assert.deepEqual(
    described.filter(([name]) => name !== 'default'),
    wanted,
  )

  for (const kind of ['group', 'cluster', 'parameterGroup', 'subnetGroup'] as const)
    for (const [id, { tags }] of model[kind]) assert.deepEqual(await tagsOf(service, kind, id), tags, `tags of ${id}`)

  const nodes = [...model.group.values()].reduce((sum, group) => sum + group.shards * (group.replicas + 1), 0)
  const others = [...model.cluster.values()].reduce((sum, cluster) => sum + cluster.nodes, 0)
  assert.equal(world.engines().size, nodes + others, 'every node runs, and nothing else')
  assert.deepEqual(service.problems, [])
}

/** A process that ended may not have been missed yet, so what is shown may have to be looked at again. */
const compareWhenSettled = async (service: Service, model: Model): Promise<void> => {
  let differs: unknown
  await until(
    () => differs,
    async () => {
      await settle(service)
      try {
        await compareAll(service, model)
        return true
      } catch (error) {
        differs = error
        return false
      }
    },
  )
}

/** What is refused while a change before it is under way; the same request is made again when that is done. */
const busy = new Set([
  'InvalidReplicationGroupStateFault',
  'InvalidCacheClusterStateFault',
  'InvalidCacheParameterGroupStateFault',
  'ReplicationGroupAlreadyExistsFault',
  'CacheClusterAlreadyExistsFault',
  'CacheSubnetGroupInUse',
  'CacheClusterNotFoundFault',
])

const runAndCompare = async (service: Service, model: Model, next: Command): Promise<string> => {
  const expected = refusals(model, next)
  const isExpected = (outcome: string | null): boolean => (outcome === null ? expected.length === 0 : expected.includes(outcome))
  let outcome = await outcomeOf(service, next)
  // What is being deleted may still be shown.
  const mayBeBusy = outcome === null ? next.do === 'describe' : busy.has(outcome)
  if (!isExpected(outcome) && mayBeBusy) {
    await settle(service)
    outcome = await outcomeOf(service, next)
  }
  assert.ok(
    isExpected(outcome),
    `${JSON.stringify(next)}: expected ${expected.join(' or ') || 'an answer'}, found ${outcome ?? 'an answer'}`,
  )
  if (outcome === null) carryOut(model, next)
  if (next.do === 'settle') await compareWhenSettled(service, model)
  return outcome ?? 'carried out'
}

const seed = process.env['MODEL_SEED']
const path = process.env['MODEL_PATH']

test('what the API answers is what a model of its rules says', async (context) => {
  const outcomes = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 30, size: 'max' }), async (commands) => {
      const service = await startService()
      try {
        const model = emptyModel()
        for (const next of commands) {
          const outcome = await runAndCompare(service, model, next)
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        }
        await compareWhenSettled(service, model)
      } finally {
        await service.stop()
      }
    }),
    {
      numRuns: Number(process.env['MODEL_RUNS'] ?? 100),
      ...(seed === undefined ? {} : { seed: Number(seed) }),
      ...(path === undefined ? {} : { path }),
    },
  )
  context.diagnostic([...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', '))
})
