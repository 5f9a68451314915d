import { families } from '../../../../model/engine-versions.ts'
import type { ParameterGroupRecord } from '../../../../model/records.ts'

/** Cluster mode came with Redis OSS 3.2; Memcached knows no cluster. */
const hasClusterMode = (family: string): boolean =>
  !family.startsWith('memcached') && family !== 'redis2.6' && family !== 'redis2.8'

/**
 * The parameter groups that every region has without anybody making them, for each family `default.<family>`, and
 * `default.<family>.cluster.on` where the family has a cluster mode. AWS calls the latter customized defaults: they differ from
 * the former in the value of `cluster-enabled`.
 */
export const defaultParameterGroups = (region: string): readonly ParameterGroupRecord[] =>
  families.flatMap(({ family }) => {
    const plain = {
      region,
      family,
      tags: [],
      name: `default.${family}`,
      description: `Default parameter group for ${family}`,
      values: {},
    }
    if (!hasClusterMode(family)) return [plain]
    const clustered = {
      ...plain,
      name: `default.${family}.cluster.on`,
      description: `Customized default parameter group for ${family} with cluster mode on`,
      values: { 'cluster-enabled': 'yes' },
    }
    return [plain, clustered]
  })

/** A name with dots can only be that of a default group. */
export const isDefaultGroup = (group: Pick<ParameterGroupRecord, 'name'>): boolean => group.name.startsWith('default.')
