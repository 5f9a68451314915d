import { describeCacheEngineVersions } from './engine-versions/describe.ts'
import { describeEvents } from './events/describe.ts'
import { createCacheParameterGroup } from './parameter-groups/create.ts'
import { deleteCacheParameterGroup } from './parameter-groups/delete.ts'
import { describeCacheParameterGroups } from './parameter-groups/describe.ts'
import { describeCacheParameters, describeEngineDefaultParameters } from './parameter-groups/describe-parameters.ts'
import { modifyCacheParameterGroup } from './parameter-groups/modify.ts'
import { resetCacheParameterGroup } from './parameter-groups/reset.ts'
import { createCacheSubnetGroup } from './subnet-groups/create.ts'
import { deleteCacheSubnetGroup } from './subnet-groups/delete.ts'
import { describeCacheSubnetGroups } from './subnet-groups/describe.ts'
import { modifyCacheSubnetGroup } from './subnet-groups/modify.ts'
import { addTagsToResource } from './tags/add.ts'
import { listTagsForResource } from './tags/list.ts'
import { removeTagsFromResource } from './tags/remove.ts'

/** The operations other than those on replication groups and cache clusters, by their names in the model of AWS. */
export const otherActions = {
  AddTagsToResource: addTagsToResource,
  CreateCacheParameterGroup: createCacheParameterGroup,
  CreateCacheSubnetGroup: createCacheSubnetGroup,
  DeleteCacheParameterGroup: deleteCacheParameterGroup,
  DeleteCacheSubnetGroup: deleteCacheSubnetGroup,
  DescribeCacheEngineVersions: describeCacheEngineVersions,
  DescribeCacheParameterGroups: describeCacheParameterGroups,
  DescribeCacheParameters: describeCacheParameters,
  DescribeCacheSubnetGroups: describeCacheSubnetGroups,
  DescribeEngineDefaultParameters: describeEngineDefaultParameters,
  DescribeEvents: describeEvents,
  ListTagsForResource: listTagsForResource,
  ModifyCacheParameterGroup: modifyCacheParameterGroup,
  ModifyCacheSubnetGroup: modifyCacheSubnetGroup,
  RemoveTagsFromResource: removeTagsFromResource,
  ResetCacheParameterGroup: resetCacheParameterGroup,
} as const
