import type { ModifyReplicationGroupMessage, ModifyReplicationGroupResult } from '@aws-sdk/client-elasticache'
import { reducePending, withPending } from '../../../../decide/pending.ts'
import { servingEvents } from '../../../../decide/serving.ts'
import { invalidCombination } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import { clusterEvents, type Happening, replicationGroupEvents } from '../../../../model/events.ts'
import type { GroupLabels, GroupSpec, PendingChange, ShardSpec } from '../../../../model/group.ts'
import { type GroupRecords, primaryOf } from '../../../../model/members.ts'
import type { Condition } from '../../../../ports/store.ts'
import type { Action, ActionContext } from '../../../action.ts'
import { untilWritten } from '../../../writing.ts'
import { changedAuth } from '../groups/auth.ts'
import { changedDurability } from '../groups/engine.ts'
import { changedEngine } from '../groups/engine-change.ts'
import { cacheClusterNotFound, findReplicationGroup, recordsOf } from '../groups/find.ts'
import { requireAvailableGroup } from '../groups/guards.ts'
import { changedLabels } from '../groups/labels.ts'
import { changedLogDelivery } from '../groups/log-delivery.ts'
import { scaledNodeType } from '../groups/node-types.ts'
import { notYet, refuseNotYet } from '../groups/not-yet.ts'
import { isClustered, otherParameterGroupFor } from '../groups/references.ts'
import { wantedSecurityGroups } from '../groups/security-groups.ts'
import { changedTransit } from '../groups/transit.ts'
import { changedUserGroup, leavesUserGroup } from '../groups/user-groups.ts'
import { descriptionText, oneOf } from '../groups/values.ts'
import { clusterIdsOf, writeChangedGroup } from '../groups/write-group.ts'
import { replicationGroupView } from '../views/replication-group.ts'
import { checkFailover, checkFailoverType, checkShardReplicas } from './failover.ts'

type Input = ModifyReplicationGroupMessage

const memberNamed = (spec: GroupSpec, value: string): string => {
  const id = value.toLowerCase()
  if (!clusterIdsOf(spec).includes(id)) throw cacheClusterNotFound(value)
  return id
}

/** The shard with the switch that PrimaryClusterId asks for. To ask for the present primary changes nothing. */
const shardsWithPrimary = (group: GroupRecords, value: string | undefined): readonly ShardSpec[] => {
  const { spec, state } = group
  if (!value) return spec.shards
  if (spec.kind === 'cme')
    throw invalidCombination('PrimaryClusterId can be given only for replication groups with a single primary.')
  const id = memberNamed(spec, value)
  return spec.shards.map((shard) => {
    const present = state?.shards[shard.id]
    if (present === undefined || primaryOf(group, shard.id) === id) return shard
    if (state?.nodes[id]?.joined !== true)
      throw invalidCombination(`${id} has not copied the data of the primary yet; it can be promoted when it is available.`)
    return { ...shard, wantedPrimary: { id, epoch: present.epoch } }
  })
}

const checkClusterMode = (spec: GroupSpec, value: string | undefined): void => {
  const wanted = oneOf('ClusterMode', value, ['enabled', 'disabled', 'compatible'] as const)
  if (wanted !== undefined && wanted !== spec.clusterMode)
    throw notYet(`ClusterMode: a change from ${spec.clusterMode} to ${wanted} is`)
}

const snapshotting = (
  spec: GroupSpec,
  { SnapshottingClusterId: value, SnapshotRetentionLimit: days = 0 }: Input,
): string | null => {
  const { snapshottingCluster: present } = spec.labels
  if (value && spec.kind === 'cme') throw awsTexts.snapshottingClusterOfShards()
  const id = value ? value.toLowerCase() : present
  if (value && !clusterIdsOf(spec).includes(value.toLowerCase())) throw awsTexts.snapshottingClusterUnknown()
  if (spec.kind === 'cmd' && id === null && days > 0) throw awsTexts.snapshotsNeedCluster()
  return id
}

const labelsOf = ({ logDelivery, ...labels }: GroupLabels, spec: GroupSpec, input: Input): GroupLabels => ({
  ...changedLabels(labels, input, `${spec.region}/${spec.id}`, false),
  ...changedLogDelivery(logDelivery === undefined ? {} : { logDelivery }, input, spec),
  ...(input.ReplicationGroupDescription
    ? { description: descriptionText('ReplicationGroupDescription', input.ReplicationGroupDescription) }
    : {}),
  snapshottingCluster: snapshotting(spec, input),
})

interface ParameterGroupChange {
  readonly name: string
  readonly conditions: readonly Condition[]
}

