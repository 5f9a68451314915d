import type { CacheClusterMessage, DescribeCacheClustersMessage } from '@aws-sdk/client-elasticache'
import { clusterKey } from '../../../../model/keys.ts'
import type { GroupRecords } from '../../../../model/members.ts'
import type { ClusterIndex } from '../../../../model/records.ts'
import { listRecords, type Versioned } from '../../../../ports/records.ts'
import type { Action, ActionContext } from '../../../action.ts'
import { pageOf, pageRequest } from '../../../paging.ts'
import { findCacheCluster, readGroup, recordsOf } from '../groups/find.ts'
import { cacheClusterView } from '../views/cache-cluster.ts'

type IndexEntry = Versioned<ClusterIndex>

/** Entries of the index after `after`, `count` of them where there are so many, in the order of their names. */
const indexEntries = async (
  context: ActionContext,
  after: string | null,
  count: number,
  singlesOnly: boolean,
): Promise<readonly IndexEntry[]> => {
  const prefix = clusterKey(context.region, '')
  const found: IndexEntry[] = []
  let last = after === null ? null : clusterKey(context.region, after)
  for (;;) {
    const { records } = await listRecords<ClusterIndex>(context.store, prefix, {
      limit: count,
      ...(last === null ? {} : { after: last }),
    })
    found.push(...records.filter((record) => !singlesOnly || record.value.space === 'cc'))
    last = records.at(-1)?.key ?? null
    if (records.length < count || found.length >= count) return found.slice(0, count)
  }
}

/** Each group is read once, however many of its nodes are on the page. */
const groupReader = (context: ActionContext): ((index: ClusterIndex) => Promise<GroupRecords | null>) => {
  const known = new Map<string, Promise<GroupRecords | null>>()
  return ({ space, id }) => {
    const name = `${space}/${id}`
    const present = known.get(name)
    if (present !== undefined) return present
    const reading = readGroup(context, space, id).then((group) => (group === null ? null : recordsOf(group)))
    known.set(name, reading)
    return reading
  }
}

/** Reads no more than the page needs, however many clusters there are. */
export const describeCacheClusters: Action<DescribeCacheClustersMessage, CacheClusterMessage> = async (input, context) => {
  const { limit, after } = pageRequest(input)
  const showNodes = input.ShowCacheNodeInfo ?? false
  if (input.CacheClusterId !== undefined && input.CacheClusterId !== '') {
    const cluster = await findCacheCluster(context, input.CacheClusterId)
    return {
      Marker: undefined,
      CacheClusters: [cacheClusterView(recordsOf(cluster), cluster.clusterId, context.account, showNodes)],
    }
  }
  // One more than the page holds tells whether there is another page.
  const entries = await indexEntries(context, after, limit + 1, input.ShowCacheClustersNotInReplicationGroups ?? false)
  const nameOf = (entry: IndexEntry): string => entry.key.slice(clusterKey(context.region, '').length)
  const { items, marker } = pageOf(entries, nameOf, input)
  const read = groupReader(context)
  const views = await Promise.all(
    items.map(async (entry) => {
      const group = await read(entry.value)
      // Its group was removed since the index was read.
      return group === null ? [] : [cacheClusterView(group, nameOf(entry), context.account, showNodes)]
    }),
  )
  return { Marker: marker, CacheClusters: views.flat() }
}
