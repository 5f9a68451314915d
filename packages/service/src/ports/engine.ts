import type { Endpoint, EngineName, SlotRange } from '../model/group.ts'
import type { Reach } from '../model/memcached.ts'
import type { TransitMode } from '../model/transit.ts'
import type { ClientAccess } from '../model/users.ts'
import type { InstalledEngine } from './catalog.ts'
import type { NodeCertificate } from './certificates.ts'
import type { FileContent, Launch } from './host.ts'
import type { NodeLogins } from './logins.ts'

/** Everything that a node's configuration is made of. Rendering it is pure. */
export interface NodePlan {
  readonly id: string
  readonly engine: InstalledEngine
  readonly kind: 'cmd' | 'cme' | 'single' | 'memcached'
  readonly address: string
  readonly port: number
  /** Floating addresses that it binds besides its own from the start. */
  readonly floating: readonly string[]
  /** Folder of the node: configuration, data, log. */
  readonly folder: string
  /** Unix socket for control, at most 100 bytes long. */
  readonly socket: string
  readonly zone: string
  /** Parameters of the parameter group, effective values, by AWS name; those that are not the engine's own are ignored by the renderer. */
  readonly parameters: Readonly<Record<string, string>>
  readonly maxMemoryBytes: number
  readonly cpus: number
  /** Threads that read and write, the main one included; never more than the machine has processors. */
  readonly ioThreads: number
  /** User that the engine is told to run as: Memcached refuses to start as root without it. Null: nothing to tell. */
  readonly runAs: string | null
  /** Most files that a process of this user may open (its hard limit); left out: not known. Memcached ends where it may not have as many as it wants. */
  readonly openFiles?: number
  /** Passwords of the control user and of the replication user of this home. */
  readonly secrets: ControlSecrets
  /** Start as a replica of this node. Null: as a primary (or, in `cme`, as the node's own nodes.conf says). */
  readonly replicaOf: Endpoint | null
  /** Who may come in; left out: everybody. */
  readonly access?: ClientAccess
  /** How it asks about tokens of IAM; left out: nobody logs in by IAM. */
  readonly logins?: NodeLogins
  /** Memcached: clients have to log in. Left out: they need not. */
  readonly memcachedLogin?: MemcachedLogin
  /** Memcached: the library by which the node answers discovery itself. Left out: it refuses the question. */
  readonly discoveryModule?: string
  /** It speaks TLS, by this certificate. */
  readonly tls?: NodeCertificate
  /** Valkey and Redis OSS: whether it speaks TLS alone. Left out: it does, where it has a certificate. */
  readonly transit?: TransitMode
  /** `cme`, and only for a start without a nodes.conf, as the first is; later that counts. */
  readonly cluster?: ClusterPlan
  /** `cme`: it comes back as a replica, and is told what has changed while it was away. */
  readonly rejoin?: ClusterRejoin
  /** `cme`: may the engines elect a replica themselves? */
  readonly election?: boolean
}

/** One node of a sharded group as it is to be when the group is new. */
export interface ClusterMember {
  /** 40 hexadecimal digits, chosen by Larder. */
  readonly id: string
  readonly address: string
  readonly port: number
  /** Null: a primary. */
  readonly primaryId: string | null
  readonly slots: readonly SlotRange[]
  /** Different for each primary. */
  readonly configEpoch: number
}

/**
 * A node that was primary when it ended still says so in its nodes.conf, in an epoch that may be newer than that of a primary which had to
 * start from an older file: the others would believe it, and its emptiness would win. So its file is set right before it starts.
 */
export interface ClusterRejoin {
  /** Its nodes.conf as it is. */
  readonly previous: string
  readonly myId: string
  readonly primaryId: string
  /** What the primary knows of everybody. */
  readonly view: ClusterView
}

/** The whole plan of a new cluster, from which a node's nodes.conf is written: the cluster is formed by the time that it runs. */
export interface ClusterPlan {
  readonly myId: string
  readonly members: readonly ClusterMember[]
  /**
   * True: the primaries start as replicas of stand-ins and are told to take over (`takeOver`), which spares the two seconds that a
   * primary waits after its start; the stand-ins are then forgotten. See docs/decisions/0005-engines.md. Left out: they start as primaries.
   */
  readonly standIns?: boolean
}

export interface ControlSecrets {
  readonly control: string
  readonly replication: string
}

export interface Rendered {
  readonly files: NodeFiles
  readonly launch: Launch
}

export interface ReplicationInfo {
  readonly role: 'primary' | 'replica'
  /** Of a replica: whom it follows. */
  readonly primary: Endpoint | null
  /** Of a replica: is the link up and the first sync over? */
  readonly linkUp: boolean
  /** Of a replica whose link is down, and which is not copying: for how long, -1 where it was never up. Left out: it is up, or copies. */
  readonly linkDownSeconds?: number
  /** master_repl_offset of a primary; of a replica its own (slave_repl_offset). */
  readonly offset: number
  readonly replicationId: string
  readonly connectedReplicas: number
}

export interface ClusterNodeView {
  readonly id: string
  readonly address: string
  readonly port: number
  readonly flags: readonly string[]
  readonly primaryId: string | null
  readonly linkUp: boolean
  readonly slots: readonly SlotRange[]
  readonly configEpoch: number
}

export interface ClusterView {
  readonly myId: string
  readonly state: 'ok' | 'fail'
  readonly currentEpoch: number
  readonly nodes: readonly ClusterNodeView[]
}

