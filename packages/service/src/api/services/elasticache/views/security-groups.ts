import type { CacheSecurityGroupMembership, SecurityGroupMembership } from '@aws-sdk/client-elasticache'
import type { GroupRecords } from '../../../../model/members.ts'
import { namedSecurityGroups, securityGroupsOf } from '../../../../model/used-security-groups.ts'

interface Shown {
  readonly name: string
  readonly status: 'active' | 'adding' | 'removing'
}

/** Which a cluster has, and whether they are in force: `adding` and `removing` last some milliseconds. */
const shown = ({ spec, state }: GroupRecords, has: readonly string[], isOne: (name: string) => boolean): readonly Shown[] => {
  const inForce = state?.securityGroups ?? []
  const named = new Set(namedSecurityGroups(spec))
  const present = has.map((name): Shown => ({ name, status: named.has(name) && !inForce.includes(name) ? 'adding' : 'active' }))
  const leaving = inForce.filter((name) => isOne(name) && !named.has(name))
  return [...present, ...leaving.map((name): Shown => ({ name, status: 'removing' }))]
}

/** No cache security group has such a name. */
const isOfEc2 = (name: string): boolean => name.startsWith('sg-')

export const securityGroupsView = (group: GroupRecords): SecurityGroupMembership[] =>
  shown(group, securityGroupsOf(group.spec), isOfEc2).map(({ name, status }) => ({ SecurityGroupId: name, Status: status }))

export const cacheSecurityGroupsView = (group: GroupRecords): CacheSecurityGroupMembership[] =>
  shown(group, group.spec.labels.cacheSecurityGroupNames, (name) => !isOfEc2(name)).map(({ name, status }) => ({
    CacheSecurityGroupName: name,
    Status: status,
  }))
