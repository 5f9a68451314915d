import type { EngineStatus } from '../ports/engine.ts'

/** What is left on disk of a node that does not run: decides who starts first when all of a shard were lost. */
export interface PersistedData {
  readonly kind: 'none' | 'rdb' | 'aof'
  /** Replication offset that the RDB file carries; null where it is not known. */
  readonly offset: number | null
  /** Milliseconds since 1970 of the last write. */
  readonly modifiedAt: number
  /** Of an append-only file: about how long a start from it takes, by its size and by what is in it. Left out: not known. */
  readonly loadMs?: number
  /** Differs as soon as anything of it is changed, repaired or replaced. */
  readonly stamp?: string
  /** Where it is, in words for the user. */
  readonly path?: string
  /**
   * What its format shows without loading it; left out: nothing is wrong. `incomplete`: parts are missing, and an engine may start without them and
   * without a word. `unfinished`: it loads, and is of an earlier time than the data that the node had.
   */
  readonly flaw?: 'incomplete' | 'unfinished'
}

export interface LastWord {
  readonly offset: number
  readonly replicationId: string
  /** Milliseconds since 1970. */
  readonly at: number
}

export interface ObservedNode {
  readonly id: string
  /**
   * - `absent`   no process of this node exists: seen to be gone, not merely silent
   * - `running`  the process exists and is ours
   * - `doubt`    a process exists that may or may not be ours: touch nothing
   */
  readonly process: 'absent' | 'running' | 'doubt'
  /** It is being started: it may run already, and holds no address but its own. */
  readonly starting?: boolean
  /** It runs no more although it exists (stopped, stuck in the kernel). An engine that is merely busy is not hung. */
  readonly hung: boolean
  /** It was sent SIGKILL and is still there: stuck in the kernel, it ends when it comes back from there. */
  readonly killed: boolean
  /** What the engine says of itself; null while it cannot be asked. */
  readonly engine: EngineStatus | null
  /** Only of nodes whose process is absent. */
  readonly persisted: PersistedData | null
  /** Of a replica: the first look of those in a row at which its link was up. Milliseconds since 1970; left out, or null: it is not up. */
  readonly linkedAt?: number | null
  /** It is absent for the first time: what the others said in this look may be older than its end. Left out: it is not. */
  readonly justGone?: boolean
  /** What it said of its data at the look before this one, when it was a primary. Left out, or null: nothing, or it was none. */
  readonly last?: LastWord | null
}

export interface Observed {
  readonly nodes: Readonly<Record<string, ObservedNode>>
  /** Backends of the reader endpoint that are in force, as `address:port`; null when it is not known. */
  readonly readers: readonly string[] | null
  /** Fronts that are in force, as `frontsText`; null when it is not known. */
  readonly fronts: string | null
  /** Memcached: discovery version that the configuration endpoint serves; null when it is not known. */
  readonly discovery: number | null
  /** Memcached: discovery version that each node was told; a node that was started since has forgotten it. */
  readonly published: Readonly<Record<string, number>>
}
