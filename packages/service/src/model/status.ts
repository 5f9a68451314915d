import type { GroupSpec, GroupState, GroupStatus, NodeSpec, NodeState, NodeStatus } from './group.ts'
import { namedSecurityGroups } from './used-security-groups.ts'

/**
 * The status words of the API, as tables: the first row that holds gives the word.
 * The API writes the spec, the controller the state; `generation` says whether the one has caught up with the other.
 */
type Row<Facts, Status> = readonly [holds: (facts: Facts) => boolean, status: Status | ((facts: Facts) => Status)]

const decide = <Facts, Status extends string>(rows: readonly Row<Facts, Status>[], facts: Facts, otherwise: Status): Status => {
  const row = rows.find(([holds]) => holds(facts))
  if (row === undefined) return otherwise
  return typeof row[1] === 'function' ? row[1](facts) : row[1]
}

interface GroupFacts {
  readonly spec: GroupSpec
  /** Null: no controller has seen the group yet. */
  readonly state: GroupState | null
}

const groupRows: readonly Row<GroupFacts, GroupStatus>[] = [
  // `deleting` is shown until the controller has removed both records.
  [({ spec }) => spec.deletion !== null, 'deleting'],
  [({ state }) => state === null, 'creating'],
  [({ state }) => state?.generation === 0 && state.status === 'create-failed', 'create-failed'],
  // Nothing has ever been carried out whole.
  [({ state }) => state?.generation === 0, 'creating'],
  [({ spec, state }) => spec.generation > (state?.generation ?? 0), 'modifying'],
  // Security groups on their way: who sees `available` may rely on those that are shown.
  [({ spec, state }) => `${namedSecurityGroups(spec)}` !== `${state?.securityGroups ?? []}`, 'modifying'],
]

export const groupStatus = (spec: GroupSpec, state: GroupState | null): GroupStatus =>
  decide(groupRows, { spec, state }, state?.status ?? 'creating')

/**
 * May the group be deleted now? AWS refuses while it works on a group. So does Larder, unless it cannot get on with that work:
 * what has failed, or fails again and again, must not be there for ever.
 */
export const isDeletable = (spec: GroupSpec, state: GroupState | null): boolean => {
  const status = groupStatus(spec, state)
  if (status === 'available' || status === 'create-failed') return true
  return status !== 'deleting' && state !== null && state.reason !== null
}

interface NodeFacts extends GroupFacts {
  /** Null: the spec no longer has the node, it is on its way out. */
  readonly wanted: NodeSpec | null
  /** Null: the controller has not taken it up yet. */
  readonly node: NodeState | null
}

const nodeRows: readonly Row<NodeFacts, NodeStatus>[] = [
  [({ spec, wanted }) => spec.deletion !== null || wanted === null, 'deleting'],
  [({ spec, state }) => groupStatus(spec, state) === 'create-failed', 'create-failed'],
  [({ node }) => node === null || node.status === 'creating', 'creating'],
  [({ wanted, node }) => (wanted?.reboots ?? 0) > (node?.rebootsDone ?? 0), 'rebooting cluster nodes'],
]

export const nodeStatus = (
  spec: GroupSpec,
  state: GroupState | null,
  wanted: NodeSpec | null,
  node: NodeState | null,
): NodeStatus => decide(nodeRows, { spec, state, wanted, node }, node?.status ?? 'creating')

/**
 * CacheClusterStatus. AWS has no `create-failed` for clusters: `incompatible-network` is its word for one that could not be made, and
 * the one at which waiters stop waiting.
 */
export const clusterStatus = (spec: GroupSpec, state: GroupState | null, nodes: readonly NodeStatus[]): string => {
  const status = spec.space === 'rg' ? (nodes[0] ?? 'deleting') : groupStatus(spec, state)
  if (status === 'create-failed') return 'incompatible-network'
  if (status === 'creating' || status === 'deleting') return status
  return nodes.includes('rebooting cluster nodes') ? 'rebooting cluster nodes' : status
}

/** CacheNodeStatus. */
export const cacheNodeStatus = (status: NodeStatus): string => {
  if (status === 'rebooting cluster nodes') return 'rebooting'
  return status === 'create-failed' ? 'creating' : status
}
