import type { CreateReplicationGroupMessage, CreateReplicationGroupResult } from '@aws-sdk/client-elasticache'
import { placeShards } from '../../../../decide/placement.ts'
import { servingEvents } from '../../../../decide/serving.ts'
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { defaultParameterGroup } from '../../../../model/engine-versions.ts'
import { clusterEvents, type Happening } from '../../../../model/events.ts'
import type { GroupSpec, NodeSpec, ShardSpec } from '../../../../model/group.ts'
import { nodeIds, replicationGroupId } from '../../../../model/names.ts'
import type { SubnetGroupRecord } from '../../../../model/records.ts'
import { checkTags } from '../../../../model/tags.ts'
import type { Condition, Operation } from '../../../../ports/store.ts'
import type { Action, ActionContext } from '../../../action.ts'
import { untilWritten } from '../../../writing.ts'
import { newAtRest, newDataTiering } from '../groups/at-rest.ts'
import { newAuth } from '../groups/auth.ts'
import { type ChosenEngine, durabilityOf, findEngine } from '../groups/engine.ts'
import { checkGroupFree, checkMembersFree } from '../groups/free.ts'
import { newLabels, snapshottingFrom } from '../groups/labels.ts'
import { newLogDelivery } from '../groups/log-delivery.ts'
import { knownNodeType } from '../groups/node-types.ts'
import { notYet, refuseNotYet } from '../groups/not-yet.ts'
import { isClustered, parameterGroupFor, subnetGroupFor } from '../groups/references.ts'
import { roomForNodes } from '../groups/region.ts'
import { wantedSecurityGroups } from '../groups/security-groups.ts'
import { newTransit } from '../groups/transit.ts'
import { newUserGroup } from '../groups/user-groups.ts'
import { descriptionText, oneOf, portNumber } from '../groups/values.ts'
import { clusterIdsOf, writeNewGroup } from '../groups/write-group.ts'
import { checkZones, zonesUp } from '../groups/zones.ts'
import { replicationGroupView } from '../views/replication-group.ts'
import { checkFailover } from './failover.ts'
import { createFromCluster } from './from-cluster.ts'
import { checkUnclustered, type ShardShape, shapeOf, slotsOf } from './shape.ts'

type Input = CreateReplicationGroupMessage

interface Mode {
  readonly clustered: boolean
  readonly parameterGroup: string
  readonly conditions: readonly Condition[]
}

/** Cluster mode follows from the parameter group; without one from `ClusterMode`, and from the number of shards. */
const modeOf = async (
  context: ActionContext,
  input: Input,
  engine: ChosenEngine,
  shards: readonly ShardShape[],
): Promise<Mode> => {
  const wanted = oneOf('ClusterMode', input.ClusterMode, ['enabled', 'disabled', 'compatible'] as const)
  if (wanted === 'compatible') throw notYet('ClusterMode=compatible is')
  const usual = defaultParameterGroup(
    engine.engine,
    engine.version,
    wanted === 'enabled' || (wanted === undefined && shards.length > 1),
  )
  const { value, conditions } = await parameterGroupFor(
    context,
    input.CacheParameterGroupName || usual,
    engine.engine,
    engine.version,
  )
  const clustered = isClustered(value)
  if (wanted !== undefined && clustered !== (wanted === 'enabled')) {
    throw invalidCombination(
      `ClusterMode=${wanted} contradicts the parameter group ${value.name}, whose cluster-enabled is ${clustered ? 'yes' : 'no'}.`,
    )
  }
  if (!clustered) checkUnclustered(shards)
  return { clustered, parameterGroup: value.name, conditions }
}

const failoverOf = (input: Input, clustered: boolean): boolean => {
  if (clustered && input.AutomaticFailoverEnabled === false) {
    throw invalidValue('Redis with cluster mode enabled cannot be created with auto failover turned off.')
  }
  return input.AutomaticFailoverEnabled ?? clustered
}

const shardSpecs = async (
  context: ActionContext,
  group: Pick<GroupSpec, 'id' | 'kind' | 'createdAt'>,
  shapes: readonly ShardShape[],
  subnetGroup: SubnetGroupRecord,
): Promise<readonly ShardSpec[]> => {
  checkZones(
    subnetGroup,
    shapes.flatMap((shape) => shape.zones),
  )
  const load = await roomForNodes(
    context,
    shapes.reduce((sum, shape) => sum + shape.nodes, 0),
  )
  const placed = placeShards(
    await zonesUp(
      context,
      subnetGroup,
      shapes.flatMap((shape) => shape.zones),
    ),
    load,
    shapes.map((shape) => ({ nodes: shape.nodes, wanted: shape.zones })),
  )
  const slots = group.kind === 'cme' ? slotsOf(shapes) : []
  return shapes.map((shape, index): ShardSpec => {
    const nodes = (placed[index] ?? []).map(
      (zone, ordinal): NodeSpec => ({ ...nodeIds(group, shape.id, ordinal + 1), zone, createdAt: group.createdAt, reboots: 0 }),
    )
    return { id: shape.id, slots: slots[index] ?? [], nodes, wantedPrimary: null }
  })
}

