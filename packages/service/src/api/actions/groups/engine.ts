import { invalidCombination, invalidValue } from '../../../errors.ts'
import { checkVersionText, compareVersions } from '../../../model/engine-versions.ts'
import type { EngineName, GroupSpec } from '../../../model/group.ts'
import type { InstalledEngine } from '../../../ports/catalog.ts'
import type { ActionContext } from '../../action.ts'
import { notYet } from './not-yet.ts'
import { oneOf } from './values.ts'

const list = (context: ActionContext, engine: EngineName): string => {
  const versions = context.catalog
    .list()
    .filter((entry) => entry.engine === engine)
    .map((entry) => entry.version)
  return versions.length === 0 ? `no version of ${engine} is installed` : `installed are ${versions.join(', ')}`
}

/** Is `wanted` (`9`, `9.1`, `9.1.2`, `6.x`) a name of this version? */
const isNameOf = (wanted: string, version: string): boolean => `${version}.`.startsWith(`${wanted.replace(/\.x$/, '')}.`)

/**
 * The engine that a group is to run: the version that was asked for, which may be short (`9.1`, `6.x`), or the newest.
 * Throws `InvalidParameterValueException`, with what there is, where it is not installed.
 */
export const findEngine = (context: ActionContext, engine: EngineName, version: string | undefined): InstalledEngine => {
  const newest = context.catalog.list().find((entry) => entry.engine === engine)
  const wanted = version === undefined || version === '' ? undefined : checkVersionText(version)
  const found = wanted === undefined ? newest : context.catalog.find(engine, wanted.replace(/\.x$/, ''))
  if (found !== undefined && found !== null) return found
  throw invalidValue(
    `Cannot find version ${wanted ?? 'any'} for ${engine}: ${list(context, engine)}. The command "larder engines" tells more.`,
  )
}

/** The engine and version in a modification. What is not the present one is refused. Throws `InvalidParameterValueException` and `…Combination…`. */
export const refuseEngineChange = (spec: GroupSpec, engine: string | undefined, version: string | undefined): void => {
  const name = oneOf('Engine', engine, ['valkey', 'redis', 'memcached'] as const) ?? spec.engine
  if (name !== spec.engine) throw notYet(`Engine: changing the engine from ${spec.engine} to ${name} is`)
  if (version === undefined || version === '' || isNameOf(checkVersionText(version), spec.engineVersion)) return
  if (spec.engine !== 'memcached' && compareVersions(version, spec.engineVersion) < 0) {
    throw invalidCombination(`Cannot downgrade ${spec.engine} from ${spec.engineVersion} to ${version}.`)
  }
  throw notYet(`EngineVersion: changing the version from ${spec.engineVersion} to ${version} is`)
}

const hasDurability = (engine: EngineName, version: string): boolean =>
  engine === 'valkey' && compareVersions(version, '9.0') >= 0

/**
 * Durability came with Valkey 9; null for all others. Throws `InvalidParameterValueException` and `InvalidParameterCombinationException`.
 */
export const durabilityOf = (engine: EngineName, version: string, value: string | undefined): GroupSpec['durability'] => {
  const wanted = oneOf('Durability', value, ['default', 'async', 'sync', 'disabled'] as const)
  if (!hasDurability(engine, version)) {
    if (wanted === undefined) return null
    throw invalidCombination(`Durability needs Valkey 9.0 or later, found ${engine} ${version}.`)
  }
  return wanted ?? 'default'
}

const isDurable = (value: GroupSpec['durability']): boolean => value === 'async' || value === 'sync'

/** As on AWS durability is chosen when a group is made; later it changes between `async` and `sync` alone. */
export const changedDurability = (spec: GroupSpec, value: string | undefined): GroupSpec['durability'] => {
  if (value === undefined) return spec.durability
  const wanted = durabilityOf(spec.engine, spec.engineVersion, value)
  if (isDurable(wanted) !== isDurable(spec.durability))
    throw invalidCombination(
      `Durability cannot be turned on or off for a group that is there: it is ${spec.durability ?? 'disabled'}, asked for was ${wanted ?? 'disabled'}.`,
    )
  return wanted
}
