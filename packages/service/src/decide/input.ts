import type { GroupSpec, GroupState, NodeSpec, NodeState, ShardSpec } from '../model/group.ts'
import type { Observed, ObservedNode } from './observed.ts'

/** What the parameter group and the node type ask of a running node. */
export interface WantedSettings {
  /** Effective parameters by AWS name. */
  readonly parameters: Readonly<Record<string, string>>
  readonly maxMemoryBytes: number
  /** Those of `parameters` that take effect only with a restart. */
  readonly requiresReboot: ReadonlySet<string>
}

export interface GroupInput {
  readonly spec: GroupSpec
  readonly state: GroupState
  readonly observed: Observed
  readonly wanted: WantedSettings
}

/** A node with all that is known of it. */
export interface NodeFacts {
  readonly spec: NodeSpec
  readonly state: NodeState
  readonly seen: ObservedNode
}

const unseen = (id: string): ObservedNode => ({ id, process: 'absent', engine: null, persisted: null })

/** The nodes of a shard that have been allocated, in the order of the spec. */
export const factsOf = (input: GroupInput, shard: ShardSpec): readonly NodeFacts[] =>
  shard.nodes.flatMap((spec) => {
    const state = input.state.nodes[spec.id]
    return state === undefined ? [] : [{ spec, state, seen: input.observed.nodes[spec.id] ?? unseen(spec.id) }]
  })

export const isRunning = (node: NodeFacts): boolean => node.seen.process === 'running'
/** Running, answers, and has its data in memory. */
export const isServing = (node: NodeFacts): boolean => isRunning(node) && node.seen.engine !== null && !node.seen.engine.loading
/** Follows the primary at `address`, and the first sync is over. */
export const isInSync = (node: NodeFacts, address: string): boolean => {
  const replication = node.seen.engine?.replication
  return isServing(node) && replication?.role === 'replica' && replication.linkUp && replication.primary?.address === address
}
