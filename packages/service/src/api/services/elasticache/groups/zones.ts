import { Fault, invalidValue } from '../../../../errors.ts'
import type { SubnetGroupRecord } from '../../../../model/records.ts'
import { zonePrefix } from '../../../../model/zone-records.ts'
import { zonesOf } from '../../../../model/zones.ts'
import type { ActionContext } from '../../../action.ts'

/** The zones in which a subnet group has a subnet, in order. */
const zonesIn = (group: SubnetGroupRecord): readonly string[] => {
  const zones = new Set(group.subnets.map((subnet) => subnet.zone))
  return zonesOf(group.region).filter((zone) => zones.has(zone))
}

/**
 * The zones in which new nodes may stand: those of the subnet group that are not down. Throws `InsufficientCacheClusterCapacityFault` where
 * one that is down was wished for, or none is left.
 */
export const zonesUp = async (
  context: Pick<ActionContext, 'store'>,
  group: SubnetGroupRecord,
  wanted: readonly (string | undefined)[] = [],
): Promise<readonly string[]> => {
  const prefix = zonePrefix(group.region)
  const { entries } = await context.store.list(prefix)
  const down = new Set(entries.map((entry) => entry.key.slice(prefix.length)))
  const up = zonesIn(group).filter((zone) => !down.has(zone))
  const lacking =
    wanted.find((zone) => zone !== undefined && down.has(zone)) ?? (up.length === 0 ? [...down].join(', ') : undefined)
  if (lacking === undefined) return up
  throw new Fault(
    'InsufficientCacheClusterCapacityFault',
    `There is no capacity in ${lacking}: it is down (larder zone up ${lacking}).`,
  )
}

/** Throws `InvalidParameterValueException` for a zone that the region or the subnet group does not have. */
export const checkZones = (group: SubnetGroupRecord, wanted: readonly (string | undefined)[]): void => {
  const allowed = zonesIn(group)
  for (const zone of wanted) {
    if (zone === undefined || allowed.includes(zone)) continue
    const shown = zone.slice(0, 60)
    if (!zonesOf(group.region).includes(zone)) {
      throw invalidValue(
        `${shown} is not a valid availability zone. The zones of ${group.region} are ${zonesOf(group.region).join(', ')}.`,
      )
    }
    throw invalidValue(`The subnet group ${group.name} has no subnet in ${shown}. Its zones are ${allowed.join(', ')}.`)
  }
}
