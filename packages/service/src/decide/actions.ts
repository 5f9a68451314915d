import type { Endpoint, SlotRange } from '../model/group.ts'
import type { Front } from '../ports/balancer.ts'

/**
 * What a controller can do for a group. Every action may be run twice, and none depends on what an earlier one returned:
 * after each stage the world is looked at again.
 */
export type Action =
  /** Give addresses to these nodes and endpoints, and write them to the state in one transaction. */
  | { readonly do: 'allocate'; readonly nodes: readonly string[]; readonly endpoints: readonly EndpointUse[] }
  /** Write who is to be primary, before anybody is promoted. */
  | {
      readonly do: 'target'
      readonly shard: string
      readonly primary: string
      readonly epoch: number
      readonly fence: readonly string[]
      readonly because: string
      /** Cluster mode, of a shard that is new: the slots that it owns from now on. */
      readonly slots?: readonly SlotRange[]
    }
  | {
      readonly do: 'start'
      readonly node: string
      readonly replicaOf: string | null
      readonly because: StartReason
      /** Files that it cannot load, which are moved aside before. Left out: none. */
      readonly aside?: readonly string[]
    }
  /** End the process: SIGKILL after it had its chance, and seen to be gone. */
  | { readonly do: 'stop'; readonly node: string; readonly because: StopReason }
  | {
      readonly do: 'promote'
      readonly node: string
      readonly shard: string
      readonly epoch: number
      /** What it binds from then on; null: as before. */
      readonly addresses: readonly string[] | null
      /** Cluster mode: by the vote of the other primaries, where they may be about to vote for somebody else. */
      readonly byVote: boolean
      /** Cluster mode: who owns the slots of the shard as far as `node` knows, where that is not the one whom it follows; null else. */
      readonly owner: string | null
    }
  /** Make the node a replica of the shard's primary. */
  | { readonly do: 'follow'; readonly node: string; readonly primary: string }
  /** Planned switch without a lost write: the engine itself waits for the offset. */
  | { readonly do: 'hand-over'; readonly from: string; readonly to: string }
  /** Cluster mode: make `node` known to the others. */
  | { readonly do: 'meet'; readonly node: string; readonly others: readonly string[] }
  /** Write down which slots each of these shards owns, which an earlier Larder did not. */
  | { readonly do: 'own'; readonly slots: Readonly<Record<string, readonly SlotRange[]>> }
  /** Cluster mode: the primary claims the slots that its shard owns, which no node says to have. */
  | { readonly do: 'slots'; readonly node: string; readonly ranges: readonly SlotRange[] }
  /** Cluster mode: `node` forgets these cluster node ids, which belong to nobody any more. */
  | { readonly do: 'forget'; readonly node: string; readonly ids: readonly string[] }
  | { readonly do: 'bind'; readonly node: string; readonly addresses: readonly string[] }
  | { readonly do: 'readers'; readonly endpoint: Endpoint; readonly backends: readonly Endpoint[] }
  | { readonly do: 'discovery'; readonly endpoint: Endpoint; readonly version: number; readonly nodes: readonly Endpoint[] }
  /** Memcached: tell a node what `AmazonElastiCache:cluster` is to say. */
  | { readonly do: 'publish'; readonly node: string; readonly version: number }
  | {
      readonly do: 'parameters'
      readonly node: string
      /** To be given to the running process. */
      readonly apply: Readonly<Record<string, string>>
      readonly maxMemoryBytes: number | null
      readonly pendingReboot: boolean
      readonly nodeType: string
    }
  /** Clients of a running node need other tokens from now on. */
  | { readonly do: 'access'; readonly node: string }
  /** What stands at the group's ports where engines cannot: these fronts and no others. */
  | { readonly do: 'fronts'; readonly fronts: readonly Front[] }
  /** A running node serves clients with TLS, without, or both, as the group does. */
  | { readonly do: 'transit'; readonly node: string }
  /** A new certificate for a running node. */
  | { readonly do: 'certificate'; readonly node: string }
  /** The security groups that the group names are in force: see to it, and write it down. */
  | { readonly do: 'guard'; readonly securityGroups: readonly string[] }
  /** They hold the data of their shard; those of `level` have been seen to have all of it (left out: nobody). */
  | { readonly do: 'joined'; readonly nodes: readonly string[]; readonly level?: readonly string[] }
  | { readonly do: 'remove-node'; readonly node: string }
  /** Take down what is left of the group and delete its records; with `retain` one node goes on as a cluster of its own. */
  | { readonly do: 'remove-group'; readonly retain: string | null }

export type EndpointUse = 'primary' | 'reader' | 'configuration'
/** `upgrade` is of a node that nobody stands in for: it writes its data first. `hung`, `zone` and `late` end processes that may still accept writes: nobody is promoted before they are gone. */
export type StopReason = 'reboot' | 'replace' | 'upgrade' | 'hung' | 'zone' | 'late'
/** `disk-first`: a primary comes back from its disk because its replicas lack too much. */
export type StartReason = 'created' | 'recovered' | 'rebooted' | 'lost-all' | 'disk-first'

export interface Decision {
  /** One stage: they are independent of each other and may run side by side. Empty: nothing is left to do. */
  readonly actions: readonly Action[]
  /** Why nothing can be done although it is not finished (waiting for a first sync, a process in doubt); null when it is finished. */
  readonly waitingFor: string | null
}
