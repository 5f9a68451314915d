/** Changes that a modification put off are made part of the spec when the maintenance window opens. */
import { withPending } from '../../decide/pending.ts'
import { servingEvents } from '../../decide/serving.ts'
import type { GroupSpec } from '../../model/group.ts'
import { inMaintenanceWindow } from '../../model/windows.ts'
import { eventOperations } from '../../ports/events.ts'
import { put, unchanged, type Versioned } from '../../ports/records.ts'
import type { GroupContext } from './context.ts'

/** True when the spec was changed: read it again. */
export const applyPending = async (context: GroupContext, record: Versioned<GroupSpec>): Promise<boolean> => {
  const spec = record.value
  if (spec.pending === null || spec.deletion !== null) return false
  if (!inMaintenanceWindow(spec.labels.maintenanceWindow, context.clock.now())) return false
  const next = withPending(spec)
  const events = eventOperations(servingEvents(context.catalog.list(), spec, next), context.clock.now(), context.unique())
  const result = await context.store.transact([unchanged(record)], [put(record.key, next), ...events])
  return result.ok
}
