/** Settings without an effect (`model/without-effect.ts`) in requests: told, or refused where the home says so. */
import { invalidValue } from '../../../../errors.ts'
import { clusterEvents, type Happening, replicationGroupEvents } from '../../../../model/events.ts'
import type { GroupSpec } from '../../../../model/group.ts'
import { type HomeVolume, newlyWithoutEffect, unknownVolume } from '../../../../model/without-effect.ts'
import type { ActionContext } from '../../../action.ts'

export const isRefusing = (context: ActionContext): boolean => context.unsupported?.refused === true

export const homeVolume = (context: ActionContext): HomeVolume => context.unsupported?.volume ?? unknownVolume

/**
 * The events to be written with a change. `before` null: the group is new. Throws `InvalidParameterValueException` with
 * LARDER_UNSUPPORTED=refuse.
 */
export const tellWithoutEffect = (context: ActionContext, before: GroupSpec | null, after: GroupSpec): readonly Happening[] => {
  const found = newlyWithoutEffect(before, after, homeVolume(context))
  const refused = found.find(({ isMet, isUsual }) => !isMet && !isUsual)
  if (refused !== undefined && isRefusing(context)) throw invalidValue(refused.refusal)
  const events = after.space === 'rg' ? replicationGroupEvents : clusterEvents
  return found.map(({ text }) => events(after.region, after.id).withoutEffect(text))
}
