/** The state of everything that runs, for `larder status`. Asks the engines themselves, so it is right also while the service is down. */
import type { Endpoint, EngineName, GroupKind, GroupSpec, GroupState, NodeSpec, NodeState, ShardSpec } from '../model/group.ts'
import { stateKey } from '../model/keys.ts'
import { type HomeVolume, withoutEffect } from '../model/without-effect.ts'
import type { ZoneRecord } from '../model/zone-records.ts'
import type { EngineStatus } from '../ports/engine.ts'
import { listRecords } from '../ports/records.ts'
import type { Store } from '../ports/store.ts'

export interface NodeReport {
  readonly id: string
  readonly role: 'primary' | 'replica' | 'cache'
  readonly status: string
  readonly zone: string
  readonly address: string | null
  readonly port: number
  /** Null: it does not run. */
  readonly pid: number | null
  readonly engine: EngineName
  readonly version: string
  readonly memoryBytes: number | null
  readonly maxMemoryBytes: number | null
  /** Bytes of the replication stream that a replica is behind its primary; null where it has none or is not in sync. */
  readonly lagBytes: number | null
  readonly clients: number | null
  /** How many it takes, given the files that it may open. */
  readonly maxClients: number | null
}

export interface ShardReport {
  readonly id: string
  readonly slots: readonly (readonly [number, number])[]
  readonly nodes: readonly NodeReport[]
}

export interface GroupReport {
  readonly id: string
  readonly region: string
  readonly kind: GroupKind
  readonly status: string
  readonly reason: string | null
  readonly nodeType: string
  /** As it was asked for. What runs is the version of each node. Left out: an earlier Larder told it. */
  readonly engineVersion?: string
  readonly tls: boolean
  /** How clients come in, in words; null: everybody does, without TLS. */
  readonly security: string | null
  readonly endpoints: {
    readonly primary: Endpoint | null
    readonly reader: Endpoint | null
    readonly configuration: Endpoint | null
  }
  /** Settings that it has and that have no effect yet: `SnapshotRetentionLimit=5`. Left out by a service of before. */
  readonly withoutEffect?: readonly string[]
  readonly shards: readonly ShardReport[]
}

export interface Report {
  readonly groups: readonly GroupReport[]
  /** What encryption at rest comes to here, in a sentence. Left out where no group asks for it. */
  readonly atRest?: string
}

/** What the report needs to know of a node's process; both null when it does not run. */
export type Probe = (
  spec: GroupSpec,
  node: NodeState,
) => Promise<{ readonly pid: number | null; readonly engine: EngineStatus | null }>

const roleOf = (spec: GroupSpec, state: GroupState | null, shard: ShardSpec, id: string): NodeReport['role'] => {
  if (spec.kind === 'memcached') return 'cache'
  const primary = state?.shards[shard.id]?.primary ?? shard.nodes[0]?.id
  return primary === id ? 'primary' : 'replica'
}

type Probed = { readonly node: NodeSpec; readonly kept: NodeState | undefined } & Awaited<ReturnType<Probe>>

const probeNode = async (probe: Probe, spec: GroupSpec, state: GroupState | null, node: NodeSpec): Promise<Probed> => {
  const kept = state?.nodes[node.id]
  return { node, kept, ...(kept === undefined ? { pid: null, engine: null } : await probe(spec, kept)) }
}

const nodeReport = (
  spec: GroupSpec,
  role: NodeReport['role'],
  { node, kept, pid, engine }: Probed,
  primaryOffset: number | null,
): NodeReport => {
  // After `larder down` no process is written, and the status is that of before.
  const gone = kept !== undefined && pid === null && (kept.process !== null || kept.status === 'available')
  const isSilent = pid !== null && engine === null
  const own = engine?.replication?.linkUp === true ? engine.replication.offset : null
  return {
    id: node.id,
    role,
    status: gone ? 'not running' : isSilent ? 'not answering' : (engine?.hindrance ?? kept?.status ?? 'creating'),
    zone: node.zone,
    address: kept?.address ?? null,
    port: kept?.port ?? spec.port,
    pid,
    engine: kept?.engine ?? spec.engine,
    version: engine?.version ?? kept?.engineVersion ?? spec.engineVersion,
    memoryBytes: engine?.usedMemoryBytes ?? null,
    maxMemoryBytes: engine?.maxMemoryBytes ?? null,
    lagBytes: role === 'replica' && own !== null && primaryOffset !== null ? Math.max(0, primaryOffset - own) : null,
    clients: engine?.clients ?? null,
    maxClients: engine?.maxClients ?? null,
  }
}

