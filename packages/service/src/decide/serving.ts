import { clusterEvents, type Happening, replicationGroupEvents } from '../model/events.ts'
import type { GroupSpec } from '../model/group.ts'
import { type Build, servedBy } from '../model/served-versions.ts'

/** Told where a group gets a version that another engine than this very one serves. `before`: null of a new group. */
export const servingEvents = (builds: readonly Build[], before: GroupSpec | null, after: GroupSpec): readonly Happening[] => {
  const { engine, engineVersion, region, id } = after
  const served = servedBy(builds, engine, engineVersion)
  if (before?.engineVersion === engineVersion || served === null || served.version === engineVersion) return []
  const events = after.space === 'rg' ? replicationGroupEvents(region, id) : clusterEvents(region, id)
  return [events.servedBy(`${engine} ${engineVersion}`, `${engine} ${served.version}`)]
}
