/**
 * CreateReplicationGroup with PrimaryClusterId: a single node that stands already becomes the primary of a new group without
 * cluster mode, and keeps its name, its address, its process and its data.
 *
 * Both records of the cluster move to the new name in one transaction. This is the one place where the API writes a state, which
 * belongs to the controller. It is safe because the move is made on the condition that neither record has changed: a controller
 * that is at work on the cluster finds its next write refused, looks again, and sees that the cluster is gone; and it starts no process
 * without a write before. The controller of the new group takes up the node where it stands.
 */
import type { CreateReplicationGroupMessage, CreateReplicationGroupResult } from '@aws-sdk/client-elasticache'
import { Fault, invalidCombination, invalidValue } from '../../../../errors.ts'
import type { GroupSpec, GroupState, NodeState } from '../../../../model/group.ts'
import { addressKey, groupName, specKey, stateKey } from '../../../../model/keys.ts'
import { replicationGroupId } from '../../../../model/names.ts'
import type { AddressOwner, ClusterIndex } from '../../../../model/records.ts'
import { checkTags } from '../../../../model/tags.ts'
import { absent, put, remove, unchanged } from '../../../../ports/records.ts'
import type { Condition } from '../../../../ports/store.ts'
import type { ActionContext } from '../../../action.ts'
import { untilWritten, write } from '../../../writing.ts'
import { checkSameEngine, durabilityOf } from '../groups/engine.ts'
import { findCacheCluster, type StoredCluster } from '../groups/find.ts'
import { checkGroupFree } from '../groups/free.ts'
import { requireAvailableCluster } from '../groups/guards.ts'
import { changedLabels } from '../groups/labels.ts'
import { changedLogDelivery } from '../groups/log-delivery.ts'
import { type SecurityGroupChange, wantedSecurityGroups } from '../groups/security-groups.ts'
import { descriptionText } from '../groups/values.ts'
import { tellWithoutEffect } from '../groups/without-effect.ts'
import { replicationGroupView } from '../views/replication-group.ts'
import { checkFailover } from './failover.ts'

type Input = CreateReplicationGroupMessage

/** What the cluster is, the group will be: a request may repeat it, and not change it. */
const checkRepeated = (input: Input, single: GroupSpec): void => {
  checkSameEngine(single, input.Engine, input.EngineVersion)
  const repeated: readonly (readonly [name: string, asked: string | number | undefined, present: string | number])[] = [
    ['CacheNodeType', input.CacheNodeType, single.nodeType],
    ['CacheParameterGroupName', input.CacheParameterGroupName?.toLowerCase(), single.parameterGroup],
    ['CacheSubnetGroupName', input.CacheSubnetGroupName?.toLowerCase(), single.subnetGroup ?? 'default'],
    ['Port', input.Port, single.port],
    ['NumCacheClusters', input.NumCacheClusters, 1],
    ['NumNodeGroups', input.NumNodeGroups, 1],
    ['ReplicasPerNodeGroup', input.ReplicasPerNodeGroup, 0],
    ['ClusterMode', input.ClusterMode, 'disabled'],
  ]
  for (const [name, asked, present] of repeated) {
    if (asked === undefined || asked === '' || asked === present) continue
    throw invalidCombination(
      `${name}=${asked} contradicts PrimaryClusterId: the group takes over what the cluster has, ${present}.`,
    )
  }
  // How data are stored is chosen when the first node is made.
  for (const name of ['AtRestEncryptionEnabled', 'KmsKeyId', 'DataTieringEnabled'] as const)
    if (input[name]) throw invalidCombination(`${name} cannot be given with PrimaryClusterId: the cluster has none.`)
  if ((input.NodeGroupConfiguration ?? []).length > 0 || (input.PreferredCacheClusterAZs ?? []).length > 0) {
    throw invalidCombination('NodeGroupConfiguration and PreferredCacheClusterAZs cannot be given with PrimaryClusterId.')
  }
}

