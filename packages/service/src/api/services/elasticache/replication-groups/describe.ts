import type { DescribeReplicationGroupsMessage, ReplicationGroupMessage } from '@aws-sdk/client-elasticache'
import type { GroupSpec, GroupState } from '../../../../model/group.ts'
import { specKey, stateKey } from '../../../../model/keys.ts'
import { listRecords } from '../../../../ports/records.ts'
import type { Action } from '../../../action.ts'
import { pageOf, pageRequest } from '../../../paging.ts'
import { findReplicationGroup, recordsOf } from '../groups/find.ts'
import { replicationGroupView } from '../views/replication-group.ts'

/** Reads no more than the page needs, however many groups there are. */
export const describeReplicationGroups: Action<DescribeReplicationGroupsMessage, ReplicationGroupMessage> = async (
  input,
  context,
) => {
  const { limit, after } = pageRequest(input)
  if (input.ReplicationGroupId !== undefined && input.ReplicationGroupId !== '') {
    const group = await findReplicationGroup(context, input.ReplicationGroupId)
    return { Marker: undefined, ReplicationGroups: [replicationGroupView(recordsOf(group), context.account)] }
  }
  const key = (id: string) => ({ region: context.region, space: 'rg' as const, id })
  // One more than the page holds tells whether there is another page.
  const range = (prefix: (of: ReturnType<typeof key>) => string) => ({
    limit: limit + 1,
    ...(after === null ? {} : { after: prefix(key(after)) }),
  })
  const specs = await listRecords<GroupSpec>(context.store, specKey(key('')), range(specKey))
  // A state never stands without its spec, so as many states reach at least as far as the specs.
  const states = await listRecords<GroupState>(context.store, stateKey(key('')), range(stateKey))
  const stateOf = new Map(states.records.map((record) => [record.value.id, record.value]))
  const { items, marker } = pageOf(specs.records, (record) => record.value.id, input)
  return {
    Marker: marker,
    ReplicationGroups: items.map(({ value }) =>
      replicationGroupView({ spec: value, state: stateOf.get(value.id) ?? null }, context.account),
    ),
  }
}
