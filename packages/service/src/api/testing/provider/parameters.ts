/** `aws_elasticache_parameter_group` and `aws_elasticache_subnet_group`: the calls of the provider for them, and what it reads back. */
import {
  CreateCacheParameterGroupCommand,
  CreateCacheSubnetGroupCommand,
  DeleteCacheParameterGroupCommand,
  DeleteCacheSubnetGroupCommand,
  DescribeCacheParameterGroupsCommand,
  DescribeCacheParametersCommand,
  DescribeCacheSubnetGroupsCommand,
  type ElastiCacheClient,
  ModifyCacheParameterGroupCommand,
  ModifyCacheSubnetGroupCommand,
  ResetCacheParameterGroupCommand,
} from '@aws-sdk/client-elasticache'
import { tagList, tagsOf } from './groups.ts'
import { orGone } from './waiting.ts'

export interface ParameterGroupConfig {
  readonly family: string
  readonly description?: string
  readonly parameter?: Readonly<Record<string, string>>
  readonly tags?: Readonly<Record<string, string>>
}

/** The provider sends at most so many at a time. */
const most = 20

const inPieces = <T>(items: readonly T[]): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(items.length / most) }, (_, index) => items.slice(index * most, (index + 1) * most))

const entries = (parameter: Readonly<Record<string, string>>) =>
  Object.entries(parameter).map(([ParameterName, ParameterValue]) => ({ ParameterName, ParameterValue }))

export const updateParameterGroup = async (
  client: ElastiCacheClient,
  name: string,
  before: Readonly<Record<string, string>> = {},
  after: Readonly<Record<string, string>> = {},
): Promise<void> => {
  const removed = entries(before).filter(({ ParameterName }) => !(ParameterName in after))
  for (const piece of inPieces(removed))
    await client.send(new ResetCacheParameterGroupCommand({ CacheParameterGroupName: name, ParameterNameValues: piece.slice() }))
  const changed = entries(after).filter(({ ParameterName, ParameterValue }) => before[ParameterName] !== ParameterValue)
  for (const piece of inPieces(changed))
    await client.send(new ModifyCacheParameterGroupCommand({ CacheParameterGroupName: name, ParameterNameValues: piece.slice() }))
}

export const createParameterGroup = async (
  client: ElastiCacheClient,
  name: string,
  config: ParameterGroupConfig,
): Promise<void> => {
  await client.send(
    new CreateCacheParameterGroupCommand({
      CacheParameterGroupName: name,
      CacheParameterGroupFamily: config.family,
      Description: config.description ?? 'Managed by Terraform',
      Tags: tagList(config.tags),
    }),
  )
  await updateParameterGroup(client, name, {}, config.parameter)
}

export const readParameterGroup = async (client: ElastiCacheClient, name: string) => {
  const asked = client.send(new DescribeCacheParameterGroupsCommand({ CacheParameterGroupName: name }))
  const group = (await orGone(asked, 'CacheParameterGroupNotFoundFault'))?.CacheParameterGroups?.[0]
  if (group === undefined) return null
  const own = await client.send(new DescribeCacheParametersCommand({ CacheParameterGroupName: name, Source: 'user' }))
  return {
    family: group.CacheParameterGroupFamily,
    description: group.Description,
    parameter: Object.fromEntries((own.Parameters ?? []).map((each) => [each.ParameterName, each.ParameterValue])),
    tags: await tagsOf(client, group.ARN),
  }
}

export const destroyParameterGroup = async (client: ElastiCacheClient, name: string): Promise<void> => {
  const remove = () => client.send(new DeleteCacheParameterGroupCommand({ CacheParameterGroupName: name }))
  await remove()
  if ((await orGone(remove(), 'CacheParameterGroupNotFoundFault')) !== null) throw new Error(`${name} was deleted twice`)
}

export interface SubnetGroupConfig {
  readonly description?: string
  readonly subnet_ids: readonly string[]
  readonly tags?: Readonly<Record<string, string>>
}

export const createSubnetGroup = (client: ElastiCacheClient, name: string, config: SubnetGroupConfig): Promise<unknown> =>
  client.send(
    new CreateCacheSubnetGroupCommand({
      CacheSubnetGroupName: name,
      CacheSubnetGroupDescription: config.description ?? 'Managed by Terraform',
      SubnetIds: config.subnet_ids.slice(),
      Tags: tagList(config.tags),
    }),
  )

export const readSubnetGroup = async (client: ElastiCacheClient, name: string) => {
  const asked = client.send(new DescribeCacheSubnetGroupsCommand({ CacheSubnetGroupName: name }))
  const group = (await orGone(asked, 'CacheSubnetGroupNotFoundFault'))?.CacheSubnetGroups?.[0]
  return group === undefined
    ? null
    : {
        description: group.CacheSubnetGroupDescription,
        subnet_ids: group.Subnets?.map(({ SubnetIdentifier }) => SubnetIdentifier ?? '').toSorted(),
        tags: await tagsOf(client, group.ARN),
      }
}

export const updateSubnetGroup = (client: ElastiCacheClient, name: string, config: SubnetGroupConfig): Promise<unknown> =>
  client.send(
    new ModifyCacheSubnetGroupCommand({
      CacheSubnetGroupName: name,
      CacheSubnetGroupDescription: config.description ?? 'Managed by Terraform',
      SubnetIds: config.subnet_ids.slice(),
    }),
  )

export const destroySubnetGroup = async (client: ElastiCacheClient, name: string): Promise<void> => {
  const remove = () => client.send(new DeleteCacheSubnetGroupCommand({ CacheSubnetGroupName: name }))
  await remove()
  if ((await orGone(remove(), 'CacheSubnetGroupNotFoundFault')) !== null) throw new Error(`${name} was deleted twice`)
}
