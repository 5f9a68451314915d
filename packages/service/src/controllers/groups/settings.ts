import type { WantedSettings } from '../../decide/input.ts'
import { invalidValue } from '../../errors.ts'
import { compareVersions, familyOf } from '../../model/engine-versions.ts'
import type { GroupSpec } from '../../model/group.ts'
import { parameterGroupKey } from '../../model/keys.ts'
import { type NodeType, nodeType } from '../../model/node-types.ts'
import { changeTypeOf, effectiveParameters, maxMemoryBytes } from '../../model/parameters.ts'
import type { ParameterGroupRecord } from '../../model/records.ts'
import { readRecord } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'

export const nodeTypeOf = (spec: GroupSpec): NodeType => {
  const type = nodeType(spec.nodeType)
  if (type === null) throw invalidValue(`expected a node type that exists, found ${spec.nodeType}`)
  return type
}

interface Computed {
  readonly from: string
  readonly settings: WantedSettings
}

/**
 * What the parameter group and the node type ask of every node of the group. Default groups are not stored: they have no values of their
 * own. Asked at every step, also while clients wait for a failover: computed only when something has changed. `serving` is the version of the
 * engine that serves it: a node is told nothing that either this one or the version that was asked for does not know.
 */
export const createSettings = (
  store: Store,
  processors: number,
): ((spec: GroupSpec, serving: string) => Promise<WantedSettings>) => {
  let last: Computed | null = null
  return async (spec, serving) => {
    const record = await readRecord<ParameterGroupRecord>(store, parameterGroupKey(spec.region, spec.parameterGroup))
    const { engine, engineVersion } = spec
    const from = [record?.revision ?? 0, spec.parameterGroup, engine, engineVersion, serving, spec.kind, spec.nodeType].join(' ')
    if (last?.from === from) return last.settings
    const family = record?.value.family ?? familyOf(engine, engineVersion)
    const type = nodeTypeOf(spec)
    const known = compareVersions(serving, engineVersion) < 0 ? serving : engineVersion
    const parameters = effectiveParameters(family, spec.kind === 'cme', record?.value.values ?? {}, type, known)
    const requiresReboot = new Set(Object.keys(parameters).filter((name) => changeTypeOf(family, name) === 'requires-reboot'))
    const ioThreads = Math.min(type.ioThreads, processors)
    last = { from, settings: { parameters, maxMemoryBytes: maxMemoryBytes(type, parameters), requiresReboot, ioThreads } }
    return last.settings
  }
}
