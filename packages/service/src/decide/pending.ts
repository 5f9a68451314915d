import type { GroupSpec, NodeSpec, PendingChange, ShardSpec } from '../model/group.ts'

/** The spec with its pending changes carried out, and its generation raised; the same spec where nothing is pending. */
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
    parameterGroup: pending.parameterGroup ?? spec.parameterGroup,
    automaticFailover: pending.automaticFailover ?? spec.automaticFailover,
    multiAz: pending.multiAz ?? spec.multiAz,
    shards: spec.shards.map((shard) => ({ ...shard, nodes: nodesOf(shard) })),
    pending: null,
    generation: spec.generation + 1,
  }
}

const sameNodes = (a: readonly NodeSpec[], b: readonly NodeSpec[]): boolean =>
  a.length === b.length && a.every((node, index) => node.id === b[index]?.id)

/** What is left of a pending change once everything is taken out of it that the spec has already: null where that is all. */
export const reducePending = (spec: GroupSpec, change: PendingChange): PendingChange | null => {
  const { nodeType, engine, engineVersion, parameterGroup, automaticFailover, multiAz, memcachedNodes, shardNodes } = change
  const differs = <T>(wanted: T | undefined, present: T): wanted is T => wanted !== undefined && wanted !== present
  const left: PendingChange = {
    ...(differs(nodeType, spec.nodeType) ? { nodeType } : {}),
    ...(differs(engine, spec.engine) ? { engine } : {}),
    ...(differs(engineVersion, spec.engineVersion) ? { engineVersion } : {}),
    ...(differs(parameterGroup, spec.parameterGroup) ? { parameterGroup } : {}),
    ...(differs(automaticFailover, spec.automaticFailover) ? { automaticFailover } : {}),
    ...(differs(multiAz, spec.multiAz) ? { multiAz } : {}),
    ...(memcachedNodes !== undefined && !sameNodes(memcachedNodes, spec.shards[0]?.nodes ?? []) ? { memcachedNodes } : {}),
    ...(shardNodes === undefined ? {} : { shardNodes }),
  }
  return Object.keys(left).length === 0 ? null : left
}
