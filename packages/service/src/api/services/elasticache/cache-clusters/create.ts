import type { CreateCacheClusterMessage, CreateCacheClusterResult } from '@aws-sdk/client-elasticache'
import { servingEvents } from '../../../../decide/serving.ts'
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import { defaultParameterGroup, engineCapabilities } from '../../../../model/engine-versions.ts'
import { clusterEvents, type Happening } from '../../../../model/events.ts'
import type { EngineName, GroupKind, GroupSpec, NodeSpec } from '../../../../model/group.ts'
import { cacheClusterId, nodeIds, shardId } from '../../../../model/names.ts'
import { isTiered } from '../../../../model/node-types.ts'
import { checkMemcachedNodes } from '../../../../model/quotas.ts'
import type { SubnetGroupRecord } from '../../../../model/records.ts'
import { checkTags } from '../../../../model/tags.ts'
import type { Condition } from '../../../../ports/store.ts'
import type { Action, ActionContext } from '../../../action.ts'
import { untilWritten } from '../../../writing.ts'
import { findEngine } from '../groups/engine.ts'
import { checkClusterFree } from '../groups/free.ts'
import { newLabels } from '../groups/labels.ts'
import { newLogDelivery } from '../groups/log-delivery.ts'
import { newMemcachedAuth } from '../groups/memcached-auth.ts'
import { knownNodeType } from '../groups/node-types.ts'
import { refuseNotYet } from '../groups/not-yet.ts'
import { isClustered, parameterGroupFor, subnetGroupFor } from '../groups/references.ts'
import { roomForNodes } from '../groups/region.ts'
import { wantedSecurityGroups } from '../groups/security-groups.ts'
import { oneOf, portNumber } from '../groups/values.ts'
import { writeNewGroup } from '../groups/write-group.ts'
import { checkZones, zonesUp } from '../groups/zones.ts'
import { cacheClusterView } from '../views/cache-cluster.ts'
import { createReplica } from './create-replica.ts'
import { placeWish, zoneWish } from './node-zones.ts'

type Input = CreateCacheClusterMessage

/** How many nodes. Throws `InvalidParameterValueException`, `InvalidParameterCombinationException`, `NodeQuotaForClusterExceededFault`. */
const nodeCount = (input: Input, engine: EngineName): number => {
  const count = input.NumCacheNodes ?? 1
  if (!Number.isInteger(count) || count < 1)
    throw invalidValue(`Invalid value for NumCacheNodes: must be a whole number from 1 on, found ${count}.`)
  if (engine === 'memcached') {
    checkMemcachedNodes(count)
    return count
  }
  if (count > 1) throw invalidCombination('Cannot create a Redis cluster with a NumCacheNodes parameter greater than 1.')
  if ((input.PreferredAvailabilityZones ?? []).length > 0) {
    throw invalidCombination('PreferredAvailabilityZones can be given only for Memcached; use PreferredAvailabilityZone.')
  }
  return count
}

const newNodes = async (
  context: ActionContext,
  input: Input,
  group: Pick<GroupSpec, 'id' | 'kind' | 'createdAt'>,
  count: number,
  subnetGroup: SubnetGroupRecord,
): Promise<readonly NodeSpec[]> => {
  const wish = zoneWish(input, count)
  checkZones(subnetGroup, wish.zones)
  const load = await roomForNodes(context, count)
  return placeWish(wish, await zonesUp(context, subnetGroup, wish.zones), load).map(
    (zone, index): NodeSpec => ({ ...nodeIds(group, shardId(1), index + 1), zone, createdAt: group.createdAt, reboots: 0 }),
  )
}

/** As on AWS: of cache clusters only those of Memcached, from 1.6.12 on, and only when they are made. */
const transitOf = (input: Input, engine: EngineName, version: string): Pick<GroupSpec, 'transitEncryption'> => {
  if (input.TransitEncryptionEnabled !== true) return {}
  if (engine !== 'memcached')
    throw invalidCombination(
      'Encryption in transit of a cache cluster is for Memcached; for Valkey and Redis OSS create a replication group.',
    )
  if (!engineCapabilities(engine, version).tls)
    throw invalidCombination(`Encryption in transit needs Memcached 1.6.12 or later, found ${version}.`)
  return { transitEncryption: 'required' }
}