interface Draft {
  readonly spec: GroupSpec
  readonly conditions: readonly Condition[]
  readonly operations: readonly Operation[]
}

const draft = async (context: ActionContext, input: Input): Promise<Draft> => {
  const id = replicationGroupId(input.ReplicationGroupId)
  await checkGroupFree(context, id)
  const description = descriptionText('ReplicationGroupDescription', input.ReplicationGroupDescription)
  const engine = findEngine(context, oneOf('Engine', input.Engine, ['valkey', 'redis'] as const) ?? 'redis', input.EngineVersion)
  const type = knownNodeType(input.CacheNodeType)
  const shapes = shapeOf(input)
  const mode = await modeOf(context, input, engine, shapes)
  const subnetGroup = await subnetGroupFor(context, input.CacheSubnetGroupName)
  const securityGroups = await wantedSecurityGroups(context, input)
  const kind = mode.clustered ? 'cme' : 'cmd'
  const createdAt = context.clock.now()
  const transit = newTransit(input)
  const auth = newAuth(input.AuthToken, input.TransitEncryptionEnabled === true, createdAt)
  const { userGroup, conditions, operations } = await newUserGroup(context, input.UserGroupIds, {
    engine: engine.engine,
    engineVersion: engine.version,
    ...transit,
    ...auth,
  })
  const shards = await shardSpecs(context, { id, kind, createdAt }, shapes, subnetGroup.value)
  const spec: GroupSpec = {
    region: context.region,
    space: 'rg',
    id,
    kind,
    engine: engine.engine,
    engineVersion: engine.version,
    nodeType: type.name,
    port: portNumber(input.Port, 6379, mode.clustered),
    parameterGroup: mode.parameterGroup,
    subnetGroup: subnetGroup.value.name,
    automaticFailover: failoverOf(input, mode.clustered),
    multiAz: input.MultiAZEnabled ?? false,
    clusterMode: mode.clustered ? 'enabled' : 'disabled',
    durability: durabilityOf(engine.engine, engine.version, input.Durability),
    ...transit,
    ...auth,
    ...(userGroup === undefined ? {} : { userGroup }),
    labels: {
      ...snapshottingFrom(newLabels(input, description, `${context.region}/${id}`, false), kind, shards),
      ...securityGroups.labels,
      ...newAtRest(context, input, engine),
      ...newDataTiering(input, type, engine),
      ...newLogDelivery(input, { engine: engine.engine, engineVersion: engine.version }),
    },
    tags: checkTags([], input.Tags ?? []),
    shards,
    pending: null,
    deletion: null,
    createdAt,
    generation: 1,
  }
  return {
    spec,
    conditions: [...mode.conditions, ...subnetGroup.conditions, ...securityGroups.conditions, ...conditions],
    operations,
  }
}

/** AWS tells it where a parameter group was named. */
const creationEvents = (spec: GroupSpec, named: string | undefined): readonly Happening[] =>
  named ? clusterIdsOf(spec).map((id) => clusterEvents(spec.region, id).usesParameterGroup(spec.parameterGroup)) : []

/**
 * Makes a replication group. The answer says `creating`; a controller does the rest.
 * Cluster mode that nobody spoke about is on where there is more than one shard. Where failover is not spoken about with cluster mode, it is on.
 */
export const createReplicationGroup: Action<Input, CreateReplicationGroupResult> = async (input, context) => {
  const {
    TransitEncryptionEnabled: _enabled,
    TransitEncryptionMode: _mode,
    AuthToken: _token,
    UserGroupIds: _groups,
    ...others
  } = input
  refuseNotYet(input.PrimaryClusterId ? input : others)
  if (input.PrimaryClusterId) return createFromCluster(input, context)
  return untilWritten(`replication group ${input.ReplicationGroupId}`, async () => {
    const { spec, conditions, operations } = await draft(context, input)
    checkFailover(spec)
    await checkMembersFree(context, spec)
    const written = await writeNewGroup(
      context,
      spec,
      conditions,
      [...creationEvents(spec, input.CacheParameterGroupName), ...servingEvents(context.catalog.list(), null, spec)],
      operations,
    )
    return written ? { ReplicationGroup: replicationGroupView({ spec, state: null }, context.account) } : null
  })
}
