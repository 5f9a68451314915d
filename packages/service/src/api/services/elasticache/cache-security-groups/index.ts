import { createCacheSecurityGroup } from './create.ts'
import { deleteCacheSecurityGroup } from './delete.ts'
import { describeCacheSecurityGroups } from './describe.ts'
import { authorizeCacheSecurityGroupIngress, revokeCacheSecurityGroupIngress } from './ingress.ts'

/** By their names in the model of AWS. */
export const cacheSecurityGroupsActions = {
  AuthorizeCacheSecurityGroupIngress: authorizeCacheSecurityGroupIngress,
  CreateCacheSecurityGroup: createCacheSecurityGroup,
  DeleteCacheSecurityGroup: deleteCacheSecurityGroup,
  DescribeCacheSecurityGroups: describeCacheSecurityGroups,
  RevokeCacheSecurityGroupIngress: revokeCacheSecurityGroupIngress,
} as const
