import type { SecurityGroupMembership } from '@aws-sdk/client-elasticache'
import { namedSecurityGroups, securityGroupsOf } from '../../model/used-security-groups.ts'
import type { GroupRecords } from './members.ts'

/** Which a cluster has, and whether they are in force: `adding` and `removing` last some milliseconds. */
export const securityGroupsView = ({ spec, state }: GroupRecords): SecurityGroupMembership[] => {
  const inForce = state?.securityGroups ?? []
  const named = new Set(namedSecurityGroups(spec))
  const present = securityGroupsOf(spec).map((id) => ({
    SecurityGroupId: id,
    Status: named.has(id) && !inForce.includes(id) ? 'adding' : 'active',
  }))
  const leaving = inForce.filter((id) => id.startsWith('sg-') && !named.has(id))
  return [...present, ...leaving.map((id) => ({ SecurityGroupId: id, Status: 'removing' }))]
}
