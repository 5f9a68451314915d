/** A drill of losing an availability zone: as long as this record is there, nothing of the zone runs. */
export interface ZoneRecord {
  readonly region: string
  /** `us-east-1b` */
  readonly zone: string
  /** Milliseconds since 1970. */
  readonly downSince: number
}

export const zonePrefix = (region: string): string => `zone/${region}/`
export const zoneKey = (region: string, zone: string): string => `${zonePrefix(region)}${zone}`