const primaryOf = (cluster: StoredCluster): NodeState => {
  const node = cluster.state?.value.nodes[cluster.clusterId]
  if (node?.process != null && !node.starting) return node
  throw new Fault(
    'InvalidCacheClusterStateFault',
    `Cache cluster ${cluster.clusterId} is not in the available state; it is being restarted.`,
  )
}

const checkCandidate = (cluster: StoredCluster): void => {
  const { kind, id } = cluster.spec.value
  if (kind === 'memcached')
    throw invalidValue('PrimaryClusterId: replication groups are for Valkey and Redis OSS, found a Memcached cluster.')
  if (kind !== 'single')
    throw invalidValue(`PrimaryClusterId: ${cluster.clusterId} already belongs to the replication group ${id}.`)
  requireAvailableCluster(cluster)
}

const movedSpec = (
  context: ActionContext,
  input: Input,
  id: string,
  single: GroupSpec,
  securityGroups: SecurityGroupChange,
): GroupSpec => {
  const description = descriptionText('ReplicationGroupDescription', input.ReplicationGroupDescription)
  const { logDelivery, ...labels } = single.labels
  return {
    ...single,
    space: 'rg',
    id,
    kind: 'cmd',
    automaticFailover: input.AutomaticFailoverEnabled ?? false,
    multiAz: input.MultiAZEnabled ?? false,
    durability: durabilityOf(single.engine, single.engineVersion, input.Durability),
    labels: {
      ...changedLabels(labels, input, `${single.region}/${single.id}`, false),
      ...changedLogDelivery(logDelivery === undefined ? {} : { logDelivery }, { ...input, ApplyImmediately: true }, single),
      ...securityGroups.labels,
      description,
    },
    tags: checkTags([], input.Tags ?? []),
    pending: null,
    createdAt: context.clock.now(),
    generation: 1,
  }
}

const movedState = (state: GroupState, spec: GroupSpec): GroupState => ({
  ...state,
  space: spec.space,
  id: spec.id,
  status: 'creating',
  reason: null,
  generation: 0,
})

const move = async (
  context: ActionContext,
  cluster: StoredCluster,
  spec: GroupSpec,
  conditions: readonly Condition[],
): Promise<GroupState | null> => {
  const node = primaryOf(cluster)
  if (cluster.state === null) return null
  const state = movedState(cluster.state.value, spec)
  // Tags of the cluster stay its own: those of the group are others.
  const index: ClusterIndex = { space: 'rg', id: spec.id, tags: cluster.spec.value.tags }
  const owner: AddressOwner = { group: groupName(spec), use: node.id }
  const written = await write(
    context,
    [
      ...[unchanged(cluster.spec), unchanged(cluster.state), unchanged(cluster.index)],
      ...[absent(specKey(spec)), absent(stateKey(spec)), ...conditions],
    ],
    [
      remove(cluster.spec.key),
      remove(cluster.state.key),
      put(specKey(spec), spec),
      put(stateKey(spec), state),
      put(cluster.index.key, index),
      put(addressKey(node.address), owner),
    ],
    tellWithoutEffect(context, cluster.spec.value, spec),
  )
  return written ? state : null
}

export const createFromCluster = (input: Input, context: ActionContext): Promise<CreateReplicationGroupResult> =>
  untilWritten(`replication group ${input.ReplicationGroupId}`, async () => {
    const id = replicationGroupId(input.ReplicationGroupId)
    await checkGroupFree(context, id)
    const cluster = await findCacheCluster(context, input.PrimaryClusterId)
    checkCandidate(cluster)
    checkRepeated(input, cluster.spec.value)
    const { CacheSubnetGroupName: _same, ...rest } = input
    const securityGroups = await wantedSecurityGroups(context, rest, cluster.spec.value.labels)
    const spec = movedSpec(context, input, id, cluster.spec.value, securityGroups)
    checkFailover(spec)
    const state = await move(context, cluster, spec, securityGroups.conditions)
    return state === null ? null : { ReplicationGroup: replicationGroupView({ spec, state }, context.account) }
  })
