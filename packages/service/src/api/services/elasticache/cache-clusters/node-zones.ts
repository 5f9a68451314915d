/** In which zones the nodes of a new cache cluster stand: AZMode, PreferredAvailabilityZone and PreferredAvailabilityZones. */
import type { CreateCacheClusterMessage } from '@aws-sdk/client-elasticache'
import { placeNodes, type ZoneLoad } from '../../../../decide/placement.ts'
import { invalidCombination } from '../../../../errors.ts'
import { oneOf } from '../groups/values.ts'

type Input = Pick<CreateCacheClusterMessage, 'AZMode' | 'PreferredAvailabilityZone' | 'PreferredAvailabilityZones'>

export const zoneMode = (value: string | undefined): 'single-az' | 'cross-az' | undefined =>
  oneOf('AZMode', value, ['single-az', 'cross-az'] as const)

/** The zones that were asked for, one for each node; undefined: any. */
export interface ZoneWish {
  readonly zones: readonly (string | undefined)[]
  /** Nodes whose zone is open all go into one. */
  readonly together: boolean
}

const listed = (zones: readonly string[], mode: string | undefined, count: number): ZoneWish => {
  if (zones.length !== count)
    throw invalidCombination(`PreferredAvailabilityZones names ${zones.length} zones for ${count} nodes.`)
  const different = new Set(zones).size
  if (mode === 'single-az' && different > 1)
    throw invalidCombination('AZMode=single-az contradicts PreferredAvailabilityZones with different zones.')
  if (mode === 'cross-az' && different === 1)
    throw invalidCombination('AZMode=cross-az contradicts PreferredAvailabilityZones with a single zone.')
  return { zones, together: false }
}

/** Throws `InvalidParameterCombinationException`, `InvalidParameterValueException`. */
export const zoneWish = (input: Input, count: number): ZoneWish => {
  const mode = zoneMode(input.AZMode)
  const one = input.PreferredAvailabilityZone || undefined
  const zones = input.PreferredAvailabilityZones ?? []
  if (mode === 'cross-az' && count === 1) throw invalidCombination('AZMode=cross-az needs more than one node.')
  if (one !== undefined && zones.length > 0) {
    throw invalidCombination('PreferredAvailabilityZone and PreferredAvailabilityZones cannot be given together.')
  }
  if (zones.length > 0) return listed(zones, mode, count)
  if (one !== undefined && mode === 'cross-az')
    throw invalidCombination('AZMode=cross-az contradicts PreferredAvailabilityZone; use PreferredAvailabilityZones.')
  return { zones: Array.from({ length: count }, () => one), together: mode !== 'cross-az' }
}

export const placeWish = (wish: ZoneWish, zones: readonly string[], load: ZoneLoad): readonly string[] => {
  if (!wish.together) return placeNodes(zones, load, [], wish.zones)
  const [zone] = placeNodes(zones, load, [], wish.zones.slice(0, 1))
  return wish.zones.map(() => zone ?? '')
}
