import { createCacheParameterGroup } from './create.ts'
import { deleteCacheParameterGroup } from './delete.ts'
import { describeCacheParameterGroups } from './describe.ts'
import { describeCacheParameters, describeEngineDefaultParameters } from './describe-parameters.ts'
import { modifyCacheParameterGroup } from './modify.ts'
import { resetCacheParameterGroup } from './reset.ts'

/** By their names in the model of AWS. */
export const parameterGroupsActions = {
  CreateCacheParameterGroup: createCacheParameterGroup,
  DeleteCacheParameterGroup: deleteCacheParameterGroup,
  DescribeCacheParameterGroups: describeCacheParameterGroups,
  DescribeCacheParameters: describeCacheParameters,
  DescribeEngineDefaultParameters: describeEngineDefaultParameters,
  ModifyCacheParameterGroup: modifyCacheParameterGroup,
  ResetCacheParameterGroup: resetCacheParameterGroup,
} as const
