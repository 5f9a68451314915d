/**
 * What Larder keeps running: a *group* is any set of nodes that are managed together, whichever AWS operation made it.
 *
 * - `cmd`        replication group without cluster mode: one shard, 1 to 6 nodes
 * - `cme`        replication group with cluster mode: 1 to 90 shards of 1 to 6 nodes
 * - `single`     a Valkey or Redis OSS cache cluster of one node that belongs to no replication group
 * - `memcached`  a Memcached cluster: one shard of 1 to 40 nodes that know nothing of each other
 *
 * A group has two records, and each has one writer:
 * `GroupSpec` (what is wanted) is written by the API, `GroupState` (what is, and the targets of changes under way) by the
 * group's controller. They meet in the store.
 */
import type { TransitMode, TransitState } from './transit.ts'
import type { ClientUser } from './users.ts'

export type EngineName = 'valkey' | 'redis' | 'memcached'
export type GroupKind = 'cmd' | 'cme' | 'single' | 'memcached'
/** Replication groups and cache clusters are two name spaces on AWS. */
export type GroupSpace = 'rg' | 'cc'

export interface GroupKey {
  readonly region: string
  readonly space: GroupSpace
  readonly id: string
}

/** First and last slot, both included, 0 to 16383. */
export type SlotRange = readonly [first: number, last: number]

export interface NodeSpec {
  /** Unique in its region. Valkey and Redis OSS: the cache cluster id (`rg-0001-002`). Memcached: `<cluster id>.<cache node id>` (`mc.0002`). */
  readonly id: string
  /** The cache cluster that shows this node in DescribeCacheClusters. */
  readonly clusterId: string
  /** `0001`; Memcached counts on. */
  readonly cacheNodeId: string
  /** Availability zone, `us-east-1a`. */
  readonly zone: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Raised by RebootCacheCluster; the controller reboots until `NodeState.rebootsDone` is equal. */
  readonly reboots: number
}

export interface ShardSpec {
  /** `0001`, `0002`, … */
  readonly id: string
  /** Only in `cme`. What it is to own; what it owns stands in the state. */
  readonly slots: readonly SlotRange[]
  /** The first node is the first primary. */
  readonly nodes: readonly NodeSpec[]
  /** A switch that somebody asked for while the shard was in this epoch; void as soon as the epoch has grown. */
  readonly wantedPrimary: { readonly id: string; readonly epoch: number } | null
}

/** Tokens by which clients of Redis AUTH come in. They are kept as SHA-256 alone, in hexadecimal. */
export interface AuthSpec {
  /** One, or two while they are rotated; the newest last. */
  readonly tokens: readonly string[]
  /** Clients without a token are still let in: the first rotation of a group that had none. */
  readonly optional: boolean
  /** Milliseconds since 1970. */
  readonly modifiedAt: number
  /** Memcached, whose nodes need them in plain text: the same tokens, sealed for the purpose `tokenPurpose`. */
  readonly sealed?: readonly string[]
}

export interface LogDelivery {
  readonly logType: 'slow-log' | 'engine-log'
  readonly destinationType: 'cloudwatch-logs' | 'kinesis-firehose'
  /** Name of the log group, or of the stream. */
  readonly destination: string
  readonly format: 'text' | 'json'
}

export interface Tag {
  readonly key: string
  readonly value: string
}

/**
 * Settings that do not change what runs: they are shown, and some say when, or for whom. The maintenance window puts changes off, security groups are put in
 * force; what has no effect yet stands in `model/without-effect.ts`.
 */
export interface GroupLabels {
  readonly description: string
  /** `sun:23:00-mon:01:30` */
  readonly maintenanceWindow: string
  /** `05:00-09:00`, null for Memcached */
  readonly snapshotWindow: string | null
  readonly snapshotRetentionLimit: number
  /** Node (cache cluster) from which daily snapshots are taken, or null. */
  readonly snapshottingCluster: string | null
  readonly notificationTopicArn: string | null
  readonly notificationTopicStatus: 'active' | 'inactive'
  readonly autoMinorVersionUpgrade: boolean
  readonly securityGroupIds: readonly string[]
  readonly cacheSecurityGroupNames: readonly string[]
  readonly networkType: 'ipv4' | 'ipv6' | 'dual_stack'
  readonly ipDiscovery: 'ipv4' | 'ipv6'
  /** Left out: off. What has no effect yet: `model/without-effect.ts`. */
  readonly atRestEncryption?: { readonly kmsKeyId: string | null }
  /** At most one for each type. */
  readonly logDelivery?: readonly LogDelivery[]
  readonly dataTiering?: true
  /** Somebody asked for `autoMinorVersionUpgrade`, which is on by itself. */
  readonly minorUpgradesAsked?: true
}

