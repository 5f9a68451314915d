/** AWS's default limits. Source: the page on quotas, and the faults of the API model. */
import { Fault } from '../errors.ts'

export const quotas = {
  nodesPerRegion: 300,
  shardsPerGroup: 90,
  nodesPerShard: 6,
  nodesPerMemcachedCluster: 40,
  parameterGroups: 300,
  subnetGroups: 300,
  subnetsPerGroup: 20,
  tags: 50,
  parametersPerRequest: 20,
} as const

const check = (shape: string, most: number, found: number, what: string): void => {
  if (found > most) throw new Fault(shape, `You have exceeded the limit of ${most} ${what}; ${found} were requested.`)
}

export const checkNodesInRegion = (found: number): void => check('NodeQuotaForCustomerExceededFault', quotas.nodesPerRegion, found, 'nodes in a region')
export const checkMemcachedNodes = (found: number): void =>
  check('NodeQuotaForClusterExceededFault', quotas.nodesPerMemcachedCluster, found, 'nodes in a Memcached cluster')
export const checkShards = (found: number): void =>
  check('NodeGroupsPerReplicationGroupQuotaExceededFault', quotas.shardsPerGroup, found, 'node groups in a replication group')
export const checkParameterGroups = (found: number): void =>
  check('CacheParameterGroupQuotaExceededFault', quotas.parameterGroups, found, 'cache parameter groups')
export const checkSubnetGroups = (found: number): void => check('CacheSubnetGroupQuotaExceededFault', quotas.subnetGroups, found, 'cache subnet groups')
export const checkSubnets = (found: number): void => check('CacheSubnetQuotaExceededFault', quotas.subnetsPerGroup, found, 'subnets in a cache subnet group')