const parameterGroupOf = async (
  context: ActionContext,
  spec: GroupSpec,
  name: string | undefined,
): Promise<ParameterGroupChange> => {
  if (!name || name.toLowerCase() === spec.parameterGroup) return { name: spec.parameterGroup, conditions: [] }
  const { value, conditions } = await otherParameterGroupFor(context, name, spec.engine, spec.engineVersion)
  if (isClustered(value) !== (spec.kind === 'cme')) throw awsTexts.clusterModeDiffers()
  return { name: value.name, conditions }
}

/** What AWS puts off to the maintenance window unless ApplyImmediately is given: all that is about the nodes and their roles. */
const deferrable = (spec: GroupSpec, input: Input): PendingChange => {
  const nodeType = scaledNodeType(spec.nodeType, input.CacheNodeType)
  return {
    ...(nodeType === null ? {} : { nodeType }),
    ...(input.AutomaticFailoverEnabled === undefined ? {} : { automaticFailover: input.AutomaticFailoverEnabled }),
    ...(input.MultiAZEnabled === undefined ? {} : { multiAz: input.MultiAZEnabled }),
  }
}

const eventsOf = (before: GroupSpec, after: GroupSpec): readonly Happening[] => {
  const events = replicationGroupEvents(after.region, after.id)
  const failover = after.automaticFailover ? events.automaticFailoverOn() : events.automaticFailoverOff()
  return [
    ...(before.automaticFailover === after.automaticFailover ? [] : [failover]),
    ...(before.parameterGroup === after.parameterGroup
      ? []
      : clusterIdsOf(after).map((id) => clusterEvents(after.region, id).usesParameterGroup(after.parameterGroup))),
  ]
}

const refuseEmpty = (input: Input): void => {
  const { ReplicationGroupId: _id, ApplyImmediately: _when, NodeGroupId: _unused, ...rest } = input
  if (Object.values(rest).some((value) => value !== undefined) || input.ApplyImmediately === true) return
  throw awsTexts.noModifications()
}

/**
 * Labels and the parameter group change at once, as on AWS. The node type, failover and Multi-AZ wait for the maintenance window,
 * unless ApplyImmediately is given; then all that is pending is carried out with them. A later request replaces a pending one.
 */
export const modifyReplicationGroup: Action<Input, ModifyReplicationGroupResult> = (input, context) =>
  untilWritten(`replication group ${input.ReplicationGroupId}`, async () => {
    const group = await findReplicationGroup(context, input.ReplicationGroupId)
    const { AuthToken: _token, AuthTokenUpdateStrategy: _strategy, ...rest } = input
    const { TransitEncryptionEnabled: _enabled, TransitEncryptionMode: _mode, ...visible } = rest
    const { UserGroupIdsToAdd: _added, UserGroupIdsToRemove: _removed, RemoveUserGroups: _all, ...others } = visible
    refuseNotYet(others)
    refuseEmpty(input)
    requireAvailableGroup(group)
    const before = group.spec.value
    const shards = shardsWithPrimary(recordsOf(group), input.PrimaryClusterId)
    checkClusterMode(before, input.ClusterMode)
    const engine = await changedEngine(context, group, input)
    const named = engine.takesParameterGroup ? undefined : input.CacheParameterGroupName
    const parameterGroup = await parameterGroupOf(context, before, named)
    const securityGroups = await wantedSecurityGroups(context, input, before.labels)
    const pending = reducePending(before, { ...before.pending, ...deferrable(before, input), ...engine.pending })
    const { transitEncryption: _transit, auth: _auth, userGroup: _users, ...unchanged } = before
    const staying = before.userGroup !== undefined && !leavesUserGroup(before, input)
    const transit = changedTransit(before, input, staying)
    const auth = changedAuth(before, input, context.clock.now())
    const users = await changedUserGroup(context, before, { ...unchanged, ...transit, ...auth }, input)
    const changed: GroupSpec = {
      ...unchanged,
      shards,
      ...transit,
      ...auth,
      ...(users.userGroup === undefined ? {} : { userGroup: users.userGroup }),
      labels: { ...labelsOf(before.labels, before, input), ...securityGroups.labels },
      parameterGroup: parameterGroup.name,
      durability: changedDurability(before, input.Durability),
      pending,
    }
    // What will be in the end must be allowed, whenever that is.
    if (input.AutomaticFailoverEnabled !== undefined || input.MultiAZEnabled !== undefined) checkFailover(withPending(changed))
    if (input.AutomaticFailoverEnabled === true) checkShardReplicas(before)
    if (input.CacheNodeType) checkFailoverType(withPending(changed))
    const spec = input.ApplyImmediately === true ? withPending(changed) : changed
    const written = await writeChangedGroup(context, group, {
      spec,
      conditions: [...engine.conditions, ...parameterGroup.conditions, ...securityGroups.conditions, ...users.conditions],
      operations: users.operations,
      events: [...eventsOf(before, spec), ...servingEvents(context.catalog.list(), before, spec)],
    })
    return written === null ? null : { ReplicationGroup: replicationGroupView(recordsOf(written), context.account) }
  })