/** The part of a spec that a modification with ApplyImmediately=false puts off to the maintenance window. */
export interface PendingChange {
  readonly nodeType?: string
  readonly engine?: EngineName
  readonly engineVersion?: string
  /** Goes with a version of another family. */
  readonly parameterGroup?: string
  /** Memcached: the whole new list of nodes. */
  readonly memcachedNodes?: readonly NodeSpec[]
  /** `cmd` and `cme`: shard id to its whole new list of nodes (replica counts). */
  readonly shardNodes?: Readonly<Record<string, readonly NodeSpec[]>>
  readonly automaticFailover?: boolean
  readonly multiAz?: boolean
}

export interface GroupSpec extends GroupKey {
  readonly kind: GroupKind
  readonly engine: EngineName
  /** As it was asked for and as the API shows it (`9.1.2`, `7.1.0`, `1.6.22`). Which engine serves it: `model/served-versions.ts`. */
  readonly engineVersion: string
  readonly nodeType: string
  readonly port: number
  readonly parameterGroup: string
  readonly subnetGroup: string | null
  readonly automaticFailover: boolean
  readonly multiAz: boolean
  /** Valkey and Redis OSS: `enabled` in `cme`; `compatible` is a `cmd` group on its way. */
  readonly clusterMode: 'enabled' | 'disabled' | 'compatible'
  readonly durability: 'default' | 'async' | 'sync' | 'disabled' | null
  /** `required`: clients, replication and the cluster bus speak TLS, and nothing else. `preferred`: clients may. Left out: nobody does. */
  readonly transitEncryption?: TransitMode
  /** Redis AUTH. Left out: clients need no token. */
  readonly auth?: AuthSpec
  /** From which the password of replication is made (security/replication-password.ts); unlike every other. Left out: the home's own. */
  readonly replicationName?: string
  /** The users of its user group. Left out: it has none. */
  readonly userGroup?: {
    readonly id: string
    readonly users: readonly ClientUser[]
    /** Names of those who are to log in by IAM and cannot: the engine has no interface for it. Left out: nobody. */
    readonly withoutLogin?: readonly string[]
  }
  /** Raised when all certificates are to be made anew before their time. */
  readonly certificateRound?: number
  readonly labels: GroupLabels
  readonly tags: readonly Tag[]
  readonly shards: readonly ShardSpec[]
  readonly pending: PendingChange | null
  /** Set by the delete action; the controller then removes everything, both records last. */
  readonly deletion: { readonly requestedAt: number; readonly retainPrimary: boolean; readonly finalSnapshot?: string } | null
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Raised by one with each write of the API that a controller must carry out. */
  readonly generation: number
}

// ---- state ------------------------------------------------------------------------------------------------------------

export type GroupStatus = 'creating' | 'available' | 'modifying' | 'deleting' | 'create-failed'

export type NodeStatus = 'creating' | 'available' | 'modifying' | 'rebooting cluster nodes' | 'deleting' | 'create-failed'

/** A process is who it says it is only if all of these match (see host/processes). */
export interface ProcessIdentity {
  readonly pid: number
  /** Field 22 of /proc/<pid>/stat, clock ticks since boot. */
  readonly startTime: string
  /** /proc/sys/kernel/random/boot_id */
  readonly bootId: string
}

export interface CertificateState {
  /** Milliseconds since 1970. */
  readonly issuedAt: number
  readonly endsAt: number
  /** Addresses that it is for. */
  readonly places: readonly string[]
  readonly round: number
  /** The process cannot be given another one: Memcached with the binary protocol alone. */
  readonly fixed?: boolean
}

