import type { GroupLabels, GroupSpec } from './group.ts'
import { defaultSecurityGroupId } from './security-groups.ts'

/** The security groups of EC2 that a group has: the default group of the region where it names none of any kind. */
export const securityGroupsOf = (spec: Pick<GroupSpec, 'region'> & { readonly labels: SecurityLabels }): readonly string[] => {
  const { securityGroupIds, cacheSecurityGroupNames } = spec.labels
  if (securityGroupIds.length > 0 || cacheSecurityGroupNames.length > 0) return securityGroupIds
  return [defaultSecurityGroupId(spec.region)]
}

type SecurityLabels = Pick<GroupLabels, 'securityGroupIds' | 'cacheSecurityGroupNames'>

/** What it has by name, as `GroupState.securityGroups` says what is in force. */
export const namedSecurityGroups = ({ labels }: { readonly labels: SecurityLabels }): readonly string[] => [
  ...labels.securityGroupIds,
  ...labels.cacheSecurityGroupNames,
]
