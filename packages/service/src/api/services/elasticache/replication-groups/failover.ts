import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import type { GroupSpec } from '../../../../model/group.ts'
import { nodeType } from '../../../../model/node-types.ts'

type Failover = Pick<GroupSpec, 'kind' | 'automaticFailover' | 'multiAz' | 'shards' | 'nodeType'>

const spansZones = (zones: readonly string[]): boolean => new Set(zones).size > 1

/** On AWS nodes of t1 never take over, those of t2 with cluster mode alone. */
export const checkFailoverType = (group: Pick<GroupSpec, 'kind' | 'automaticFailover' | 'nodeType'>): void => {
  const family = nodeType(group.nodeType)?.family
  if (group.automaticFailover && (family === 't1' || (family === 't2' && group.kind !== 'cme'))) throw awsTexts.failoverOfType()
}

/** Failover is on with cluster mode; who asks for it explicitly means replicas that can take over. */
export const checkShardReplicas = (group: Pick<GroupSpec, 'kind' | 'shards'>): void => {
  if (group.kind === 'cme' && group.shards.some((shard) => shard.nodes.length < 2)) throw awsTexts.failoverNeedsReplica()
}

/**
 * The rules about automatic failover and Multi-AZ that a group must meet as a whole, in AWS's words where they are known.
 * With cluster mode failover is always on, and a shard without replicas is allowed: it merely has nobody to fail over to.
 */
export const checkFailover = (group: Failover): void => {
  if (group.kind === 'cme' && !group.automaticFailover) {
    throw awsTexts.failoverStays()
  }
  const fewest = Math.min(...group.shards.map((shard) => shard.nodes.length))
  if (group.kind === 'cmd' && group.automaticFailover && fewest < 2) {
    throw awsTexts.failoverNeedsTwo()
  }
  checkFailoverType(group)
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
