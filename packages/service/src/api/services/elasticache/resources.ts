/**
 * Which resources an operation of ElastiCache is about. Source: "Actions, resources, and condition keys for Amazon ElastiCache" of AWS's
 * service authorization reference. A star marks a kind without which there is no such call: where the request names none, it is about
 * all of them. Operations that are not here are about `*`.
 */
import { parseArn } from '../../../model/names.ts'

const kinds: Readonly<Record<string, string>> = {
  AddTagsToResource: 'arn',
  AuthorizeCacheSecurityGroupIngress: 'securitygroup*',
  BatchApplyUpdateAction: 'cluster replicationgroup',
  BatchStopUpdateAction: 'cluster replicationgroup',
  CompleteMigration: 'replicationgroup*',
  CopyServerlessCacheSnapshot: 'serverlesscachesnapshot*',
  CopySnapshot: 'snapshot*',
  CreateCacheCluster: 'cluster parametergroup* replicationgroup securitygroup snapshot subnetgroup',
  CreateCacheParameterGroup: 'parametergroup*',
  CreateCacheSecurityGroup: 'securitygroup*',
  CreateCacheSubnetGroup: 'subnetgroup*',
  CreateGlobalReplicationGroup: 'globalreplicationgroup* replicationgroup*',
  CreateReplicationGroup:
    'replicationgroup cluster globalreplicationgroup parametergroup* securitygroup snapshot subnetgroup usergroup',
  CreateServerlessCache: 'serverlesscache* snapshot usergroup',
  CreateServerlessCacheSnapshot: 'serverlesscache* serverlesscachesnapshot*',
  CreateSnapshot: 'cluster replicationgroup snapshot*',
  CreateUser: 'user*',
  CreateUserGroup: 'usergroup* user*',
  DecreaseNodeGroupsInGlobalReplicationGroup: 'globalreplicationgroup*',
  DecreaseReplicaCount: 'replicationgroup*',
  DeleteCacheCluster: 'cluster* snapshot',
  DeleteCacheParameterGroup: 'parametergroup*',
  DeleteCacheSecurityGroup: 'securitygroup*',
  DeleteCacheSubnetGroup: 'subnetgroup*',
  DeleteGlobalReplicationGroup: 'globalreplicationgroup*',
  DeleteReplicationGroup: 'replicationgroup* snapshot',
  DeleteServerlessCache: 'serverlesscache* snapshot',
  DeleteServerlessCacheSnapshot: 'serverlesscachesnapshot*',
  DeleteSnapshot: 'snapshot*',
  DeleteUser: 'user*',
  DeleteUserGroup: 'usergroup*',
  DescribeCacheClusters: 'cluster*',
  DescribeCacheParameterGroups: 'parametergroup*',
  DescribeCacheParameters: 'parametergroup*',
  DescribeCacheSecurityGroups: 'securitygroup*',
  DescribeCacheSubnetGroups: 'subnetgroup*',
  DescribeGlobalReplicationGroups: 'globalreplicationgroup*',
  DescribeReplicationGroups: 'replicationgroup*',
  DescribeReservedCacheNodes: 'reserved-instance*',
  DescribeServerlessCacheSnapshots: 'serverlesscachesnapshot* serverlesscache',
  DescribeServerlessCaches: 'serverlesscache*',
  DescribeSnapshots: 'snapshot*',
  DescribeUpdateActions: 'cluster replicationgroup',
  DescribeUserGroups: 'usergroup*',
  DescribeUsers: 'user*',
  DisassociateGlobalReplicationGroup: 'globalreplicationgroup*',
  ExportServerlessCacheSnapshot: 'serverlesscachesnapshot*',
  FailoverGlobalReplicationGroup: 'globalreplicationgroup*',
  IncreaseNodeGroupsInGlobalReplicationGroup: 'globalreplicationgroup*',
  IncreaseReplicaCount: 'replicationgroup*',
  ListAllowedNodeTypeModifications: 'cluster replicationgroup',
  ListTagsForResource: 'arn',
  ModifyCacheCluster: 'cluster* parametergroup securitygroup',
  ModifyCacheParameterGroup: 'parametergroup*',
  ModifyCacheSubnetGroup: 'subnetgroup*',
  ModifyGlobalReplicationGroup: 'globalreplicationgroup*',
  ModifyReplicationGroup: 'replicationgroup* parametergroup securitygroup usergroup',
  ModifyReplicationGroupShardConfiguration: 'replicationgroup*',
  ModifyServerlessCache: 'serverlesscache* usergroup',
  ModifyUser: 'user*',
  ModifyUserGroup: 'usergroup* user',
  PurchaseReservedCacheNodesOffering: 'reserved-instance*',
  RebalanceSlotsInGlobalReplicationGroup: 'globalreplicationgroup*',
  RebootCacheCluster: 'cluster*',
  RemoveTagsFromResource: 'arn',
  ResetCacheParameterGroup: 'parametergroup*',
  RevokeCacheSecurityGroupIngress: 'securitygroup*',
  StartMigration: 'replicationgroup*',
  TestFailover: 'replicationgroup*',
  TestMigration: 'replicationgroup*',
}

