import { describeCacheEngineVersions } from './describe.ts'

/** By their names in the model of AWS. */
export const engineVersionsActions = {
  DescribeCacheEngineVersions: describeCacheEngineVersions,
} as const
