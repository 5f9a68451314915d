/** What a service has in its store, read beside it without asking it: looking costs what is measured next to nothing. */
import { join } from 'node:path'
import { CreateReplicationGroupCommand } from '@aws-sdk/client-elasticache'
import type { TestService } from '../../e2e/support/service.ts'
import { systemClock } from '../../packages/service/src/compose/clock.ts'
import type { GroupSpec, GroupState, NodeState } from '../../packages/service/src/model/group.ts'
import { listRecords } from '../../packages/service/src/ports/records.ts'
import { openSqliteStore } from '../../packages/service/src/store/sqlite.ts'
import { command, type Place } from './asking.ts'
import { until } from './waiting.ts'

export interface Seen {
  readonly spec: GroupSpec
  readonly state: GroupState
}

export interface Shape {
  readonly id: string
  readonly shards: number | null
  readonly replicas: number
  readonly region?: string
}

export const create = async (service: TestService, { id, shards, replicas, region = 'us-east-1' }: Shape): Promise<void> => {
  const api = service.client(region)
  try {
    await api.send(
      new CreateReplicationGroupCommand({
        ReplicationGroupId: id,
        ReplicationGroupDescription: 'benchmark',
        Engine: 'valkey',
        CacheNodeType: 'cache.t4g.micro',
        AutomaticFailoverEnabled: true,
        MultiAZEnabled: true,
        ...(shards === null
          ? { NumCacheClusters: replicas + 1 }
          : { NumNodeGroups: shards, ReplicasPerNodeGroup: replicas, CacheParameterGroupName: 'default.valkey9.cluster.on' }),
      }),
    )
  } finally {
    api.destroy()
  }
}

export interface Watcher extends AsyncDisposable {
  all(): Promise<readonly Seen[]>
  group(id: string): Promise<Seen>
  /** Every node runs and follows its primary, and the group is available. */
  untilWhole(id: string): Promise<void>
}

const isAlive = (node: NodeState): boolean => {
  if (node.process === null) return false
  try {
    process.kill(node.process.pid, 0)
    return true
  } catch {
    return false // it has ended
  }
}

const follows = async (place: Place, primary: Place): Promise<boolean> => {
  const role = await command(place, 'ROLE')
  return Array.isArray(role) && role[0] === 'slave' && role[1] === primary.address && role[3] === 'connected'
}

const leads = async (place: Place): Promise<boolean> => {
  const role = await command(place, 'ROLE')
  return Array.isArray(role) && role[0] === 'master'
}

export const isWhole = async ({ spec, state }: Seen): Promise<boolean> => {
  if (state.status !== 'available' || state.generation !== spec.generation) return false
  const nodes = spec.shards.flatMap((shard) => shard.nodes.map((node) => ({ shard, node: state.nodes[node.id] })))
  if (!nodes.every(({ node }) => node !== undefined && node.status === 'available' && isAlive(node))) return false
  const checks = nodes.map(async ({ shard, node }) => {
    const primary = state.nodes[state.shards[shard.id]?.primary ?? '']
    if (node === undefined || primary === undefined) return false
    return node === primary ? leads(node) : follows(node, primary)
  })
  return (await Promise.all(checks)).every(Boolean)
}

export const openWatcher = (service: TestService, signal: AbortSignal): Watcher => {
  const store = openSqliteStore(join(service.home, 'state.db'), { clock: systemClock, readOnly: true })
  const all = async (): Promise<readonly Seen[]> => {
    const specs = await listRecords<GroupSpec>(store, 'spec/')
    const states = await listRecords<GroupState>(store, 'state/')
    const byKey = new Map(states.records.map((record) => [record.key.slice('state/'.length), record.value]))
    return specs.records.flatMap(({ key, value: spec }) => {
      const state = byKey.get(key.slice('spec/'.length))
      return state === undefined ? [] : [{ spec, state }]
    })
  }
  const group = async (id: string): Promise<Seen> => {
    const found = (await all()).find(({ spec }) => spec.id === id)
    if (found === undefined) throw new Error(`expected group ${id} in the store, found none`)
    return found
  }
  return {
    all,
    group,
    untilWhole: (id) => until(`full health of ${id}`, async () => isWhole(await group(id)), { signal }),
    [Symbol.asyncDispose]: () => store.close(),
  }
}

/** CLUSTER KEYSLOT of the tag of all keys ({writes}). */
export const writtenSlot = 158

/** The primary that the writers need. */
export const primaryOf = ({ spec, state }: Seen): NodeState & { readonly pid: number } => {
  const shard = spec.shards.find(
    (each) => each.slots.length === 0 || each.slots.some(([low, high]) => low <= writtenSlot && writtenSlot <= high),
  )
  const node = state.nodes[state.shards[shard?.id ?? '']?.primary ?? '']
  if (node?.process == null) throw new Error(`expected a running primary of ${spec.id}, found ${JSON.stringify(state.shards)}`)
  return { ...node, pid: node.process.pid }
}

export const endpointOf = ({ state, spec }: Seen): Place => {
  const endpoint = state.primaryEndpoint ?? state.configurationEndpoint
  if (endpoint === null) throw new Error(`expected an endpoint of ${spec.id}`)
  return endpoint
}