/** Members of requests that name resources of a kind, one or a list. */
const members: Readonly<Record<string, readonly string[]>> = {
  cluster: ['CacheClusterId', 'CacheClusterIds', 'PrimaryClusterId'],
  globalreplicationgroup: ['GlobalReplicationGroupId', 'GlobalReplicationGroupIdSuffix'],
  parametergroup: ['CacheParameterGroupName'],
  replicationgroup: ['ReplicationGroupId', 'ReplicationGroupIds', 'PrimaryReplicationGroupId'],
  'reserved-instance': ['ReservedCacheNodeId'],
  securitygroup: ['CacheSecurityGroupName', 'CacheSecurityGroupNames'],
  serverlesscache: ['ServerlessCacheName'],
  serverlesscachesnapshot: [
    'ServerlessCacheSnapshotName',
    'SourceServerlessCacheSnapshotName',
    'TargetServerlessCacheSnapshotName',
  ],
  snapshot: ['SnapshotName', 'SourceSnapshotName', 'TargetSnapshotName', 'FinalSnapshotIdentifier', 'FinalSnapshotName'],
  subnetgroup: ['CacheSubnetGroupName'],
  user: ['UserId', 'UserIds', 'UserIdsToAdd', 'UserIdsToRemove'],
  usergroup: ['UserGroupId', 'UserGroupIds', 'UserGroupIdsToAdd', 'UserGroupIdsToRemove'],
}

type Input = Readonly<Record<string, unknown>>

const textsOf = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? (value as readonly unknown[]) : [value]).filter((each) => typeof each === 'string')

/** The ARN that a request names, with the name as it is stored; `*` where it is none: nothing will be found by it. */
const named = (text: unknown): string => {
  if (typeof text !== 'string') return '*'
  try {
    const { region, account, type, name } = parseArn(text)
    return `arn:aws:elasticache:${region}:${account}:${type}:${name.toLowerCase()}`
  } catch {
    return '*'
  }
}

/** ARNs of what is asked about, each once. Names are stored in lower case, so whoever writes them otherwise means the same. */
export const elastiCacheResources = (action: string, input: Input, region: string, account: string): readonly string[] => {
  const wanted = Object.hasOwn(kinds, action) ? kinds[action] : undefined
  if (wanted === undefined) return ['*']
  if (wanted === 'arn') return [named(input['ResourceName'])]
  const arnsOf = (each: string): readonly string[] => {
    const kind = each.replace('*', '')
    const arn = (name: string): string =>
      `arn:aws:elasticache:${kind === 'globalreplicationgroup' ? '' : region}:${account}:${kind}:${name}`
    const names = (members[kind] ?? []).flatMap((member) => textsOf(input[member]))
    if (names.length > 0) return names.map((name) => arn(name.toLowerCase()))
    if (!each.endsWith('*')) return []
    // A group without a parameter group of its own gets one of the defaults.
    return [arn(kind === 'parametergroup' && action.startsWith('Create') ? 'default.*' : '*')]
  }
  const arns = wanted.split(' ').flatMap(arnsOf)
  const first = wanted.split(/[ *]/)[0] ?? ''
  return arns.length > 0 ? [...new Set(arns)] : [`arn:aws:elasticache:${region}:${account}:${first}:*`]
}
