/** Adding and removing nodes of a Memcached cluster: which nodes it has after ModifyCacheCluster. */
import type { ModifyCacheClusterMessage } from '@aws-sdk/client-elasticache'
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import type { GroupSpec, NodeSpec } from '../../../../model/group.ts'
import { checkMemcachedNodes } from '../../../../model/quotas.ts'
import type { Condition } from '../../../../ports/store.ts'
import type { ActionContext } from '../../../action.ts'
import type { StoredGroup } from '../groups/find.ts'
import { joiningNodes } from '../groups/new-nodes.ts'
import { subnetGroupFor } from '../groups/references.ts'
import { roomForNodes } from '../groups/region.ts'
import { checkZones, zonesUp } from '../groups/zones.ts'
import { zoneMode } from './node-zones.ts'

type Input = Pick<ModifyCacheClusterMessage, 'NumCacheNodes' | 'CacheNodeIdsToRemove' | 'AZMode' | 'NewAvailabilityZones'>

export interface NodeChange {
  /** The whole new list; null: the request says nothing about it. */
  readonly nodes: readonly NodeSpec[] | null
  readonly conditions: readonly Condition[]
}

const removed = (base: readonly NodeSpec[], ids: readonly string[], count: number): readonly NodeSpec[] => {
  const gone = new Set(ids)
  if (gone.size !== count || ids.length !== count) {
    throw invalidCombination(
      `CacheNodeIdsToRemove must name ${count} cache nodes for the new NumCacheNodes, found ${ids.length}.`,
    )
  }
  const unknown = ids.find((id) => !base.some((node) => node.cacheNodeId === id))
  if (unknown !== undefined) {
    throw invalidValue(
      `Cache node ${unknown.slice(0, 40)} is not in the cache cluster; its nodes are ${base.map((node) => node.cacheNodeId).join(', ')}.`,
    )
  }
  return base.filter((node) => !gone.has(node.cacheNodeId))
}

/** The zones for new nodes. Where nothing is said they go on as the cluster stands: in its one zone, or spread. */
const zonesForNew = (input: Input, base: readonly NodeSpec[], count: number): readonly (string | undefined)[] => {
  const named = input.NewAvailabilityZones ?? []
  const mode = zoneMode(input.AZMode)
  const present = new Set(base.map((node) => node.zone))
  if (named.length > 0 && named.length !== count) {
    throw invalidCombination(`NewAvailabilityZones names ${named.length} zones for ${count} new cache nodes.`)
  }
  if (mode === 'single-az' && new Set([...present, ...named]).size > 1) {
    throw invalidCombination(
      'AZMode=single-az contradicts NewAvailabilityZones, which would spread the cluster over several availability zones.',
    )
  }
  if (named.length > 0) return named
  const spread = mode === 'cross-az' || (mode === undefined && present.size > 1)
  return Array.from({ length: count }, () => (spread ? undefined : base[0]?.zone))
}

const added = async (
  context: ActionContext,
  group: StoredGroup,
  input: Input,
  base: readonly NodeSpec[],
  count: number,
): Promise<NodeChange> => {
  const spec = group.spec.value
  const [shard] = spec.shards
  if (shard === undefined) return { nodes: null, conditions: [] }
  checkMemcachedNodes(base.length + count)
  const subnetGroup = await subnetGroupFor(context, spec.subnetGroup ?? undefined)
  const wanted = zonesForNew(input, base, count)
  checkZones(subnetGroup.value, wanted)
  const nodes = joiningNodes({
    spec,
    state: group.state?.value ?? null,
    shard,
    present: base,
    wanted,
    zones: await zonesUp(context, subnetGroup.value, wanted),
    load: await roomForNodes(context, count),
    now: context.clock.now(),
    isTaken: () => false,
  })
  return { nodes: [...base, ...nodes], conditions: subnetGroup.conditions }
}

const checkMode = (input: Input, present: readonly NodeSpec[]): void => {
  const mode = zoneMode(input.AZMode)
  if (mode === 'single-az' && new Set(present.map((node) => node.zone)).size > 1) {
    throw invalidCombination('AZMode=single-az cannot be given: the cluster has cache nodes in different availability zones.')
  }
}

/**
 * The nodes that the request asks for. Nodes that wait to be added count as there; a removal that waits is forgotten, and so is all
 * that waits when the present number is asked for.
 */
export const changedNodes = async (context: ActionContext, group: StoredGroup, input: Input): Promise<NodeChange> => {
  const spec: GroupSpec = group.spec.value
  const current = spec.shards[0]?.nodes ?? []
  const waiting = spec.pending?.memcachedNodes ?? current
  const base = waiting.length > current.length ? waiting : current
  const count = input.NumCacheNodes
  const ids = input.CacheNodeIdsToRemove ?? []
  const zones = input.NewAvailabilityZones ?? []
  checkMode(input, current)
  if (count !== undefined && (!Number.isInteger(count) || count < 1)) {
    throw invalidValue(`Invalid value for NumCacheNodes: must be a whole number from 1 on, found ${count}.`)
  }
  if (zones.length > 0 && (count === undefined || count <= base.length)) {
    throw invalidCombination('NewAvailabilityZones can be given only where NumCacheNodes adds nodes.')
  }
  if (ids.length > 0 && (count === undefined || count >= base.length)) {
    throw invalidCombination('CacheNodeIdsToRemove can be given only where NumCacheNodes takes nodes away.')
  }
  if (count === undefined) return { nodes: null, conditions: [] }
  if (count > base.length) return added(context, group, input, base, count - base.length)
  if (count === current.length && ids.length === 0) return { nodes: current, conditions: [] }
  return { nodes: count === base.length ? base : removed(base, ids, base.length - count), conditions: [] }
}
