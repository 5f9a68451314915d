/** Tags of what a call is about, for conditions on `aws:ResourceTag`. */
import { cacheSecurityGroupKey } from '../../model/cache-security-groups.ts'
import type { GroupSpec, Tag } from '../../model/group.ts'
import { iamUserArn } from '../../model/iam.ts'
import { clusterKey, parameterGroupKey, specKey, subnetGroupKey } from '../../model/keys.ts'
import type { ClusterIndex } from '../../model/records.ts'
import { isSecurityGroupId, type SecurityGroupRecord, securityGroupKey } from '../../model/security-groups.ts'
import { userGroupKey, userKey } from '../../model/users.ts'
import { listRecords, readRecord } from '../../ports/records.ts'
import type { ActionContext } from '../action.ts'
import { isStorable } from '../names.ts'
import { kindOfId, type Place, readOf } from '../services/ec2/resources.ts'
import { readUser } from '../services/iam/context.ts'

interface Tagged {
  readonly tags?: readonly Tag[]
}

/** A node of a replication group has the tags of its group, until its own are changed. */
const tagsOfCluster = async ({ store }: Pick<ActionContext, 'store'>, region: string, id: string): Promise<readonly Tag[]> => {
  const index = await readRecord<ClusterIndex>(store, clusterKey(region, id))
  if (index === null) return []
  if (index.value.tags !== undefined) return index.value.tags
  const spec = await readRecord<GroupSpec>(store, specKey({ region, space: index.value.space, id: index.value.id }))
  return spec?.value.tags ?? []
}

const keyOf = (kind: string, region: string, name: string): string | null => {
  switch (kind) {
    case 'replicationgroup':
      return specKey({ region, space: 'rg', id: name })
    case 'parametergroup':
      return parameterGroupKey(region, name)
    case 'securitygroup':
      return cacheSecurityGroupKey(region, name)
    case 'subnetgroup':
      return subnetGroupKey(region, name)
    case 'user':
      return userKey(region, name)
    case 'usergroup':
      return userGroupKey(region, name)
    default:
      return null
  }
}

const tagsOfEc2 = async (place: Place, id: string): Promise<readonly Tag[]> => {
  if (isSecurityGroupId(id)) return (await readRecord<Tagged>(place.store, securityGroupKey(place.region, id)))?.value.tags ?? []
  if (id.startsWith('sgr-')) {
    const { records } = await listRecords<SecurityGroupRecord>(place.store, securityGroupKey(place.region, ''))
    const rules = records.flatMap(({ value }) => [...value.ingress, ...value.egress])
    return rules.find((rule) => rule.id === id)?.tags ?? []
  }
  const of = kindOfId(id)
  return of === undefined ? [] : ((await readOf(place, of, id))?.value.tags ?? [])
}

/** Nothing for what does not exist, or carries no tags. */
export const tagsOfResource = async (context: Pick<ActionContext, 'store' | 'account'>, arn: string): Promise<readonly Tag[]> => {
  const [, , service, region = '', account, kind = '', name = ''] = arn.split(':')
  if (account !== context.account) return []
  if (service === 'iam') {
    const user = (await readUser(context, kind.slice(kind.lastIndexOf('/') + 1)))?.value
    return user !== undefined && iamUserArn(account, user) === arn ? user.tags : []
  }
  if (service === 'ec2') return tagsOfEc2({ ...context, region }, kind.slice(kind.indexOf('/') + 1))
  if (service !== 'elasticache' || !isStorable(name)) return []
  if (kind === 'cluster') return tagsOfCluster(context, region, name)
  const key = keyOf(kind, region, name)
  return key === null ? [] : ((await readRecord<Tagged>(context.store, key))?.value.tags ?? [])
}
