import { invalidValue } from '../../../errors.ts'
import type { SubnetGroupRecord } from '../../../model/records.ts'
import { zonesOf } from '../../../model/zones.ts'

/** The zones in which a subnet group has a subnet, in order. */
export const zonesIn = (group: SubnetGroupRecord): readonly string[] => {
  const zones = new Set(group.subnets.map((subnet) => subnet.zone))
  return zonesOf(group.region).filter((zone) => zones.has(zone))
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
