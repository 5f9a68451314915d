import { Fault, invalidValue } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import { cacheSecurityGroupKey } from '../../../../model/cache-security-groups.ts'
import type { GroupKey, GroupSpace, GroupSpec, GroupState, NodeStatus, Tag } from '../../../../model/group.ts'
import { clusterKey, parameterGroupKey, specKey, stateKey, subnetGroupKey } from '../../../../model/keys.ts'
import { type ArnType, parseArn } from '../../../../model/names.ts'
import { defaultSubnetGroupName } from '../../../../model/network.ts'
import type { ClusterIndex, ParameterGroupRecord, SubnetGroupRecord } from '../../../../model/records.ts'
import { groupStatus, nodeStatus } from '../../../../model/status.ts'
import { defaultUserName, userGroupKey, userKey } from '../../../../model/users.ts'
import { listRecords, put, readRecord, type Versioned } from '../../../../ports/records.ts'
import type { Operation } from '../../../../ports/store.ts'
import type { ActionContext } from '../../../action.ts'
import { isStorable } from '../../../names.ts'
import { defaultParameterGroups } from '../parameter-groups/defaults.ts'

/** A record that carries tags, and how it looks with others. */
interface Tagged {
  readonly record: Versioned<unknown>
  readonly tags: readonly Tag[]
  readonly retag: (tags: readonly Tag[]) => Operation
}

/** What an ARN names. `followers` are records to which a change is repeated: the nodes of a replication group with tags of their own. */
export type Resource =
  | { readonly kind: 'stored'; readonly main: Tagged; readonly followers: readonly Tagged[] }
  | { readonly kind: 'default'; readonly name: string }

/** Kinds of resources that carry tags on AWS, and that do not exist here: nothing of them can be found. */
const absentKinds: Readonly<Partial<Record<ArnType, string>>> = {
  snapshot: 'SnapshotNotFoundFault',
  serverlesscache: 'ServerlessCacheNotFoundFault',
  serverlesscachesnapshot: 'ServerlessCacheSnapshotNotFoundFault',
  'reserved-instance': 'ReservedCacheNodeNotFoundFault',
}

const taggedRecord = <T extends { readonly tags: readonly Tag[] }>(record: Versioned<T>): Tagged => ({
  record,
  tags: record.value.tags,
  retag: (tags) => put(record.key, { ...record.value, tags }),
})

const alone = (main: Tagged): Resource => ({ kind: 'stored', main, followers: [] })

const clusterNotFound = (id: string): Fault =>
  new Fault('CacheClusterNotFoundFault', `${id} is either not present or not available.`)

interface Group {
  readonly spec: Versioned<GroupSpec>
  readonly state: GroupState | null
}

const readGroup = async (context: ActionContext, space: GroupSpace, id: string): Promise<Group | null> => {
  const key: GroupKey = { region: context.region, space, id }
  const spec = await readRecord<GroupSpec>(context.store, specKey(key))
  if (spec === null) return null
  return { spec, state: (await readRecord<GroupState>(context.store, stateKey(key)))?.value ?? null }
}

/** Tags can be asked for and changed as soon as a resource has been made, and until it is being deleted: as on AWS. */
const isThere = (status: NodeStatus): boolean => status !== 'creating' && status !== 'deleting'

const nodeTags = (index: Versioned<ClusterIndex>, inherited: readonly Tag[]): Tagged => ({
  record: index,
  tags: index.value.tags ?? inherited,
  retag: (tags) => put(index.key, { ...index.value, tags }),
})

/**
 * A cache cluster. A node of a replication group has the tags of its group until its own are changed, and may then differ; what is
 * later done to the tags of the group is done to them as well.
 */
