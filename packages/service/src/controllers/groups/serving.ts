/** Which engine runs, or is to run, the nodes of a group. */
import type { GroupSpec, GroupState } from '../../model/group.ts'
import { servedBy } from '../../model/served-versions.ts'
import type { Catalog, InstalledEngine } from '../../ports/catalog.ts'

/** Versions that nodes of the group have run: what they have on disk or in memory was written by these. */
const ranIn = (state: GroupState): readonly string[] =>
  Object.values(state.nodes)
    .filter((node) => node.joined || node.process !== null)
    .map((node) => node.engineVersion)

/**
 * The version that nodes are to run: what they run stays as long as it can serve the version that was asked for, also where its files are gone or a
 * nearer engine has come. Left out: nothing can serve it, and whatever runs goes on.
 */
export const versionWanted = (catalog: Catalog, spec: GroupSpec, state: GroupState): string | undefined => {
  const ran = ranIn(state)
  const running = ran.map((version) => ({ engine: spec.engine, version }))
  return servedBy([...running, ...catalog.list()], spec.engine, spec.engineVersion, ran)?.version
}

/** Null: no engine that is installed can. */
export const engineServing = (catalog: Catalog, spec: GroupSpec, state: GroupState): InstalledEngine | null =>
  servedBy(catalog.list(), spec.engine, spec.engineVersion, ranIn(state))
