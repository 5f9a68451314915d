/** Another EngineVersion for a group that is there. */
import { invalidCombination } from '../../../../errors.ts'
import { compareVersions, defaultParameterGroup, familyOf } from '../../../../model/engine-versions.ts'
import type { GroupSpec, PendingChange } from '../../../../model/group.ts'
import { isNamed } from '../../../../model/served-versions.ts'
import type { Condition } from '../../../../ports/store.ts'
import type { ActionContext } from '../../../action.ts'
import { namedVersion, servingEngine } from './engine.ts'
import type { StoredGroup } from './find.ts'
import { notYet } from './not-yet.ts'
import { isClustered, parameterGroupFor } from './references.ts'
import { oneOf } from './values.ts'

interface Asked {
  readonly Engine?: string | undefined
  readonly EngineVersion?: string | undefined
  readonly CacheParameterGroupName?: string | undefined
}

export interface EngineChange {
  /** What is to be at once, or in the maintenance window. */
  readonly pending: PendingChange
  readonly conditions: readonly Condition[]
  /** Does the request name the parameter group of the new version? Then it does not change before. */
  readonly takesParameterGroup: boolean
}

const none: EngineChange = { pending: {}, conditions: [], takesParameterGroup: false }

/** A version of another family has parameters of its own: the default ones follow by themselves, others have to be named. */
const parameterGroupOf = async (context: ActionContext, spec: GroupSpec, version: string, name: string | undefined) => {
  const clusterMode = spec.kind === 'cme'
  const isDefault = spec.parameterGroup === defaultParameterGroup(spec.engine, spec.engineVersion, clusterMode)
  const usual = isDefault ? defaultParameterGroup(spec.engine, version, clusterMode) : spec.parameterGroup
  const { value, conditions } = await parameterGroupFor(context, name || usual, spec.engine, version)
  if (isClustered(value) !== clusterMode) {
    throw invalidCombination(
      `The parameter group ${value.name} has cluster-enabled=${isClustered(value) ? 'yes' : 'no'}, and the cluster mode of ${spec.id} is ${spec.clusterMode}.`,
    )
  }
  return { name: value.name, conditions }
}

/**
 * What Engine and EngineVersion of a modification change. Between versions that the same engine serves only the version that is shown changes; else
 * the nodes are restarted with another engine, one after the other.
 * Throws `InvalidParameterValueException` and `…Combination…`.
 */
export const changedEngine = async (context: ActionContext, group: StoredGroup, input: Asked): Promise<EngineChange> => {
  const spec = group.spec.value
  const engine = oneOf('Engine', input.Engine, ['valkey', 'redis', 'memcached'] as const) ?? spec.engine
  if (engine !== spec.engine) throw notYet(`Engine: changing the engine from ${spec.engine} to ${engine} is`)
  const wanted = input.EngineVersion
  if (wanted === undefined || wanted === '' || isNamed(spec.engineVersion, wanted)) return none
  const version = namedVersion(context, engine, wanted)
  if (compareVersions(version, spec.engineVersion) < 0)
    throw invalidCombination(`Cannot modify ${engine} from ${spec.engineVersion} to ${wanted}`)
  const ran = Object.values(group.state?.value.nodes ?? {}).map((node) => node.engineVersion)
  servingEngine(context, engine, version, ran)
  if (familyOf(engine, version) === familyOf(engine, spec.engineVersion)) return { ...none, pending: { engineVersion: version } }
  const parameters = await parameterGroupOf(context, spec, version, input.CacheParameterGroupName)
  return {
    pending: { engineVersion: version, parameterGroup: parameters.name },
    conditions: parameters.conditions,
    takesParameterGroup: true,
  }
}
