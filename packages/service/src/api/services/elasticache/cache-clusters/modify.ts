import type { ModifyCacheClusterMessage, ModifyCacheClusterResult } from '@aws-sdk/client-elasticache'
import { reducePending, withPending } from '../../../../decide/pending.ts'
import { servingEvents } from '../../../../decide/serving.ts'
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import { clusterEvents, type Happening } from '../../../../model/events.ts'
import type { GroupSpec } from '../../../../model/group.ts'
import type { Condition } from '../../../../ports/store.ts'
import type { Action, ActionContext } from '../../../action.ts'
import { untilWritten } from '../../../writing.ts'
import { changedEngine } from '../groups/engine-change.ts'
import { findCacheCluster, recordsOf, type StoredGroup } from '../groups/find.ts'
import { requireAvailableCluster } from '../groups/guards.ts'
import { changedLabels } from '../groups/labels.ts'
import { changedLogDelivery } from '../groups/log-delivery.ts'
import { changedMemcachedAuth } from '../groups/memcached-auth.ts'
import { scaledNodeType } from '../groups/node-types.ts'
import { refuseNotYet } from '../groups/not-yet.ts'
import { isClustered, otherParameterGroupFor } from '../groups/references.ts'
import { wantedSecurityGroups } from '../groups/security-groups.ts'
import { nodesOf, writeChangedGroup } from '../groups/write-group.ts'
import { cacheClusterView } from '../views/cache-cluster.ts'
import { changedNodes, type NodeChange } from './memcached-nodes.ts'
import { zoneMode } from './node-zones.ts'

type Input = ModifyCacheClusterMessage

/** Valkey and Redis OSS: one node, which nothing can be added to or taken from. */
const refuseNodeChange = (input: Input): NodeChange => {
  if (input.NumCacheNodes !== undefined && input.NumCacheNodes !== 1) {
    throw invalidValue(
      `Invalid value for NumCacheNodes: must be 1 for clusters that run Valkey or Redis OSS, found ${input.NumCacheNodes}.`,
    )
  }
  if (
    zoneMode(input.AZMode) === 'cross-az' ||
    (input.NewAvailabilityZones ?? []).length > 0 ||
    (input.CacheNodeIdsToRemove ?? []).length > 0
  ) {
    throw invalidCombination('AZMode=cross-az, NewAvailabilityZones and CacheNodeIdsToRemove can be given only for Memcached.')
  }
  return { nodes: null, conditions: [] }
}

interface Draft {
  readonly spec: GroupSpec
  readonly conditions: readonly Condition[]
}

const parameterGroupOf = async (
  context: ActionContext,
  spec: GroupSpec,
  name: string | undefined,
): Promise<{ readonly name: string; readonly conditions: readonly Condition[] }> => {
  if (!name || name.toLowerCase() === spec.parameterGroup) return { name: spec.parameterGroup, conditions: [] }
  const { value, conditions } = await otherParameterGroupFor(context, name, spec.engine, spec.engineVersion)
  if (isClustered(value)) throw awsTexts.clusterModeDiffers()
  return { name: value.name, conditions }
}

const authOf = (context: ActionContext, before: GroupSpec, input: Input): Pick<GroupSpec, 'auth'> => {
  if (before.kind === 'memcached') return changedMemcachedAuth(context, before, input)
  if (input.AuthToken !== undefined || input.AuthTokenUpdateStrategy !== undefined)
    throw invalidCombination('AuthToken of Valkey and Redis OSS belongs to a replication group; use ModifyReplicationGroup.')
  return before.auth === undefined ? {} : { auth: before.auth }
}

/** The spec with everything that was asked for: at once, or pending. */
const draft = async (context: ActionContext, group: StoredGroup, input: Input): Promise<Draft> => {
  const before = group.spec.value
  const engine = await changedEngine(context, group, input)
  const change = before.kind === 'memcached' ? await changedNodes(context, group, input) : refuseNodeChange(input)
  const nodeType = scaledNodeType(before.nodeType, input.CacheNodeType)
  const named = engine.takesParameterGroup ? undefined : input.CacheParameterGroupName
  const parameterGroup = await parameterGroupOf(context, before, named)
  const securityGroups = await wantedSecurityGroups(context, input, before.labels)
  const { logDelivery, ...labels } = before.labels
  const spec: GroupSpec = {
    ...before,
    ...authOf(context, before, input),
    labels: {
      ...changedLabels(labels, input, `${before.region}/${before.id}`, before.kind === 'memcached'),
      ...changedLogDelivery(logDelivery === undefined ? {} : { logDelivery }, input, before),
      ...securityGroups.labels,
    },
    parameterGroup: parameterGroup.name,
    pending: reducePending(before, {
      ...before.pending,
      ...(nodeType === null ? {} : { nodeType }),
      ...(change.nodes === null ? {} : { memcachedNodes: change.nodes }),
      ...engine.pending,
    }),
  }
  return {
    spec: input.ApplyImmediately === true ? withPending(spec) : spec,
    conditions: [...engine.conditions, ...change.conditions, ...parameterGroup.conditions, ...securityGroups.conditions],
  }
}

const eventsOf = (before: GroupSpec, after: GroupSpec): readonly Happening[] => {
  const events = clusterEvents(after.region, after.id)
  const difference = nodesOf(after).length - nodesOf(before).length
  return [
    ...(before.parameterGroup === after.parameterGroup ? [] : [events.usesParameterGroup(after.parameterGroup)]),
    ...(difference > 0 ? [events.nodesIncreasing()] : []),
    ...(difference < 0 ? [events.nodesDecreasing()] : []),
  ]
}

/** The nodes of a replication group are all alike: what changes one changes all. */
const checkMember = (before: GroupSpec, after: GroupSpec): void => {
  // To ask for what is so anyway is no change.
  const { minorUpgradesAsked: _asked, ...labels } = after.labels
  const asked = before.labels.minorUpgradesAsked
  const same = { ...after, labels: asked === undefined ? labels : { ...labels, minorUpgradesAsked: asked } }
  if (JSON.stringify(before) === JSON.stringify(same)) return
  throw invalidCombination(
    `The cache cluster belongs to the replication group ${before.id}; use ModifyReplicationGroup, which changes all its nodes.`,
  )
}

/**
 * Labels and the parameter group change at once, as on AWS. The node type and the number of nodes wait for the maintenance window,
 * unless ApplyImmediately is given; then all that is pending is carried out with them.
 */
export const modifyCacheCluster: Action<Input, ModifyCacheClusterResult> = (input, context) =>
  untilWritten(`cache cluster ${input.CacheClusterId}`, async () => {
    const cluster = await findCacheCluster(context, input.CacheClusterId)
    const { AuthToken: _token, AuthTokenUpdateStrategy: _strategy, ...others } = input
    refuseNotYet(others)
    requireAvailableCluster(cluster)
    const before = cluster.spec.value
    const { spec, conditions } = await draft(context, cluster, input)
    const isMember = before.space === 'rg'
    if (isMember) checkMember(before, spec)
    const change = isMember
      ? { spec: before }
      : { spec, conditions, events: [...eventsOf(before, spec), ...servingEvents(context.catalog.list(), before, spec)] }
    const written = await writeChangedGroup(context, cluster, change)
    return written === null
      ? null
      : { CacheCluster: cacheClusterView(recordsOf(written), cluster.clusterId, context.account, true) }
  })