const shardReport = async (probe: Probe, spec: GroupSpec, state: GroupState | null, shard: ShardSpec): Promise<ShardReport> => {
  const probed = await Promise.all(shard.nodes.map((node) => probeNode(probe, spec, state, node)))
  const primary = probed.find(({ node }) => roleOf(spec, state, shard, node.id) === 'primary')
  const offset = primary?.engine?.replication?.offset ?? null
  return {
    id: shard.id,
    slots: shard.slots,
    nodes: probed.map((each) => nodeReport(spec, roleOf(spec, state, shard, each.node.id), each, offset)),
  }
}

/** `TLS, user group team`; the names of users and groups are no secrets, tokens are. */
const securityOf = ({ transitEncryption, auth, userGroup }: GroupSpec): string | null => {
  const tls = transitEncryption === undefined ? [] : [transitEncryption === 'preferred' ? 'TLS preferred' : 'TLS']
  const token = auth === undefined ? [] : [auth.optional ? 'token optional' : 'token']
  const users = userGroup === undefined ? [] : [`user group ${userGroup.id}`]
  const all = [...tls, ...token, ...users]
  return all.length === 0 ? null : all.join(', ')
}

/** Also while the service is down: what is written then may be of an earlier time. */
const isServing = (spec: GroupSpec, { nodes }: ShardReport, primaries: ReadonlySet<string>): boolean =>
  spec.kind === 'memcached'
    ? nodes.some(({ status }) => answers(status))
    : nodes.some(({ id, status }) => primaries.has(id) && answers(status))

const answers = (status: string): boolean => status !== 'not running' && status !== 'not answering' && status !== 'zone down'

const statusOf = (spec: GroupSpec, state: GroupState | null, shards: readonly ShardReport[]): string => {
  if (spec.deletion !== null) return 'deleting'
  if (state?.status !== 'available') return state?.status ?? 'creating'
  const primaries = new Set(Object.values(state.shards).flatMap(({ primary }) => (primary === null ? [] : [primary])))
  // A primary that is on its way out is not among the nodes that are wanted.
  const known = shards.filter(({ nodes }) => spec.kind === 'memcached' || nodes.some(({ id }) => primaries.has(id)))
  if (!known.every((shard) => isServing(spec, shard, primaries))) return 'not serving'
  // As the API says: a change that nobody has begun with yet is under way.
  return spec.generation > state.generation ? 'modifying' : 'available'
}

const groupReport = async (probe: Probe, spec: GroupSpec, state: GroupState | null, volume: HomeVolume): Promise<GroupReport> => {
  const shards = await Promise.all(spec.shards.map((shard) => shardReport(probe, spec, state, shard)))
  return {
    id: spec.id,
    region: spec.region,
    kind: spec.kind,
    status: statusOf(spec, state, shards),
    reason: state?.reason ?? null,
    nodeType: spec.nodeType,
    engineVersion: spec.engineVersion,
    tls: spec.transitEncryption !== undefined,
    security: securityOf(spec),
    endpoints: {
      primary: state?.primaryEndpoint ?? null,
      reader: state?.readerEndpoint ?? null,
      configuration: state?.configurationEndpoint ?? null,
    },
    withoutEffect: withoutEffect(spec, volume).flatMap(({ setting, isMet }) => (isMet ? [] : [setting])),
    shards,
  }
}

/** A node that does not run because of the drill says so. */
const withZones = (group: GroupReport, down: ReadonlySet<string>): GroupReport => ({
  ...group,
  shards: group.shards.map((shard) => ({
    ...shard,
    nodes: shard.nodes.map((node) => (node.pid === null && down.has(node.zone) ? { ...node, status: 'zone down' } : node)),
  })),
})

/** The sentence is the same for every group. */
const atRestOf = (specs: readonly GroupSpec[], volume: HomeVolume): string | undefined =>
  specs.flatMap((spec) => withoutEffect(spec, volume)).find(({ member }) => member === 'AtRestEncryptionEnabled')?.text

export const makeReport = async (store: Store, probe: Probe, volume: HomeVolume): Promise<Report> => {
  const specs = await listRecords<GroupSpec>(store, 'spec/')
  const states = await listRecords<GroupState>(store, 'state/')
  const byKey = new Map(states.records.map((record) => [record.key, record.value]))
  const zones = await listRecords<ZoneRecord>(store, 'zone/')
  const down = new Set(zones.records.map(({ value }) => value.zone))
  const groups = await Promise.all(
    specs.records.map(({ value }) => groupReport(probe, value, byKey.get(stateKey(value)) ?? null, volume)),
  )
  const atRest = atRestOf(
    specs.records.map(({ value }) => value),
    volume,
  )
  return {
    groups: down.size === 0 ? groups : groups.map((group) => withZones(group, down)),
    ...(atRest === undefined ? {} : { atRest }),
  }
}