const cluster = async (context: ActionContext, id: string): Promise<Resource> => {
  const index = await readRecord<ClusterIndex>(context.store, clusterKey(context.region, id))
  const group = index === null ? null : await readGroup(context, index.value.space, index.value.id)
  if (index === null || group === null) throw clusterNotFound(id)
  const spec = group.spec.value
  if (spec.space === 'cc') {
    if (!isThere(groupStatus(spec, group.state))) throw clusterNotFound(id)
    return alone(taggedRecord(group.spec))
  }
  const wanted = spec.shards.flatMap((shard) => shard.nodes).find((node) => node.clusterId === id)
  if (!isThere(nodeStatus(spec, group.state, wanted ?? null, group.state?.nodes[id] ?? null))) throw clusterNotFound(id)
  return alone(nodeTags(index, spec.tags))
}

const replicationGroup = async (context: ActionContext, id: string): Promise<Resource> => {
  const group = await readGroup(context, 'rg', id)
  if (group === null) throw new Fault('ReplicationGroupNotFoundFault', `ReplicationGroup ${id} not found.`)
  if (!isThere(groupStatus(group.spec.value, group.state))) {
    throw awsTexts.tagsOfUnavailable()
  }
  const { records } = await listRecords<ClusterIndex>(context.store, clusterKey(context.region, ''))
  const followers = records.filter(({ value }) => value.space === 'rg' && value.id === id && value.tags !== undefined)
  return { kind: 'stored', main: taggedRecord(group.spec), followers: followers.map((index) => nodeTags(index, [])) }
}

const subnetGroup = async (context: ActionContext, name: string): Promise<Resource> => {
  if (name === defaultSubnetGroupName) return { kind: 'default', name }
  const record = await readRecord<SubnetGroupRecord>(context.store, subnetGroupKey(context.region, name))
  if (record === null) throw new Fault('CacheSubnetGroupNotFoundFault', `${name} is not present`)
  return alone(taggedRecord(record))
}

const parameterGroup = async (context: ActionContext, name: string): Promise<Resource> => {
  if (defaultParameterGroups(context.region).some((group) => group.name === name)) return { kind: 'default', name }
  const record = await readRecord<ParameterGroupRecord>(context.store, parameterGroupKey(context.region, name))
  if (record === null) throw new Fault('CacheParameterGroupNotFoundFault', `${name} is not present`)
  return alone(taggedRecord(record))
}

const stored = async (context: ActionContext, key: string, shape: string, name: string): Promise<Resource> => {
  const record = await readRecord<{ readonly tags: readonly Tag[] }>(context.store, key)
  if (record === null) throw new Fault(shape, `${name} is not present`)
  return alone(taggedRecord(record))
}

const user = async (context: ActionContext, id: string): Promise<Resource> =>
  id === defaultUserName ? { kind: 'default', name: id } : stored(context, userKey(context.region, id), 'UserNotFoundFault', id)

/** Throws `InvalidARNFault`, `InvalidParameterValueException` (another region or account), or the not-found fault of the kind. */
export const findResource = async (context: ActionContext, arnText: string): Promise<Resource> => {
  const arn = parseArn(arnText)
  if (arn.region !== context.region) throw invalidValue('Unauthorized call. Please check the region or customer id')
  if (arn.account !== context.account) throw invalidValue("The resource ARN does not belong to the caller's account.")
  const name = arn.name.toLowerCase()
  const absent = absentKinds[arn.type]
  if (absent !== undefined) throw new Fault(absent, `${arn.name} is not present`)
  if (!isStorable(name)) throw new Fault('InvalidARNFault', `${arn.name} is not a name of a resource.`)
  if (arn.type === 'cluster') return cluster(context, name)
  if (arn.type === 'replicationgroup') return replicationGroup(context, name)
  if (arn.type === 'user') return user(context, name)
  if (arn.type === 'usergroup') return stored(context, userGroupKey(context.region, name), 'UserGroupNotFoundFault', name)
  if (arn.type === 'securitygroup')
    return stored(context, cacheSecurityGroupKey(context.region, name), 'CacheSecurityGroupNotFoundFault', name)
  if (arn.type === 'subnetgroup') return subnetGroup(context, name)
  return parameterGroup(context, name)
}
