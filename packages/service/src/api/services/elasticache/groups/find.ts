import { Fault } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import type { GroupSpace, GroupSpec, GroupState } from '../../../../model/group.ts'
import { clusterKey, specKey, stateKey } from '../../../../model/keys.ts'
import type { GroupRecords } from '../../../../model/members.ts'
import type { ClusterIndex } from '../../../../model/records.ts'
import { readRecord, type Versioned } from '../../../../ports/records.ts'
import type { ActionContext } from '../../../action.ts'
import { isStorable } from '../../../names.ts'
import { requiredText } from '../../../required.ts'

/** The two records of a group. Only the spec is written by the API. */
export interface StoredGroup {
  readonly spec: Versioned<GroupSpec>
  readonly state: Versioned<GroupState> | null
}

export const recordsOf = ({ spec, state }: StoredGroup): GroupRecords => ({ spec: spec.value, state: state?.value ?? null })

export const readGroup = async (context: ActionContext, space: GroupSpace, id: string): Promise<StoredGroup | null> => {
  const key = { region: context.region, space, id }
  const spec = await readRecord<GroupSpec>(context.store, specKey(key))
  return spec === null ? null : { spec, state: await readRecord<GroupState>(context.store, stateKey(key)) }
}

const replicationGroupNotFound = (id: string): Fault =>
  new Fault('ReplicationGroupNotFoundFault', `ReplicationGroup ${id.slice(0, 100)} not found.`)

export const { cacheClusterNotFound } = awsTexts

/** Throws `InvalidParameterValueException` where there is no id, `ReplicationGroupNotFoundFault`. */
export const findReplicationGroup = async (context: ActionContext, value: string | undefined): Promise<StoredGroup> => {
  const text = requiredText('ReplicationGroupId', value)
  const id = text.toLowerCase()
  const group = isStorable(id) ? await readGroup(context, 'rg', id) : null
  if (group === null) throw replicationGroupNotFound(text)
  return group
}

export interface StoredCluster extends StoredGroup {
  /** In lower case. */
  readonly clusterId: string
  readonly index: Versioned<ClusterIndex>
}

/** A cache cluster, also one that is a member of a replication group. Throws as `findReplicationGroup`, `CacheClusterNotFoundFault`. */
export const findCacheCluster = async (context: ActionContext, value: string | undefined): Promise<StoredCluster> => {
  const text = requiredText('CacheClusterId', value)
  const clusterId = text.toLowerCase()
  const key = clusterKey(context.region, clusterId)
  const index = isStorable(clusterId) ? await readRecord<ClusterIndex>(context.store, key) : null
  const group = index === null ? null : await readGroup(context, index.value.space, index.value.id)
  if (index === null || group === null) throw cacheClusterNotFound(text)
  return { ...group, clusterId, index }
}
