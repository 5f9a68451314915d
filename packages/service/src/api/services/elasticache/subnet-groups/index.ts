import { createCacheSubnetGroup } from './create.ts'
import { deleteCacheSubnetGroup } from './delete.ts'
import { describeCacheSubnetGroups } from './describe.ts'
import { modifyCacheSubnetGroup } from './modify.ts'

/** By their names in the model of AWS. */
export const subnetGroupsActions = {
  CreateCacheSubnetGroup: createCacheSubnetGroup,
  DeleteCacheSubnetGroup: deleteCacheSubnetGroup,
  DescribeCacheSubnetGroups: describeCacheSubnetGroups,
  ModifyCacheSubnetGroup: modifyCacheSubnetGroup,
} as const
