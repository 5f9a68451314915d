import type { DeleteReplicationGroupMessage, DeleteReplicationGroupResult } from '@aws-sdk/client-elasticache'
import { invalidCombination } from '../../../../errors.ts'
import type { Action } from '../../../action.ts'
import { untilWritten } from '../../../writing.ts'
import { finalSnapshot } from '../groups/final-snapshot.ts'
import { findReplicationGroup, recordsOf } from '../groups/find.ts'
import { requireDeletableGroup } from '../groups/guards.ts'
import { writeChangedGroup } from '../groups/write-group.ts'
import { replicationGroupView } from '../views/replication-group.ts'

/** Shown as `deleting` until the controller has taken everything down. With RetainPrimaryCluster the primary goes on as a cluster of its own. */
export const deleteReplicationGroup: Action<DeleteReplicationGroupMessage, DeleteReplicationGroupResult> = (input, context) =>
  untilWritten(`replication group ${input.ReplicationGroupId}`, async () => {
    const group = await findReplicationGroup(context, input.ReplicationGroupId)
    requireDeletableGroup(group)
    const snapshot = finalSnapshot(input, group.spec.value)
    const spec = group.spec.value
    const retainPrimary = input.RetainPrimaryCluster ?? false
    if (retainPrimary && spec.kind === 'cme') {
      throw invalidCombination('RetainPrimaryCluster cannot be given for a replication group with cluster mode enabled.')
    }
    const written = await writeChangedGroup(context, group, {
      spec: { ...spec, pending: null, deletion: { requestedAt: context.clock.now(), retainPrimary, ...snapshot } },
    })
    return written === null ? null : { ReplicationGroup: replicationGroupView(recordsOf(written), context.account) }
  })
