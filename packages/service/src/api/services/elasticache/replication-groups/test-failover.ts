import type { TestFailoverMessage, TestFailoverResult } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../../errors.ts'
import { replicationGroupEvents } from '../../../../model/events.ts'
import type { GroupSpec, ShardSpec } from '../../../../model/group.ts'
import { eventPrefix } from '../../../../model/keys.ts'
import type { EventRecord } from '../../../../model/records.ts'
import { eventKeyAt } from '../../../../ports/events.ts'
import { listRecords } from '../../../../ports/records.ts'
import type { Action, ActionContext } from '../../../action.ts'
import { requiredText } from '../../../required.ts'
import { untilWritten } from '../../../writing.ts'
import { findReplicationGroup, recordsOf } from '../groups/find.ts'
import { requireAvailableGroup } from '../groups/guards.ts'
import { writeChangedGroup } from '../groups/write-group.ts'
import { replicationGroupView } from '../views/replication-group.ts'

const mostInADay = 15
const dayMs = 24 * 3600 * 1000

const notAvailable = (why: string): Fault => new Fault('TestFailoverNotAvailableFault', why)

/** AWS allows 15 shards in a rolling day, over all groups. The events tell how many there were. */
const checkRate = async (context: ActionContext): Promise<void> => {
  const now = context.clock.now()
  const after = eventKeyAt(context.region, now - dayMs)
  const { records } = await listRecords<EventRecord>(context.store, eventPrefix(context.region), { after })
  const calls = records.filter(
    // Those of a clock that was ahead are not of this day.
    ({ value }) =>
      value.source === 'replication-group' && value.message.startsWith('Test Failover API called') && value.date <= now,
  )
  if (calls.length >= mostInADay) {
    throw new Fault(
      'APICallRateForCustomerExceededFault',
      `TestFailover can be called for at most ${mostInADay} node groups in 24 hours.`,
    )
  }
}

const shardNamed = (spec: GroupSpec, name: string | undefined): ShardSpec => {
  const wanted = requiredText('NodeGroupId', name)
  const shard = spec.shards.find((candidate) => candidate.id === wanted)
  if (shard !== undefined) return shard
  throw new Fault(
    'NodeGroupNotFoundFault',
    `Node group ${wanted.slice(0, 60)} not found in replication group ${spec.id}; it has ${spec.shards.map((each) => each.id).join(', ')}.`,
  )
}

type Ask = (input: TestFailoverMessage, context: ActionContext, isFree: boolean) => Promise<TestFailoverResult>

/** `isFree`: AWS's limit of switches in a day does not count. */
const askForSwitch: Ask = (input, context, isFree) =>
  untilWritten(`replication group ${input.ReplicationGroupId}`, async () => {
    const group = await findReplicationGroup(context, input.ReplicationGroupId)
    const spec = group.spec.value
    const shard = shardNamed(spec, input.NodeGroupId)
    requireAvailableGroup(group)
    const present = group.state?.value.shards[shard.id]
    const heir = shard.nodes.find((node) => node.id !== present?.primary && group.state?.value.nodes[node.id]?.joined === true)
    if (!spec.automaticFailover) throw notAvailable(`Automatic failover is not enabled for replication group ${spec.id}.`)
    if (present === undefined || heir === undefined) throw notAvailable(`Node group ${shard.id} has no replica to fail over to.`)
    if (!isFree) await checkRate(context)
    const shards = spec.shards.map((each) =>
      each.id === shard.id ? { ...each, wantedPrimary: { id: heir.id, epoch: present.epoch } } : each,
    )
    const written = await writeChangedGroup(context, group, {
      spec: { ...spec, shards },
      // The events of TestFailover are what its limit is counted by.
      events: isFree ? [] : [replicationGroupEvents(context.region, spec.id).testFailover(shard.id)],
    })
    return written === null ? null : { ReplicationGroup: replicationGroupView(recordsOf(written), context.account) }
  })

/** Asks for a planned switch of one shard to another of its nodes. The group's controller makes it, without losing an acknowledged write. */
export const testFailover: Action<TestFailoverMessage, TestFailoverResult> = (input, context) =>
  askForSwitch(input, context, false)

/** The same by Larder's own operation, as often as its user likes. */
export const switchPrimary: Action<TestFailoverMessage, TestFailoverResult> = (input, context) =>
  askForSwitch(input, context, true)