const authOf = (context: ActionContext, input: Input, engine: EngineName, id: string): Pick<GroupSpec, 'auth'> => {
  if (input.AuthToken === undefined) return {}
  if (engine !== 'memcached')
    throw invalidCombination(
      'AuthToken of a cache cluster is for Memcached; for Valkey and Redis OSS create a replication group.',
    )
  return newMemcachedAuth(context, { region: context.region, id }, input.AuthToken, input.TransitEncryptionEnabled === true)
}

interface Draft {
  readonly spec: GroupSpec
  readonly conditions: readonly Condition[]
}

const draft = async (context: ActionContext, input: Input): Promise<Draft> => {
  const id = cacheClusterId(input.CacheClusterId)
  await checkClusterFree(context, id)
  // AWS takes a cluster for Memcached unless something else is said.
  const engine = findEngine(
    context,
    oneOf('Engine', input.Engine, ['memcached', 'redis', 'valkey'] as const) ?? 'memcached',
    input.EngineVersion,
  )
  const memcached = engine.engine === 'memcached'
  const kind: GroupKind = memcached ? 'memcached' : 'single'
  const type = knownNodeType(input.CacheNodeType)
  if (isTiered(type))
    throw invalidCombination(`${type.name} tiers its data, which only replication groups do; create one with DataTieringEnabled.`)
  const count = nodeCount(input, engine.engine)
  const named = input.CacheParameterGroupName || defaultParameterGroup(engine.engine, engine.version, false)
  const parameterGroup = await parameterGroupFor(context, named, engine.engine, engine.version)
  if (isClustered(parameterGroup.value)) throw awsTexts.clusterModeOfCluster()
  const subnetGroup = await subnetGroupFor(context, input.CacheSubnetGroupName)
  const securityGroups = await wantedSecurityGroups(context, input)
  const createdAt = context.clock.now()
  const spec: GroupSpec = {
    region: context.region,
    space: 'cc',
    id,
    kind,
    engine: engine.engine,
    engineVersion: engine.version,
    nodeType: type.name,
    port: portNumber(input.Port, memcached ? 11_211 : 6379, false),
    parameterGroup: parameterGroup.value.name,
    subnetGroup: subnetGroup.value.name,
    automaticFailover: false,
    multiAz: false,
    clusterMode: 'disabled',
    durability: null,
    ...transitOf(input, engine.engine, engine.served.version),
    ...authOf(context, input, engine.engine, id),
    labels: {
      ...newLabels(input, '', `${context.region}/${id}`, memcached),
      ...securityGroups.labels,
      ...newLogDelivery(input, { engine: engine.engine, engineVersion: engine.version }),
    },
    tags: checkTags([], input.Tags ?? []),
    shards: [
      {
        id: shardId(1),
        slots: [],
        nodes: await newNodes(context, input, { id, kind, createdAt }, count, subnetGroup.value),
        wantedPrimary: null,
      },
    ],
    pending: null,
    deletion: null,
    createdAt,
    generation: 1,
  }
  return { spec, conditions: [...parameterGroup.conditions, ...subnetGroup.conditions, ...securityGroups.conditions] }
}

/** Makes a Memcached cluster or a single node; with ReplicationGroupId a replica of that group. The answer says `creating`. */
export const createCacheCluster: Action<Input, CreateCacheClusterResult> = async (input, context) => {
  const { TransitEncryptionEnabled: _encrypted, AuthToken: _token, ...others } = input
  refuseNotYet(input.ReplicationGroupId ? input : others)
  if (input.ReplicationGroupId) return createReplica(input, context)
  return untilWritten(`cache cluster ${input.CacheClusterId}`, async () => {
    const { spec, conditions } = await draft(context, input)
    const events: readonly Happening[] = input.CacheParameterGroupName
      ? [clusterEvents(spec.region, spec.id).usesParameterGroup(spec.parameterGroup)]
      : []
    const written = await writeNewGroup(context, spec, conditions, [
      ...events,
      ...servingEvents(context.catalog.list(), null, spec),
    ])
    return written ? { CacheCluster: cacheClusterView({ spec, state: null }, spec.id, context.account, false) } : null
  })
}
