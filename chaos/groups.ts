/** The groups that are to survive, in two regions: TestFailover is limited to 15 a day in each. */
import {
  CreateCacheParameterGroupCommand,
  CreateReplicationGroupCommand,
  DescribeReplicationGroupsCommand,
  type ElastiCacheClient,
  ModifyCacheParameterGroupCommand,
} from '@aws-sdk/client-elasticache'
import { type TestService, until } from '../e2e/support/service.ts'
import type { GroupSpec, GroupState } from '../packages/service/src/model/group.ts'
import { listRecords } from '../packages/service/src/ports/records.ts'
import { ask, type Place } from './asking.ts'
import type { World } from './world.ts'

export const regions = ['us-east-1', 'eu-central-1'] as const
const persistent = 'persistent'

/** `persists`: every write is in a file before it is acknowledged. */
const shapes = [
  { id: 'cmd3', region: 'us-east-1', persists: false, members: { NumCacheClusters: 3 } },
  { id: 'cmd2', region: 'eu-central-1', persists: true, members: { NumCacheClusters: 2 } },
  {
    id: 'cme1',
    region: 'us-east-1',
    persists: false,
    members: { ClusterMode: 'enabled', NumNodeGroups: 1, ReplicasPerNodeGroup: 2 },
  },
  {
    id: 'cme2',
    region: 'eu-central-1',
    persists: false,
    members: { ClusterMode: 'enabled', NumNodeGroups: 2, ReplicasPerNodeGroup: 1 },
  },
  {
    id: 'cme3',
    region: 'us-east-1',
    persists: false,
    members: { ClusterMode: 'enabled', NumNodeGroups: 3, ReplicasPerNodeGroup: 1 },
  },
] as const

export interface NodeLayout extends Place {
  readonly id: string
  readonly zone: string
}

/** What never changes about a shard. */
export interface ShardLayout {
  /** `<group>/<shard>` */
  readonly key: string
  readonly group: string
  readonly shard: string
  readonly region: string
  readonly kind: 'cmd' | 'cme'
  /** Shards of its group. */
  readonly siblings: number
  readonly persists: boolean
  /** A key with this hash tag belongs to the shard: `{7}`. */
  readonly tag: string
  readonly nodes: readonly NodeLayout[]
  /** `cmd`: primary endpoint. `cme`: configuration endpoint. */
  readonly endpoint: Place
  readonly reader: Place | null
}

const createPersistent = async (client: ElastiCacheClient): Promise<void> => {
  await client.send(
    new CreateCacheParameterGroupCommand({
      CacheParameterGroupName: persistent,
      CacheParameterGroupFamily: 'valkey9',
      Description: 'every write goes to a file',
    }),
  )
  await client.send(
    new ModifyCacheParameterGroupCommand({
      CacheParameterGroupName: persistent,
      ParameterNameValues: [{ ParameterName: 'appendonly', ParameterValue: 'yes' }],
    }),
  )
}

const create = async (service: TestService): Promise<void> => {
  for (const { id, region, persists, members } of shapes) {
    const client = service.client(region)
    try {
      if (persists) await createPersistent(client)
      await client.send(
        new CreateReplicationGroupCommand({
          ReplicationGroupId: id,
          ReplicationGroupDescription: 'chaos',
          Engine: 'valkey',
          CacheNodeType: 'cache.t4g.micro',
          AutomaticFailoverEnabled: true,
          MultiAZEnabled: true,
          ...(persists ? { CacheParameterGroupName: persistent } : {}),
          ...members,
        }),
      )
    } finally {
      client.destroy()
    }
  }
}

const available = async (service: TestService): Promise<void> => {
  for (const region of regions) {
    const client = service.client(region)
    try {
      await until(
        `the groups of ${region} to be available`,
        async () => {
          const { ReplicationGroups = [] } = await client.send(new DescribeReplicationGroupsCommand({}))
          return ReplicationGroups.every((group) => group.Status === 'available')
        },
        60_000,
      )
    } finally {
      client.destroy()
    }
  }
}

/** The first number whose slot is one of the shard's. */
const tagFor = async (place: Place, slots: readonly (readonly [number, number])[]): Promise<string> => {
  for (let number = 0; number < 1_000; number += 1) {
    const [slot] = await ask(place, [['CLUSTER', 'KEYSLOT', `{${number}}`]])
    if (slots.some(([first, last]) => Number(slot) >= first && Number(slot) <= last)) return `{${number}}`
  }
  throw new Error('expected a hash tag for every shard')
}

const shardsOf = async (spec: GroupSpec, state: GroupState): Promise<readonly ShardLayout[]> => {
  const { kind } = spec
  const endpoint = kind === 'cmd' ? state.primaryEndpoint : state.configurationEndpoint
  if ((kind !== 'cmd' && kind !== 'cme') || endpoint === null)
    throw new TypeError(`expected a replication group, found ${spec.id}`)
  return Promise.all(
    spec.shards.map(async (shard) => ({
      key: `${spec.id}/${shard.id}`,
      group: spec.id,
      shard: shard.id,
      region: spec.region,
      kind,
      siblings: spec.shards.length,
      persists: shapes.some((shape) => shape.id === spec.id && shape.persists),
      tag: kind === 'cmd' ? '{0}' : await tagFor(endpoint, shard.slots),
      nodes: shard.nodes.map(({ id, zone }) => {
        const node = state.nodes[id]
        if (node === undefined) throw new TypeError(`expected ${id} to have an address`)
        return { id, zone, address: node.address, port: node.port }
      }),
      endpoint,
      reader: state.readerEndpoint,
    })),
  )
}

/** Resolves when all of them are available. */
export const createGroups = async (service: TestService): Promise<void> => {
  await create(service)
  await available(service)
}

export const layoutOf = async (world: World): Promise<readonly ShardLayout[]> => {
  const { records } = await listRecords<GroupSpec>(world.store, 'spec/')
  const all = await Promise.all(records.map(({ value }) => shardsOf(value, world.stateOf(value.id))))
  return all.flat()
}
