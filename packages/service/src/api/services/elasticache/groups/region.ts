/** What stands in the region already. */
import type { ZoneLoad } from '../../../../decide/placement.ts'
import { Fault } from '../../../../errors.ts'
import type { GroupSpec, NodeSpec } from '../../../../model/group.ts'
import { checkNodesInRegion } from '../../../../model/quotas.ts'
import type { ActionContext } from '../../../action.ts'
import { specsOf } from '../../../writing.ts'

const nodesOf = (spec: GroupSpec): readonly NodeSpec[] => spec.shards.flatMap((shard) => shard.nodes)

/**
 * How many nodes are in each zone, for the placement of `added` more. Throws `NodeQuotaForCustomerExceededFault` where they would be
 * too many. Requests that run at the same moment may pass the limit together by what they add.
 */
export const roomForNodes = async (context: ActionContext, added: number): Promise<ZoneLoad> => {
  const nodes = (await specsOf(context)).flatMap((spec) => nodesOf(spec.value))
  checkNodesInRegion(nodes.length + added)
  const load: Record<string, number> = {}
  for (const node of nodes) load[node.zone] = (load[node.zone] ?? 0) + 1
  return load
}

/** AWS's limit for a sharded group, unless one asks it for more. */
const nodesInGroup = 90

/** Throws `NodeQuotaForClusterExceededFault`. */
export const checkNodesInGroup = (nodes: number): void => {
  if (nodes <= nodesInGroup) return
  throw new Fault(
    'NodeQuotaForClusterExceededFault',
    `You have exceeded the limit of ${nodesInGroup} nodes in a replication group; ${nodes} were requested.`,
  )
}
