import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { awsVersions } from '../../../../model/aws-versions.ts'
import { checkVersionText, compareVersions } from '../../../../model/engine-versions.ts'
import type { EngineName, GroupSpec } from '../../../../model/group.ts'
import { versionWithNotice } from '../../../../model/retired-engines.ts'
import { defaultVersion, isNamed, servedBy, wholeVersion } from '../../../../model/served-versions.ts'
import type { InstalledEngine } from '../../../../ports/catalog.ts'
import type { ActionContext } from '../../../action.ts'
import { notYet } from './not-yet.ts'
import { oneOf } from './values.ts'

const installedList = (context: ActionContext, engine: EngineName): string => {
  const versions = context.catalog
    .list()
    .filter((entry) => entry.engine === engine)
    .map(({ version }) => versionWithNotice(engine, version))
  return versions.length === 0 ? `no version of ${engine} is installed` : `installed are ${versions.join(', ')}`
}

const offeredList = (context: ActionContext, engine: EngineName): string => {
  const listed = awsVersions.filter((each) => each.engine === engine).map(({ version }) => version)
  return context.exactVersions === true ? '' : `AWS has ${listed.join(', ')}; `
}

/** An engine as a group is to show it, and the one that serves it. */
export interface ChosenEngine {
  readonly engine: EngineName
  /** `7.1.0` */
  readonly version: string
  readonly served: InstalledEngine
}

const unknownVersion = (context: ActionContext, engine: EngineName, wanted: string | undefined) =>
  invalidValue(
    `Cannot find version ${wanted ?? 'any'} for ${engine}: ${offeredList(context, engine)}${installedList(context, engine)}. The command "larder engines" tells more.`,
  )

/** The whole version that `wanted` names (`9.1`, `6.x`, `7.0.7`). Throws `InvalidParameterValueException`, with what there is. */
export const namedVersion = (context: ActionContext, engine: EngineName, wanted: string): string => {
  const found = wholeVersion(context.catalog.list(), engine, checkVersionText(wanted), context.exactVersions)
  if (found === null) throw unknownVersion(context, engine, wanted)
  return found
}

/** Throws `InvalidParameterValueException` where no engine that is installed can serve this version. */
export const servingEngine = (
  context: ActionContext,
  engine: EngineName,
  version: string,
  ran: readonly string[] = [],
): InstalledEngine => {
  const served = servedBy(context.catalog.list(), engine, version, ran)
  if (served === null) throw unknownVersion(context, engine, version)
  return served
}

/**
 * The engine that a group is to run: the version that was asked for, which may be short (`9.1`, `6.x`), or AWS's default, and the nearest
 * engine that is installed. Throws `InvalidParameterValueException`, with what there is, where there is none.
 */
export const findEngine = (context: ActionContext, engine: EngineName, wanted: string | undefined): ChosenEngine => {
  const version =
    wanted === undefined || wanted === ''
      ? defaultVersion(context.catalog.list(), engine, context.exactVersions)
      : namedVersion(context, engine, wanted)
  if (version === null) throw unknownVersion(context, engine, wanted)
  return { engine, version, served: servingEngine(context, engine, version) }
}

/** What a request repeats of a group that it does not change. Throws `InvalidParameterValueException` and `…Combination…`. */
export const checkSameEngine = (spec: GroupSpec, engine: string | undefined, version: string | undefined): void => {
  const name = oneOf('Engine', engine, ['valkey', 'redis', 'memcached'] as const) ?? spec.engine
  if (name !== spec.engine) throw notYet(`Engine: changing the engine from ${spec.engine} to ${name} is`)
  if (version === undefined || version === '' || isNamed(spec.engineVersion, checkVersionText(version))) return
  throw invalidCombination(`EngineVersion=${version} contradicts what the nodes have, ${spec.engineVersion}.`)
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
