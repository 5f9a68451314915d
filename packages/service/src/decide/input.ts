import type { GroupSpec, GroupState, NodeSpec, NodeState, ShardSpec } from '../model/group.ts'
import { leaversOf, leavingNode } from '../model/members.ts'
import type { Observed, ObservedNode } from './observed.ts'

/** What the parameter group and the node type ask of a running node. */
export interface WantedSettings {
  /** Effective parameters by AWS name. */
  readonly parameters: Readonly<Record<string, string>>
  readonly maxMemoryBytes: number
  /** Those of `parameters` that take effect only with a restart. */
  readonly requiresReboot: ReadonlySet<string>
  /** Threads that read and write, the main one included. */
  readonly ioThreads: number
}

export interface GroupInput {
  readonly spec: GroupSpec
  readonly state: GroupState
  readonly observed: Observed
  readonly wanted: WantedSettings
  /** Of the engine that is to run. Left out: whatever runs. */
  readonly engineVersion?: string
  /** Milliseconds since 1970. */
  readonly now: number
  /** Availability zones that are down: nothing runs there. */
  readonly zonesDown: ReadonlySet<string>
  /** Keys of the actions that are under way, as `keysOf`. */
  readonly underWay?: ReadonlySet<string>
}

/** A node with all that is known of it. */
export interface NodeFacts {
  readonly spec: NodeSpec
  readonly state: NodeState
  readonly seen: ObservedNode
}

const unseen = (id: string): ObservedNode => ({
  id,
  process: 'absent',
  hung: false,
  killed: false,
  engine: null,
  persisted: null,
})
const seenOf = (input: GroupInput, id: string): ObservedNode => input.observed.nodes[id] ?? unseen(id)

interface ShardFacts {
  readonly staying: readonly NodeFacts[]
  readonly leaving: readonly NodeFacts[]
  readonly all: readonly NodeFacts[]
}

const gather = (input: GroupInput, shard: ShardSpec): ShardFacts => {
  const staying = shard.nodes.flatMap((spec) => {
    const state = input.state.nodes[spec.id]
    return state === undefined ? [] : [{ spec, state, seen: seenOf(input, spec.id) }]
  })
  const leaving = leaversOf(input)
    .filter((state) => state.shard === shard.id)
    .map((state) => ({ spec: leavingNode(input.spec, state), state, seen: seenOf(input, state.id) }))
  return { staying, leaving, all: [...staying, ...leaving] }
}

/** Gathered once for each input: facts of the same node are the same object. */
const gathered = new WeakMap<GroupInput, Map<string, ShardFacts>>()

const shardFacts = (input: GroupInput, shard: ShardSpec): ShardFacts => {
  const shards = gathered.get(input) ?? new Map<string, ShardFacts>()
  gathered.set(input, shards)
  const facts = shards.get(shard.id) ?? gather(input, shard)
  shards.set(shard.id, facts)
  return facts
}

/** The nodes of a shard that have been allocated, in the order of the spec. */
export const factsOf = (input: GroupInput, shard: ShardSpec): readonly NodeFacts[] => shardFacts(input, shard).staying
/** Nodes of the shard that the spec no longer has. They are there until they are removed, and one of them may be the primary. */
export const leavingFacts = (input: GroupInput, shard: ShardSpec): readonly NodeFacts[] => shardFacts(input, shard).leaving
/** Every node of the shard, those that are leaving last. */
export const allFactsOf = (input: GroupInput, shard: ShardSpec): readonly NodeFacts[] => shardFacts(input, shard).all

/** Nodes of shards that nobody wants and that own nothing: they let go of their addresses, and are removed. */
export const strayFacts = (input: GroupInput): readonly NodeFacts[] => {
  const known = new Set(input.spec.shards.map((shard) => shard.id))
  return leaversOf(input)
    .filter((state) => !known.has(state.shard))
    .map((state) => ({ spec: leavingNode(input.spec, state), state, seen: seenOf(input, state.id) }))
}

export const isRunning = (node: NodeFacts): boolean => node.seen.process === 'running'
/** Running, answers, and has its data in memory. */
export const isServing = (node: NodeFacts): boolean =>
  isRunning(node) && !node.seen.hung && node.seen.engine !== null && !node.seen.engine.loading
export const roleOf = (node: NodeFacts): 'primary' | 'replica' | null => node.seen.engine?.replication?.role ?? null
/** Follows the primary at `address`, and the first sync is over. */
export const isInSync = (node: NodeFacts, address: string): boolean => {
  const replication = node.seen.engine?.replication
  return isServing(node) && replication?.role === 'replica' && replication.linkUp && replication.primary?.address === address
}
/** A replica that has never finished a sync since its start tells an offset of 0 or 1. */
const leastOffset = 1
/** Its engine takes the writes of its shard. In cluster mode one without slots calls itself a primary too, and takes none: a new one does until it follows. */
export const takesWrites = ({ state, seen: { engine } }: NodeFacts): boolean => {
  if (engine?.replication?.role !== 'primary') return false
  const own = engine.cluster?.nodes.find((entry) => entry.id === state.clusterNodeId)
  return engine.cluster === null || (own?.slots.length ?? 0) > 0
}
/** Holds the data set of its shard: that was seen before, or its engine says so now. What a node has that takes the writes is the data set. */
export const hasData = (node: NodeFacts): boolean => {
  const replication = node.seen.engine?.replication
  const hasCopied = replication?.role === 'replica' && replication.offset > leastOffset
  return (node.state.synced ?? node.state.joined) || hasCopied || takesWrites(node)
}
/** It runs and has the data, or cannot be asked now: also one that is new may have copied it a moment ago. */
export const mayHaveData = (node: NodeFacts): boolean =>
  node.seen.process !== 'absent' && (node.seen.engine === null || hasData(node))
/** May its process run? */
export const isZoneUp = (input: GroupInput, node: NodeFacts): boolean => !input.zonesDown.has(node.spec.zone)
