/** The state of everything that runs, for `larder status`. Asks the engines themselves, so it is right also while the service is down. */
import type { Endpoint, EngineName, GroupKind, GroupSpec, GroupState, NodeState, ShardSpec } from '../model/group.ts'
import { stateKey } from '../model/keys.ts'
import { type GroupRecords, type Member, membersOf, primaryOf } from '../model/members.ts'
import { shardsOf } from '../model/shards.ts'
import { groupStatus } from '../model/status.ts'
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

const roleOf = (group: GroupRecords, { id, shard }: Member): NodeReport['role'] => {
  if (group.spec.kind === 'memcached') return 'cache'
  return primaryOf(group, shard) === id ? 'primary' : 'replica'
}

type Probed = { readonly member: Member } & Awaited<ReturnType<Probe>>

const probeMember = async (probe: Probe, spec: GroupSpec, member: Member): Promise<Probed> => ({
  member,
  ...(member.node === null ? { pid: null, engine: null } : await probe(spec, member.node)),
})

/** What the engine says comes before what the store says: a status is written when a change is over. */
const nodeStatusOf = ({ member: { node, status }, pid, engine }: Probed): string => {
  // After `larder down` no process is written, and the status is that of before.
  const isGone = node !== null && pid === null && (node.process !== null || node.status === 'available')
  if (isGone && status !== 'deleting') return 'not running'
  return pid !== null && engine === null ? 'not answering' : (engine?.hindrance ?? status)
}

const nodeReport = (
  { spec }: GroupRecords,
  role: NodeReport['role'],
  probed: Probed,
  primaryOffset: number | null,
): NodeReport => {
  const { member, pid, engine } = probed
  const { node } = member
  const own = engine?.replication?.linkUp === true ? engine.replication.offset : null
  return {
    id: member.id,
    role,
    status: nodeStatusOf(probed),
    zone: member.zone,
    address: node?.address ?? null,
    port: node?.port ?? spec.port,
    pid,
    engine: node?.engine ?? spec.engine,
    version: engine?.version ?? node?.engineVersion ?? spec.engineVersion,
    memoryBytes: engine?.usedMemoryBytes ?? null,
    maxMemoryBytes: engine?.maxMemoryBytes ?? null,
    lagBytes: role === 'replica' && own !== null && primaryOffset !== null ? Math.max(0, primaryOffset - own) : null,
    clients: engine?.clients ?? null,
    maxClients: engine?.maxClients ?? null,
  }
}

const shardReport = async (
  probe: Probe,
  group: GroupRecords,
  { id, slots }: ShardSpec,
  members: readonly Member[],
): Promise<ShardReport> => {
  const probed = await Promise.all(members.map((member) => probeMember(probe, group.spec, member)))
  const primary = probed.find(({ member }) => roleOf(group, member) === 'primary')
  const offset = primary?.engine?.replication?.offset ?? null
  return { id, slots, nodes: probed.map((each) => nodeReport(group, roleOf(group, each.member), each, offset)) }
}

/** `TLS, user group team`; the names of users and groups are no secrets, tokens are. */
const securityOf = ({ transitEncryption, auth, userGroup }: GroupSpec): string | null => {
  const tls = transitEncryption === undefined ? [] : [transitEncryption === 'preferred' ? 'TLS preferred' : 'TLS']
  const token = auth === undefined ? [] : [auth.optional ? 'token optional' : 'token']
  const users = userGroup === undefined ? [] : [`user group ${userGroup.id}`]
  const all = [...tls, ...token, ...users]
  return all.length === 0 ? null : all.join(', ')
}

const answers = (status: string): boolean => status !== 'not running' && status !== 'not answering' && status !== 'zone down'

/** Also while the service is down: what is written then may be of an earlier time. */
const isServing = ({ nodes }: ShardReport): boolean => nodes.some(({ role, status }) => role !== 'replica' && answers(status))

const statusOf = ({ spec, state }: GroupRecords, shards: readonly ShardReport[]): string => {
  const status = groupStatus(spec, state)
  const isThere = state?.status === 'available' && status !== 'deleting'
  return isThere && !shards.every(isServing) ? 'not serving' : status
}

const groupReport = async (probe: Probe, group: GroupRecords, volume: HomeVolume): Promise<GroupReport> => {
  const { spec, state } = group
  const members = membersOf(group)
  const shards = await Promise.all(
    shardsOf(group).map((shard) =>
      shardReport(
        probe,
        group,
        shard,
        members.filter((member) => member.shard === shard.id),
      ),
    ),
  )
  return {
    id: spec.id,
    region: spec.region,
    kind: spec.kind,
    status: statusOf(group, shards),
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
    specs.records.map(({ value }) => groupReport(probe, { spec: value, state: byKey.get(stateKey(value)) ?? null }, volume)),
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
