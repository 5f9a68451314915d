/**
 * Errors whose text tools and people branch on, in the words of AWS. Sources: public reports of Terraform's AWS provider and others, the
 * provider's own conditions. `aws-texts.test.ts` has the call that brings forth each of them.
 */
import { Fault, invalidCombination, invalidValue } from '../errors.ts'

export const awsTexts = {
  logDeliveryAtOnce: (): Fault =>
    invalidValue('To modify the log delivery configuration, set the apply-immediately parameter to true.'),
  snapshotsNeedCluster: (): Fault =>
    invalidCombination('Must specify both SnapshotRetentionLimit and SnapshottingClusterId to turn on snapshots'),
  snapshottingClusterUnknown: (): Fault =>
    new Fault('CacheClusterNotFoundFault', 'Specified snapshotting cluster does not exist'),
  snapshottingClusterOfShards: (): Fault =>
    invalidCombination('Cannot set snapshotting cluster for cluster mode enabled replication group'),
} as const
