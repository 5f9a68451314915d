/** How many replicas each shard is to have after IncreaseReplicaCount or DecreaseReplicaCount. */
import type { ConfigureShard, DecreaseReplicaCountMessage, IncreaseReplicaCountMessage } from '@aws-sdk/client-elasticache'
import { Fault, invalidCombination, invalidValue } from '../../../../errors.ts'
import type { GroupSpec, ShardSpec } from '../../../../model/group.ts'
import { nodesInShard } from '../../../../model/quotas.ts'
import { notYet } from '../groups/not-yet.ts'
import { wholeNumber } from '../groups/values.ts'

type Input = Pick<
  IncreaseReplicaCountMessage & DecreaseReplicaCountMessage,
  'ApplyImmediately' | 'NewReplicaCount' | 'ReplicaConfiguration'
>

export interface ShardTarget {
  readonly shard: ShardSpec
  readonly replicas: number
  /** The zones of all nodes of the shard afterwards, as far as they were asked for. */
  readonly zones: readonly string[] | null
}

const mostReplicas = nodesInShard - 1

export const noOperation = (): Fault =>
  new Fault('NoOperationFault', 'Requested new replica count already matches current number of replicas.')

/** Throws `InvalidParameterValueException`. */
export const requireImmediately = (input: Pick<Input, 'ApplyImmediately'>): void => {
  if (input.ApplyImmediately !== true)
    throw invalidValue('ApplyImmediately must be true: the number of replicas is changed at once or not at all.')
}

const configured = (spec: GroupSpec, config: ConfigureShard): ShardTarget => {
  const shard = spec.shards.find((candidate) => candidate.id === config.NodeGroupId)
  if (shard === undefined)
    throw invalidValue(`Node group ${String(config.NodeGroupId).slice(0, 40)} is not in the replication group ${spec.id}.`)
  if ((config.PreferredOutpostArns ?? []).length > 0) throw notYet('PreferredOutpostArns: outposts are')
  const replicas = wholeNumber('NewReplicaCount', config.NewReplicaCount, 0, mostReplicas)
  if (replicas === undefined) throw invalidValue('The parameter NewReplicaCount must be provided for each node group.')
  const zones = config.PreferredAvailabilityZones ?? []
  if (zones.length > 0 && zones.length !== replicas + 1) {
    throw invalidCombination(
      `PreferredAvailabilityZones must name ${replicas + 1} zones, one for each node with the primary, found ${zones.length}.`,
    )
  }
  return { shard, replicas, zones: zones.length === 0 ? null : zones }
}

/** What the request says of each shard; null where it gives no number. Throws `…Value…` and `…Combination…`. */
export const replicaTargets = (spec: GroupSpec, input: Input): readonly ShardTarget[] | null => {
  const replicas = wholeNumber('NewReplicaCount', input.NewReplicaCount, 0, mostReplicas)
  const configurations = input.ReplicaConfiguration ?? []
  if (replicas !== undefined && configurations.length > 0) {
    throw invalidCombination('NewReplicaCount and ReplicaConfiguration cannot be given together.')
  }
  if (replicas !== undefined) return spec.shards.map((shard) => ({ shard, replicas, zones: null }))
  if (configurations.length === 0) return null
  const targets = configurations.map((config) => configured(spec, config))
  if (new Set(targets.map((target) => target.shard.id)).size !== targets.length) {
    throw invalidCombination('ReplicaConfiguration names a node group more than once.')
  }
  return targets
}

/** The zones of `wanted` that no node of the shard takes: those of the new nodes. Throws where a node stands in a zone that is not in it. */
export const zonesLeft = (shard: ShardSpec, wanted: readonly string[]): readonly string[] => {
  const left = [...wanted]
  for (const node of shard.nodes) {
    const index = left.indexOf(node.zone)
    if (index < 0) {
      throw invalidCombination(
        `PreferredAvailabilityZones must name the zones of the present nodes too: ${node.clusterId} is in ${node.zone}.`,
      )
    }
    left.splice(index, 1)
  }
  return left
}

/** The spec with other nodes in some shards. */
export const withNodes = (spec: GroupSpec, nodes: ReadonlyMap<string, ShardSpec['nodes']>): GroupSpec => ({
  ...spec,
  shards: spec.shards.map((shard) => ({ ...shard, nodes: nodes.get(shard.id) ?? shard.nodes })),
})
