/** Changes that a modification put off are made part of the spec when the maintenance window opens. */
import type { GroupSpec, NodeSpec, ShardSpec } from '../../model/group.ts'
import { inMaintenanceWindow } from '../../model/windows.ts'
import { put, unchanged, type Versioned } from '../../ports/records.ts'
import type { GroupContext } from './context.ts'

/** The spec with its pending changes carried out. */
export const withPending = (spec: GroupSpec): GroupSpec => {
  const { pending } = spec
  if (pending === null) return spec
  const nodesOf = (shard: ShardSpec): readonly NodeSpec[] =>
    pending.shardNodes?.[shard.id] ?? pending.memcachedNodes ?? shard.nodes
  return {
    ...spec,
    nodeType: pending.nodeType ?? spec.nodeType,
    engine: pending.engine ?? spec.engine,
    engineVersion: pending.engineVersion ?? spec.engineVersion,
    automaticFailover: pending.automaticFailover ?? spec.automaticFailover,
    shards: spec.shards.map((shard) => ({ ...shard, nodes: nodesOf(shard) })),
    pending: null,
    generation: spec.generation + 1,
  }
}

/** True when the spec was changed: read it again. */
export const applyPending = async (context: GroupContext, record: Versioned<GroupSpec>): Promise<boolean> => {
  const spec = record.value
  if (spec.pending === null || spec.deletion !== null) return false
  if (!inMaintenanceWindow(spec.labels.maintenanceWindow, context.clock.now())) return false
  const result = await context.store.transact([unchanged(record)], [put(record.key, withPending(spec))])
  return result.ok
}
