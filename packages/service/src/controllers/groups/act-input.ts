import type { WantedSettings } from '../../decide/input.ts'
import type { GroupSpec } from '../../model/group.ts'
import type { GroupContext } from './context.ts'
import type { GroupEvents } from './events.ts'
import type { InForce } from './observe.ts'
import type { StateCell } from './state-cell.ts'

/** What carrying out a decision needs. */
export interface ActInput {
  readonly context: GroupContext
  readonly spec: GroupSpec
  readonly cell: StateCell
  readonly wanted: WantedSettings
  readonly inForce: InForce
  readonly events: GroupEvents
  /** Something else happened to the group: what merely waits is to come back. */
  readonly interrupted: () => boolean
  /** The worker holds another cell by now: `cell` is out of date. */
  readonly isReplaced: () => boolean
}
