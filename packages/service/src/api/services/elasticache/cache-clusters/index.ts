import { createCacheCluster } from './create.ts'
import { deleteCacheCluster } from './delete.ts'
import { describeCacheClusters } from './describe.ts'
import { modifyCacheCluster } from './modify.ts'
import { rebootCacheCluster } from './reboot.ts'

/** By their names in the model of AWS. */
export const cacheClustersActions = {
  CreateCacheCluster: createCacheCluster,
  DeleteCacheCluster: deleteCacheCluster,
  DescribeCacheClusters: describeCacheClusters,
  ModifyCacheCluster: modifyCacheCluster,
  RebootCacheCluster: rebootCacheCluster,
} as const
