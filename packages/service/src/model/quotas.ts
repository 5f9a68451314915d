/** AWS's default limits. Source: the page on quotas, and the faults of the API model. */
import { Fault } from '../errors.ts'

export const nodesInRegion = 300
export const shardsInGroup = 90
export const nodesInShard = 6
export const nodesInMemcachedCluster = 40
export const parameterGroupsInRegion = 300
export const subnetGroupsInRegion = 300
export const subnetsInGroup = 20
export const tagsOnResource = 50

const check = (shape: string, most: number, found: number, what: string): void => {
  if (found > most) throw new Fault(shape, `You have exceeded the limit of ${most} ${what}; ${found} were requested.`)
}

export const checkNodesInRegion = (found: number): void =>
  check('NodeQuotaForCustomerExceededFault', nodesInRegion, found, 'nodes in a region')
export const checkMemcachedNodes = (found: number): void =>
  check('NodeQuotaForClusterExceededFault', nodesInMemcachedCluster, found, 'nodes in a Memcached cluster')
export const checkShards = (found: number): void =>
  check('NodeGroupsPerReplicationGroupQuotaExceededFault', shardsInGroup, found, 'node groups in a replication group')
