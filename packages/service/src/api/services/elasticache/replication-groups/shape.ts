/** How many shards and nodes a new replication group gets, and which zones and slots were asked for: from the many ways to say it. */
import type { CreateReplicationGroupMessage, NodeGroupConfiguration } from '@aws-sdk/client-elasticache'
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import type { SlotRange } from '../../../../model/group.ts'
import { shardId } from '../../../../model/names.ts'
import { checkShards, nodesInShard } from '../../../../model/quotas.ts'
import { checkCoverage, evenSlots, parseSlots } from '../../../../model/slots.ts'
import { notYet } from '../groups/not-yet.ts'
import { checkNodesInGroup } from '../groups/region.ts'
import { wholeNumber } from '../groups/values.ts'

export interface ShardShape {
  readonly id: string
  /** Null: an even share. */
  readonly slots: readonly SlotRange[] | null
  /** The primary and its replicas. */
  readonly nodes: number
  /** The primary's first; undefined: any. */
  readonly zones: readonly (string | undefined)[]
}

const mostReplicas = nodesInShard - 1

type Input = CreateReplicationGroupMessage

const replicasAsked = (input: Input): number | undefined => {
  const replicas = wholeNumber('ReplicasPerNodeGroup', input.ReplicasPerNodeGroup, 0, mostReplicas)
  const clusters = wholeNumber('NumCacheClusters', input.NumCacheClusters, 1, nodesInShard)
  if (clusters === undefined) return replicas
  if (replicas !== undefined && replicas !== clusters - 1) {
    throw invalidCombination(`NumCacheClusters=${clusters} and ReplicasPerNodeGroup=${replicas} contradict each other.`)
  }
  return clusters - 1
}

const shardCount = (input: Input, configured: readonly NodeGroupConfiguration[]): number => {
  const asked = input.NumNodeGroups
  if (asked !== undefined && (!Number.isInteger(asked) || asked < 1)) {
    throw invalidValue(`Invalid value for NumNodeGroups: must be a whole number from 1 on, found ${asked}.`)
  }
  if (configured.length > 0 && asked !== undefined && asked !== configured.length) {
    throw invalidCombination(`NumNodeGroups=${asked} but NodeGroupConfiguration has ${configured.length} entries.`)
  }
  const count = asked ?? (configured.length || 1)
  checkShards(count)
  return count
}

const configuredId = (value: string | undefined, index: number): string => {
  if (value === undefined || value === '') return shardId(index + 1)
  if (!/^\d{1,4}$/.test(value) || Number(value) === 0)
    throw invalidValue(`NodeGroupId: expected up to four digits, found ${value.slice(0, 40)}`)
  return value.padStart(4, '0')
}

const configuredShard = (config: NodeGroupConfiguration, index: number, replicas: number | undefined): ShardShape => {
  if (config.PrimaryOutpostArn || (config.ReplicaOutpostArns ?? []).length > 0)
    throw notYet('NodeGroupConfiguration: outposts are')
  const own = wholeNumber('ReplicaCount', config.ReplicaCount, 0, mostReplicas)
  if (own !== undefined && replicas !== undefined && own !== replicas) {
    throw invalidCombination(`ReplicaCount=${own} of a node group and ${replicas} replicas for each contradict each other.`)
  }
  const zones = config.ReplicaAvailabilityZones ?? []
  const count = own ?? replicas ?? zones.length
  if (zones.length > 0 && zones.length !== count) {
    throw invalidCombination(`ReplicaAvailabilityZones names ${zones.length} zones for ${count} replicas.`)
  }
  if (count > mostReplicas) throw invalidValue(`A node group has at most ${mostReplicas} replicas, found ${count}.`)
  return {
    id: configuredId(config.NodeGroupId, index),
    slots: config.Slots === undefined || config.Slots === '' ? null : parseSlots(config.Slots),
    nodes: count + 1,
    zones: [config.PrimaryAvailabilityZone || undefined, ...zones],
  }
}

const configuredShards = (
  input: Input,
  configured: readonly NodeGroupConfiguration[],
  replicas: number | undefined,
): readonly ShardShape[] => {
  const shards = configured.map((config, index) => configuredShard(config, index, replicas))
  const ids = shards.map((shard) => shard.id)
  if (new Set(ids).size !== ids.length) throw invalidCombination(`The node group ids ${ids.join(', ')} are not all different.`)
  const withSlots = shards.filter((shard) => shard.slots !== null).length
  if (withSlots > 0 && withSlots < shards.length)
    throw invalidCombination('Slots must be given for every node group or for none.')
  if ((input.PreferredCacheClusterAZs ?? []).length > 0) {
    throw invalidCombination('PreferredCacheClusterAZs and NodeGroupConfiguration cannot be given together.')
  }
  return shards
}

/** Throws `InvalidParameterValueException`, `InvalidParameterCombinationException`, and the faults of the quotas. */
export const shapeOf = (input: Input): readonly ShardShape[] => {
  const configured = input.NodeGroupConfiguration ?? []
  const count = shardCount(input, configured)
  if (count > 1 && input.NumCacheClusters !== undefined) {
    throw invalidCombination('NumCacheClusters cannot be given for more than one node group; use ReplicasPerNodeGroup.')
  }
  const replicas = replicasAsked(input)
  const zones = input.PreferredCacheClusterAZs ?? []
  const shards =
    configured.length > 0
      ? configuredShards(input, configured, replicas)
      : Array.from(
          { length: count },
          (_, index): ShardShape => ({ id: shardId(index + 1), slots: null, nodes: (replicas ?? 0) + 1, zones }),
        )
  const nodes = shards.reduce((sum, shard) => sum + shard.nodes, 0)
  if (configured.length === 0 && zones.length > 0) {
    if (count > 1)
      throw invalidCombination(
        'PreferredCacheClusterAZs cannot be given for more than one node group; use NodeGroupConfiguration.',
      )
    if (zones.length !== nodes)
      throw invalidCombination(`PreferredCacheClusterAZs names ${zones.length} zones for ${nodes} clusters.`)
  }
  checkNodesInGroup(nodes)
  return shards
}

/** The slots of each shard. Throws where those that were asked for do not cover everything once. */
export const slotsOf = (shards: readonly ShardShape[]): readonly (readonly SlotRange[])[] => {
  const asked = shards.flatMap((shard) => (shard.slots === null ? [] : [shard.slots]))
  if (asked.length === 0) return evenSlots(shards.length)
  checkCoverage(asked)
  return asked
}

/** Without cluster mode there is one shard, and it has no slots. Throws `InvalidParameterCombinationException`. */
export const checkUnclustered = (shards: readonly ShardShape[]): void => {
  if (shards.length > 1) {
    throw invalidCombination(
      'More than one node group needs cluster mode: a parameter group with cluster-enabled=yes, or ClusterMode=enabled.',
    )
  }
  if (shards.some((shard) => shard.slots !== null)) throw invalidCombination('Slots can be given only with cluster mode.')
  if (shards[0]?.id !== '0001') throw invalidCombination('Without cluster mode the node group is 0001.')
}
