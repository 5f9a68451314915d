import type { Happening } from '../../../../model/events.ts'
import type { GroupSpec, NodeSpec } from '../../../../model/group.ts'
import { clusterKey, groupName, specKey } from '../../../../model/keys.ts'
import type { ClusterIndex } from '../../../../model/records.ts'
import { absent, put, unchanged } from '../../../../ports/records.ts'
import type { Condition, Operation } from '../../../../ports/store.ts'
import type { ActionContext } from '../../../action.ts'
import { write } from '../../../writing.ts'
import type { StoredGroup } from './find.ts'
import { tellWithoutEffect } from './without-effect.ts'

export const nodesOf = (spec: GroupSpec): readonly NodeSpec[] => spec.shards.flatMap((shard) => shard.nodes)

/** Each cache cluster of the group once. */
export const clusterIdsOf = (spec: GroupSpec): readonly string[] => [...new Set(nodesOf(spec).map((node) => node.clusterId))]

/** The index entries of cache clusters that are new. Their names must be free: they are unique in the region. */
const indexEntries = (
  spec: GroupSpec,
  clusterIds: readonly string[],
  index: Omit<ClusterIndex, 'space' | 'id'>,
): { readonly conditions: readonly Condition[]; readonly operations: readonly Operation[] } => {
  const entry: ClusterIndex = { space: spec.space, id: spec.id, ...index }
  const keys = clusterIds.map((id) => clusterKey(spec.region, id))
  return { conditions: keys.map(absent), operations: keys.map((key) => put(key, entry)) }
}

/** Writes a group that is new, with the index entries of its cache clusters. False: something was changed meanwhile, look again. */
export const writeNewGroup = async (
  context: ActionContext,
  spec: GroupSpec,
  conditions: readonly Condition[],
  events: readonly Happening[],
  operations: readonly Operation[] = [],
): Promise<boolean> => {
  const index = indexEntries(spec, clusterIdsOf(spec), {})
  const key = specKey(spec)
  // A group of the same name that comes later has another one.
  const named: GroupSpec =
    spec.engine === 'memcached' ? spec : { ...spec, replicationName: `${groupName(spec)} ${spec.createdAt}` }
  return write(
    context,
    [absent(key), ...index.conditions, ...conditions],
    [put(key, named), ...index.operations, ...operations],
    [...events, ...tellWithoutEffect(context, null, spec)],
  )
}

/** Is there anything in it that a controller must carry out? The rest is only shown. */
const forController = (spec: GroupSpec): string =>
  JSON.stringify([
    spec.engine,
    spec.engineVersion,
    spec.nodeType,
    spec.parameterGroup,
    spec.automaticFailover,
    spec.auth,
    spec.userGroup,
    spec.transitEncryption,
    spec.shards,
    spec.deletion,
  ])

/** The spec as it is to be written: its generation grows by one where a controller has something to do. */
const nextGeneration = (before: GroupSpec, after: GroupSpec): GroupSpec => ({
  ...after,
  generation: before.generation + (forController(before) === forController(after) ? 0 : 1),
})

export interface SpecChange {
  readonly spec: GroupSpec
  readonly conditions?: readonly Condition[]
  readonly operations?: readonly Operation[]
  readonly events?: readonly Happening[]
  /** What the index entries of new cache clusters hold besides. */
  readonly index?: Omit<ClusterIndex, 'space' | 'id'>
}

/**
 * Writes a changed spec over the one that was read; null: something was changed meanwhile, look again. Index entries of new cache
 * clusters are written with it; those of clusters that leave go with the last of their node, which the controller sees to.
 */
export const writeChangedGroup = async (
  context: ActionContext,
  group: StoredGroup,
  change: SpecChange,
): Promise<StoredGroup | null> => {
  const before = group.spec.value
  const spec = nextGeneration(before, change.spec)
  if (JSON.stringify(spec) === JSON.stringify(before)) return group
  const present = new Set(clusterIdsOf(before))
  const index = indexEntries(
    spec,
    clusterIdsOf(spec).filter((id) => !present.has(id)),
    change.index ?? {},
  )
  const written = await write(
    context,
    [unchanged(group.spec), ...index.conditions, ...(change.conditions ?? [])],
    [put(group.spec.key, spec), ...index.operations, ...(change.operations ?? [])],
    [...(change.events ?? []), ...tellWithoutEffect(context, before, spec)],
  )
  return written ? { ...group, spec: { ...group.spec, value: spec } } : null
}
