/** Everything of a region that has tags, by its ARN. */
import { cacheSecurityGroupKey } from '../../../model/cache-security-groups.ts'
import type { GroupSpec, Tag } from '../../../model/group.ts'
import { clusterKey, parameterGroupKey, subnetGroupKey } from '../../../model/keys.ts'
import { arn } from '../../../model/names.ts'
import type { ClusterIndex } from '../../../model/records.ts'
import { userGroupKey, userKey } from '../../../model/users.ts'
import { listRecords } from '../../../ports/records.ts'
import type { ActionContext } from '../../action.ts'
import { specsOf } from '../../writing.ts'
import { arnOf } from '../ec2/resources.ts'
import { allTagged } from '../ec2/tags.ts'

export interface TaggedResource {
  readonly arn: string
  /** `elasticache:cluster`, `ec2:vpc`. */
  readonly type: string
  readonly tags: readonly Tag[]
}

interface Named {
  readonly name?: string
  readonly id?: string
  readonly tags?: readonly Tag[]
}

const kinds = [
  ['parametergroup', parameterGroupKey],
  ['subnetgroup', subnetGroupKey],
  ['securitygroup', cacheSecurityGroupKey],
  ['user', userKey],
  ['usergroup', userGroupKey],
] as const

export const taggedResources = async (context: ActionContext): Promise<readonly TaggedResource[]> => {
  const { region, account, store } = context
  const cache = (
    kind: (typeof kinds)[number][0] | 'cluster' | 'replicationgroup',
    id: string,
    tags: readonly Tag[],
  ): TaggedResource => ({
    arn: arn(region, account, kind, id),
    type: `elasticache:${kind}`,
    tags,
  })
  const specs = (await specsOf(context)).map(({ value }) => value).filter(({ deletion }) => deletion === null)
  const groupOf = (index: ClusterIndex): GroupSpec | undefined =>
    specs.find(({ space, id }) => space === index.space && id === index.id)
  const clusterPrefix = clusterKey(region, '')
  const clusters = (await listRecords<ClusterIndex>(store, clusterPrefix)).records.flatMap(({ key, value }) => {
    const group = groupOf(value)
    return group === undefined ? [] : [cache('cluster', key.slice(clusterPrefix.length), value.tags ?? group.tags)]
  })
  const named = await Promise.all(
    kinds.map(async ([kind, keyOf]) => {
      const { records } = await listRecords<Named>(store, keyOf(region, ''))
      return records.map(({ value }) => cache(kind, value.id ?? value.name ?? '', value.tags ?? []))
    }),
  )
  const groups = specs.flatMap(({ space, id, tags }) => (space === 'rg' ? [cache('replicationgroup', id, tags)] : []))
  const ec2 = (await allTagged(context)).map(({ id, type, tags }) => ({
    arn: arnOf(context, type, id),
    type: `ec2:${type}`,
    tags,
  }))
  return [...groups, ...clusters, ...named.flat(), ...ec2]
    .filter(({ tags }) => tags.length > 0)
    .toSorted((a, b) => (a.arn < b.arn ? -1 : 1))
}