export interface EngineStatus {
  readonly pid: number
  readonly version: string
  readonly loading: boolean
  readonly usedMemoryBytes: number
  readonly maxMemoryBytes: number
  readonly clients: number
  /** How many it takes, given the files that it may open; left out: it does not say. */
  readonly maxClients?: number
  /** Addresses it listens on. */
  readonly bound: readonly string[]
  /** Threads that read and write, the main one included. Memcached: 0. */
  readonly ioThreads: number
  /** It could not write its append-only file or its dump, and refuses writes therefore. */
  readonly persistenceFails: boolean
  /** What keeps clients out, for people (`every place is taken`); left out: nothing that is known. */
  readonly hindrance?: string
  readonly replication: ReplicationInfo | null
  readonly cluster: ClusterView | null
}

export interface TransitChange {
  readonly mode: TransitMode | 'none'
  /** Of the group. */
  readonly port: number
  /** Connections at that port may be without TLS: they are closed when it becomes required. */
  readonly plain: boolean
}

/** A control connection to one running engine. All methods reject with `engine-unreachable`, `engine-command` or `deadline`. */
export interface EngineControl {
  /** Resolves when the connection has ended, for whatever reason: the first sign of a dead process. */
  readonly closed: Promise<void>
  /** Clients can neither close this connection nor keep it out. Left out: they can. */
  readonly isWayIn?: boolean
  /** Rejects with `deadline` after `deadlineMs`, 2,000 where it is left out. */
  status(deadlineMs?: number): Promise<EngineStatus>
  /** Is anybody there? Any answer counts. Not answered: the engine is busy, paused by its clients, or hung. */
  ping(deadlineMs: number): Promise<void>
  /** Gives running values to parameters of the parameter group that need no reboot. */
  applyParameters(parameters: Readonly<Record<string, string>>): Promise<void>
  setMaxMemory(bytes: number): Promise<void>
  /** Valkey and Redis OSS, without cluster mode. Null: become a primary. */
  replicate(of: Endpoint | null): Promise<void>
  /** Binds exactly these addresses (the first is its own). Addresses that are no longer bound lose their connections at once. */
  bind(addresses: readonly string[]): Promise<void>
  /** These users and no others. Connections go on; those of users that are not there any more end. */
  setAccess(access: ClientAccess): Promise<void>
  /**
   * Speaks TLS alone, beside plain connections (at `innerPorts`), or not at all. Its certificate is in its folder already. Connections that are open
   * go on, but where TLS becomes required those without it are closed.
   */
  setTransit(wanted: TransitChange): Promise<void>
  /** Reads its certificate and key again from the files of its folder; connections that are open go on. */
  reloadCertificate(): Promise<void>
  /** Cluster mode. */
  meet(nodes: readonly Endpoint[]): Promise<void>
  /** Takes these slots from whoever had them, in a newer epoch: only where nobody who lives does. */
  claimSlots(ranges: readonly SlotRange[]): Promise<void>
  replicateNode(nodeId: string): Promise<void>
  takeOver(): Promise<void>
  /** Asks the primaries of the other shards for their votes; resolves when they have made it primary. */
  standForElection(): Promise<void>
  forget(nodeId: string): Promise<void>
  /** Memcached: what a client of before 1.4.14 reads under `AmazonElastiCache:cluster`. */
  publishDiscovery(text: string): Promise<void>
  /** Asks the engine to end; with `save` it writes its data first. The connection then closes. */
  shutdown(options: { save: boolean }): Promise<void>
  /** A raw command, for the command line and the tests. */
  command(args: readonly string[]): Promise<unknown>
  close(): void
}

/** What is needed to reach a running node. */
export interface ConnectPlan extends Pick<NodePlan, 'socket' | 'address' | 'port' | 'secrets' | 'kind'> {
  /** Memcached. Left out: the text protocol, without TLS and login. */
  readonly reach?: Reach
}

/** File name in a node's folder to its content. */
export type NodeFiles = Readonly<Record<string, FileContent>>

export interface MemcachedLogin {
  readonly access: ClientAccess
  /** In plain text, as its files need them: one or two, the oldest first. */
  readonly tokens: readonly string[]
  /** Name of the machine when the node started: SASL looks for users of that realm. */
  readonly machineName: string
}

/** What a node of Memcached has to know of who may log in. */
export type AccessPlan = MemcachedLogin & Pick<NodePlan, 'secrets' | 'address' | 'parameters'>

/** Files that an engine could not load, by their names in the node's folder, and what it said of them. */
export interface Damage {
  readonly files: readonly string[]
  readonly said: string
}

export interface EngineAdapter {
  readonly engine: EngineName
  render(plan: NodePlan): Rendered
  /** Files of a certificate by their names in the node's folder; null where the engine has none. */
  certificateFiles(certificate: NodeCertificate): NodeFiles | null
  /** Files by which a node knows who may log in; null where it is told by commands. */
  accessFiles(plan: AccessPlan): NodeFiles | null
  /** Sockets that a node makes beside the one that its plan names. */
  socketsBeside(socket: string): readonly string[]
  /** Whether a process ended because of its files, by the end of its log. Null: it did not. */
  damageIn(log: string): Damage | null
  /** Cluster mode: whether this is the nodes.conf of the node with this id. */
  knowsItself(clusterFile: string, id: string): boolean
  /** Connects and authenticates over the control socket (Memcached: over its address). Rejects when that takes longer than `deadlineMs`. */
  connect(plan: ConnectPlan, deadlineMs: number): Promise<EngineControl>
}
