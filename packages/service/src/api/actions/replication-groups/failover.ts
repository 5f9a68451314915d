import { invalidCombination, invalidValue } from '../../../errors.ts'
import type { GroupSpec } from '../../../model/group.ts'

type Failover = Pick<GroupSpec, 'kind' | 'automaticFailover' | 'multiAz' | 'shards'>

const spansZones = (zones: readonly string[]): boolean => new Set(zones).size > 1

/**
 * The rules about automatic failover and Multi-AZ that a group must meet as a whole, in AWS's words where they are known.
 * With cluster mode failover is always on, and a shard without replicas is allowed: it merely has nobody to fail over to.
 */
export const checkFailover = (group: Failover): void => {
  if (group.kind === 'cme' && !group.automaticFailover) {
    throw invalidCombination('Turning off automatic failover for replication group with cluster mode enabled is not supported.')
  }
  const fewest = Math.min(...group.shards.map((shard) => shard.nodes.length))
  if (group.kind === 'cmd' && group.automaticFailover && fewest < 2) {
    throw invalidCombination('When using automatic failover, there must be at least 2 cache clusters in the replication group.')
  }
  if (!group.multiAz) return
  if (!group.automaticFailover) throw invalidCombination('Multi-AZ can be enabled only together with automatic failover.')
  if (fewest < 2) throw invalidValue('Must have at least 1 replica for Multi-AZ enabled Replication Group')
  const narrow = group.shards.find((shard) => !spansZones(shard.nodes.map((node) => node.zone)))
  if (narrow !== undefined) {
    throw invalidCombination(
      `Multi-AZ needs the nodes of each node group in at least two availability zones; those of ${narrow.id} are all in ${narrow.nodes[0]?.zone}.`,
    )
  }
}
