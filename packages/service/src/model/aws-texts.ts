/**
 * Errors whose text tools and people branch on, in the words of AWS. Sources: public reports of users of Terraform's AWS provider and others, and the
 * conditions of the provider. `api/aws-texts.test.ts` has the call that brings forth each of them.
 */
import { Fault, invalidCombination, invalidValue } from '../errors.ts'

export const awsTexts = {
  // Tags
  /** The provider asks again for 15 minutes, and after no other text. */
  tagsOfUnavailable: (): Fault =>
    new Fault('InvalidReplicationGroupStateFault', 'Cluster not in available state to perform tagging operations.'),

  // Modifications
  /** The provider takes it as done. */
  noModifications: (): Fault => invalidCombination('No modifications were requested.'),

  // Users
  /** Who removes one that is not there takes it as done: `not a member`. */
  notMember: (user: string, group: string): Fault => invalidValue(`User ${user} is not a member of user group ${group}.`),
  defaultUserRequired: (): Fault =>
    new Fault('DefaultUserRequired', 'User group needs to contain a user with the user name default.'),
  authenticationType: (type: string): Fault =>
    invalidValue(`Input Authentication type: ${type} is not in the allowed list: [password,no-password-required,iam]`),
  passwordFlag: (type: string): Fault =>
    invalidCombination(`No password required flag is true but provided authentication type is ${type}`),
  passwordsNotAllowed: (type: string): Fault =>
    invalidCombination(`Password field is not allowed with authentication type: ${type}`),
  passwordMissing: (): Fault => invalidCombination('A user with Authentication Mode: password, must have at least one password'),
  passwordsTwice: (): Fault => invalidCombination('Passwords provided via multiple arguments. Use only one argument'),
  userGroupWithToken: (): Fault =>
    invalidCombination("User group can't be associated with auth token enabled. Pass AuthStrategy delete to proceed."),
  tokenWithUserGroup: (): Fault =>
    invalidCombination("Auth tokens can't be enabled with a user group already associated. Pass RemoveUserGroups to proceed."),

  // Snapshots and windows
  snapshotsNeedCluster: (): Fault =>
    invalidCombination('Must specify both SnapshotRetentionLimit and SnapshottingClusterId to turn on snapshots'),
  snapshottingClusterUnknown: (): Fault =>
    new Fault('CacheClusterNotFoundFault', 'Specified snapshotting cluster does not exist'),
  snapshottingClusterOfShards: (): Fault =>
    invalidCombination('Cannot set snapshotting cluster for cluster mode enabled replication group'),
  shortSnapshotWindow: (): Fault => invalidValue('Snapshot window must be at least 60 minutes.'),
  windowsOverlap: (): Fault => invalidCombination('The snapshot window and maintenance window must not overlap.'),

  // Logs
  logDeliveryAtOnce: (): Fault =>
    invalidValue('To modify the log delivery configuration, set the apply-immediately parameter to true.'),

  // Parameter groups
  clusterModeDiffers: (): Fault =>
    invalidCombination(
      'The parameter cluster-enabled has a different value in the requested parameter group than the current parameter group. This parameter value cannot be changed for a cache cluster',
    ),
  clusterModeOfCluster: (): Fault =>
    invalidCombination('Cluster mode should be disabled in parameter group, but found it is enabled.'),
  clusterModeFixed: (): Fault => invalidValue('The parameter cluster-enabled cannot be modified.'),
  familyOfNew: (wanted: string, found: string): Fault =>
    invalidCombination(`Expected a parameter group of family ${wanted} but found one of family ${found}`),
  familyOfPresent: (present: string, requested: string): Fault =>
    invalidCombination(
      `Incompatible cache parameter group. The cache has Parameter Group Family ${present}. The requested cache parameter group has Parameter Group Family ${requested}.`,
    ),
  engineOfGroup: (parameterGroup: string, engine: string): Fault =>
    invalidCombination(`${parameterGroup} parameter group is not applicable to engine ${engine}`),
  tooManyParameters: (most: number): Fault =>
    invalidCombination(`Cannot modify more than ${most} parameters in a single request`),

  // Failover
  replicaNeeded: (): Fault =>
    invalidValue('Must have at least 1 replica when cluster mode is disabled with auto failover enabled.'),
  failoverNeedsTwo: (): Fault =>
    invalidCombination('When using automatic failover, there must be at least 2 cache clusters in the replication group.'),
  failoverStays: (): Fault =>
    invalidCombination('Turning off automatic failover for replication group with cluster mode enabled is not supported.'),
  failoverNeedsReplica: (): Fault =>
    invalidCombination('Replication group must have at least one read replica to enable autofailover.'),
  failoverOfType: (): Fault => invalidCombination('Automatic failover is not supported for T1 and T2 cache node types.'),

  // Subnet groups and security groups
  invalidSubnets: (ids: readonly string[]): Fault => invalidValue(`Some input subnets in :[${ids.join(', ')}] are invalid.`),
  subnetGroupExists: (name: string): Fault =>
    new Fault('CacheSubnetGroupAlreadyExistsFault', `Cache subnet group ${name} already exists.`),
  bothSecurityGroups: (): Fault =>
    invalidCombination('Use of cache security groups is not permitted along with cache subnet group and/or security group Ids.'),

  // Clusters
  cacheClusterNotFound: (id: string): Fault =>
    new Fault('CacheClusterNotFoundFault', `CacheCluster not found: ${id.slice(0, 100)}`),
  primaryNotDeleted: (id: string, group: string): Fault =>
    new Fault(
      'InvalidCacheClusterStateFault',
      `Cache cluster ${id} is serving as primary for replication group ${group} and cannot be deleted. To delete the entire replication group, use DeleteReplicationGroup.`,
    ),
  onlyMember: (): Fault =>
    new Fault(
      'InvalidCacheClusterStateFault',
      'Cannot delete the cache cluster since it is the only member of a replication group. Delete the replication group instead.',
    ),
} as const
