/** Are the names of a new group free? The write makes sure of it once more. */
import { Fault } from '../../../../errors.ts'
import type { GroupSpec } from '../../../../model/group.ts'
import { clusterKey, specKey } from '../../../../model/keys.ts'
import type { ActionContext } from '../../../action.ts'

/** Throws `ReplicationGroupAlreadyExistsFault`, also where a group of this name is being deleted. */
export const checkGroupFree = async (context: ActionContext, id: string): Promise<void> => {
  if ((await context.store.get(specKey({ region: context.region, space: 'rg', id }))) === null) return
  throw new Fault('ReplicationGroupAlreadyExistsFault', `Replication group ${id} already exists.`)
}

/** Cache clusters of the region whose names begin so, those that are being deleted too. */
export const clustersNamed = async (context: ActionContext, prefix: string): Promise<ReadonlySet<string>> => {
  const root = clusterKey(context.region, '')
  const { entries } = await context.store.list(`${root}${prefix}`)
  return new Set(entries.map((entry) => entry.key.slice(root.length)))
}

const taken = (id: string): Fault => new Fault('CacheClusterAlreadyExistsFault', `Cache cluster ${id} already exists.`)

/** Throws `CacheClusterAlreadyExistsFault`. */
export const checkClusterFree = async (context: ActionContext, id: string): Promise<void> => {
  if ((await context.store.get(clusterKey(context.region, id))) !== null) throw taken(id)
}

/** Throws `CacheClusterAlreadyExistsFault` where another cluster has a name that a node of this new group would have. */
export const checkMembersFree = async (context: ActionContext, spec: GroupSpec): Promise<void> => {
  const present = await clustersNamed(context, `${spec.id}-`)
  const clash = spec.shards.flatMap((shard) => shard.nodes).find((node) => present.has(node.clusterId))
  if (clash !== undefined) throw taken(clash.clusterId)
}