export interface NodeState {
  readonly id: string
  /** Shard that it belongs to, also while it is being removed and the spec no longer knows it. */
  readonly shard: string
  /** Loopback address of this node alone; never changes while the node lives. */
  readonly address: string
  readonly port: number
  readonly status: NodeStatus
  /** Null before the first start, and after a clean stop. */
  readonly process: ProcessIdentity | null
  /** Written before a start and cleared after `process` is written: a crash in between leaves a process that only its tag tells. */
  readonly starting: boolean
  readonly engine: EngineName
  /** Of the engine that runs, or ran last. */
  readonly engineVersion: string
  readonly nodeType: string
  /** Values of the parameters that the running process was started with or has been given since; what differs from the wanted ones is `pending-reboot`. */
  readonly parameters: Readonly<Record<string, string>>
  readonly parameterStatus: 'in-sync' | 'applying' | 'pending-reboot'
  readonly rebootsDone: number
  /** What clients need to come in, as the running process was told (`decide/access.ts`). Left out: nothing. */
  readonly access?: string
  /** Memcached: name of the machine when the running process was started. */
  readonly machineName?: string
  /** How the running process serves clients. Left out: without TLS. */
  readonly transit?: TransitState
  /** Of the certificate that the running process was given last. */
  readonly certificate?: CertificateState
  /** `cme`: the node's own 40-character id. */
  readonly clusterNodeId: string | null
  /** Has it ever held data as a member (finished its first sync, or was the first primary)? Decides who may start first after all were lost. */
  readonly joined: boolean
  /**
   * Does its running process hold the data set of its shard? A replica does after its first sync since the start. Left out: as `joined`.
   */
  readonly synced?: boolean
  /** Of a replica: has it been seen to have everything that its primary has, since it was given the data? Left out: it has. */
  readonly level?: boolean
  /** Of a primary that comes back from its disk although a replica lives: since when, until it serves. Left out, or null: of no other. */
  readonly returning?: number | null
  /** Starts that came close after each other. Left out: there were none. */
  readonly starts?: { readonly count: number; readonly at: number }
  /** Files that its engine could not load, and what it said. Void when `stamp` is no longer that of the files (decide/damage.ts). */
  readonly damage?: { readonly files: readonly string[]; readonly said: string; readonly stamp: string | null } | null
}

/** The target of a promotion is written here before the first action. Nobody else is promoted in this epoch. */
export interface ShardState {
  readonly primary: string | null
  readonly epoch: number
  /**
   * Nodes that may still believe to be primary: the target is not promoted before each of them is gone, or follows. Left out: nobody.
   */
  readonly fence?: readonly string[]
  /** Target of the epoch before. */
  readonly former?: string
  /** `cme`: the slots that the shard owns, whatever is wanted by now (`model/shards.ts`). Left out: an earlier Larder wrote it. */
  readonly slots?: readonly SlotRange[]
}

export interface Endpoint {
  readonly address: string
  readonly port: number
}

export interface GroupState extends GroupKey {
  readonly status: GroupStatus
  /** Why a step failed last, in words for the user; null when all is well. */
  readonly reason: string | null
  /** `GroupSpec.generation` that has been carried out whole. */
  readonly generation: number
  readonly shards: Readonly<Record<string, ShardState>>
  readonly nodes: Readonly<Record<string, NodeState>>
  /** `cmd`, `single`: floating address of the primary. */
  readonly primaryEndpoint: Endpoint | null
  /** `cmd`: balanced over the replicas. */
  readonly readerEndpoint: Endpoint | null
  /** `cme`: floats over live nodes. `memcached`: answers discovery. */
  readonly configurationEndpoint: Endpoint | null
  /** Memcached: grows by one with each change of the node list. */
  readonly discoveryVersion: number
  /** Memcached: the list that goes with that version, as `address:port`, sorted. */
  readonly discoveryNodes: readonly string[]
  /** Memcached with TLS: of the certificate that its configuration endpoint was given last. */
  readonly endpointCertificate?: CertificateState
  /** Those that the group names and that are in force, by id and by name (`namedSecurityGroups`). Left out: none. */
  readonly securityGroups?: readonly string[]
}
