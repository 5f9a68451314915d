/** Requests on parameter groups, short enough for tests. */
import type { Parameter } from '@aws-sdk/client-elasticache'
import type { TestContext } from '../test-context.ts'
import { createCacheParameterGroup } from './create.ts'
import { deleteCacheParameterGroup } from './delete.ts'
import { describeCacheParameters } from './describe-parameters.ts'
import { modifyCacheParameterGroup } from './modify.ts'
import { resetCacheParameterGroup } from './reset.ts'

export const request = (name: string, family = 'valkey9') => ({
  CacheParameterGroupName: name,
  CacheParameterGroupFamily: family,
  Description: 'of the tests',
})
export const create = (context: TestContext, name: string, family?: string) =>
  createCacheParameterGroup(request(name, family), context)
export const pairs = (values: Record<string, string>) =>
  Object.entries(values).map(([ParameterName, ParameterValue]) => ({ ParameterName, ParameterValue }))
export const modify = (context: TestContext, name: string, values: Record<string, string>) =>
  modifyCacheParameterGroup({ CacheParameterGroupName: name, ParameterNameValues: pairs(values) }, context)
export const reset = (context: TestContext, name: string, ...names: string[]) =>
  resetCacheParameterGroup(
    { CacheParameterGroupName: name, ParameterNameValues: names.map((ParameterName) => ({ ParameterName })) },
    context,
  )
export const remove = (context: TestContext, CacheParameterGroupName: string) =>
  deleteCacheParameterGroup({ CacheParameterGroupName }, context)

/** What Terraform reads: the parameters with the source `user`, each as `name=value`. */
export const userValues = async (context: TestContext, CacheParameterGroupName: string) =>
  (await describeCacheParameters({ CacheParameterGroupName, Source: 'user' }, context)).Parameters?.map(
    (each) => `${each.ParameterName}=${each.ParameterValue}`,
  )

/** All parameters of a group, page by page. */
export const allParameters = async (
  context: TestContext,
  CacheParameterGroupName: string,
  MaxRecords = 100,
): Promise<Parameter[]> => {
  const found: Parameter[] = []
  let Marker: string | undefined
  do {
    const page = await describeCacheParameters({ CacheParameterGroupName, MaxRecords, Marker }, context)
    found.push(...(page.Parameters ?? []), ...(page.CacheNodeTypeSpecificParameters ?? []))
    Marker = page.Marker
  } while (Marker !== undefined)
  return found
}
export const names = (output: { CacheParameterGroups?: { CacheParameterGroupName?: string | undefined }[] | undefined }) =>
  output.CacheParameterGroups?.map((group) => group.CacheParameterGroupName)
