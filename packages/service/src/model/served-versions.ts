/**
 * Versions that are asked for, and engines that serve them. A version is shown as it was asked for; the engine behind it is the nearest of
 * those that are installed and able to load its data. Pure.
 */
import { awsDefaults, awsVersions } from './aws-versions.ts'
import { compareVersions, minorOf } from './engine-versions.ts'
import type { EngineName } from './group.ts'
import { whyRetired } from './retired-engines.ts'

export interface Build {
  readonly engine: EngineName
  /** `9.1.2` */
  readonly version: string
}

/** `9.1.2` begins with `9`, `9.1` and `9.1.2`; of `9.x` the letter stands for nothing. */
export const isNamed = (version: string, wanted: string): boolean => `${version}.`.startsWith(`${wanted.replace(/\.x$/, '')}.`)

/**
 * A version as AWS lists it: since Redis OSS 6 and for Valkey without the patch (`9.1`), which is also the only form that Terraform
 * takes; Memcached and older Redis OSS whole (`1.6.22`).
 */
const listedVersion = (engine: EngineName, version: string): string =>
  engine === 'memcached' || (engine === 'redis' && compareVersions(version, '6') < 0) ? version : minorOf(version)

const newestFirst = (a: string, b: string): number => compareVersions(b, a)

/** Builds of an engine for groups that run none yet: one without security fixes only where there is no other. */
const forNewGroups = <T extends Build>(builds: readonly T[], engine: EngineName): readonly T[] => {
  const own = builds.filter((build) => build.engine === engine)
  const good = own.filter(({ version }) => whyRetired(engine, version) === null)
  return good.length > 0 ? good : own
}

/** The version that a group has that was asked for `wanted`: installed ones first, then those of AWS. Null: there is none. */
export const wholeVersion = (builds: readonly Build[], engine: EngineName, wanted: string, exact = false): string | null => {
  const installed = forNewGroups(builds, engine)
  const listed = exact ? [] : awsVersions.filter((each) => each.engine === engine).flatMap(({ whole }) => whole)
  return (
    [installed.map(({ version }) => version), listed]
      .map((versions) => versions.filter((version) => isNamed(version, wanted)).toSorted(newestFirst)[0])
      .find((version) => version !== undefined) ?? null
  )
}

const newest = <T extends Build>(builds: readonly T[]): T | null =>
  // Of two builds of the same version the first stands for both: the catalog lists the newer one first.
  builds.reduce<T | null>((best, each) => (best === null || compareVersions(each.version, best.version) > 0 ? each : best), null)

/**
 * The engine that serves `version`. `ran` are the versions that nodes of the group have run: what wrote its data may be newer than what was asked
 * for, and an older engine would not load it.
 */
export const servedBy = <T extends Build>(
  builds: readonly T[],
  engine: EngineName,
  version: string,
  ran: readonly string[] = [],
): T | null => {
  const [floor] = ran.toSorted(newestFirst)
  const present = new Set(ran.map(minorOf))
  const good = forNewGroups(builds, engine)
  const fit = builds.filter(
    (build) =>
      build.engine === engine &&
      (engine === 'memcached' || floor === undefined || compareVersions(build.version, floor) >= 0) &&
      (present.has(minorOf(build.version)) || good.includes(build)),
  )
  const ofMinor = (minor: string): T | null => newest(fit.filter((build) => minorOf(build.version) === minor))
  const like = awsVersions.find((each) => each.engine === engine && isNamed(version, each.version))?.like
  const exact = ofMinor(minorOf(version)) ?? (like === undefined ? null : ofMinor(like))
  if (exact !== null) return exact
  const minors = [...new Set(fit.map((build) => minorOf(build.version)))].toSorted(compareVersions)
  const next = minors.find((minor) => compareVersions(minor, minorOf(version)) > 0)
  // Memcached has no data to load.
  const last = engine === 'memcached' ? minors.at(-1) : undefined
  const nearest = next ?? last
  return nearest === undefined ? null : ofMinor(nearest)
}

/** What a request without a version gets: AWS's default where something serves it, else the newest that is installed. */
export const defaultVersion = (builds: readonly Build[], engine: EngineName, exact = false): string | null => {
  const usual = exact ? null : wholeVersion(builds, engine, awsDefaults[engine])
  if (usual !== null && servedBy(builds, engine, usual) !== null) return usual
  return newest(forNewGroups(builds, engine))?.version ?? null
}

export interface Offered<T extends Build> {
  readonly engine: EngineName
  /** As AWS lists it. */
  readonly version: string
  /** What a group has that was asked for it. */
  readonly whole: string
  readonly served: T
}

/** Everything that can be asked for and served, once for each version that is listed. */
export const offeredVersions = <T extends Build>(builds: readonly T[], exact = false): readonly Offered<T>[] => {
  const named = [
    ...builds.map(({ engine, version }) => ({ engine, version: listedVersion(engine, version) })),
    ...(exact ? [] : awsVersions),
  ]
  const distinct = new Map(named.map(({ engine, version }) => [`${engine}/${version}`, { engine, version }]))
  return [...distinct.values()].flatMap(({ engine, version }): readonly Offered<T>[] => {
    const whole = wholeVersion(builds, engine, version, exact)
    const served = whole === null ? null : servedBy(builds, engine, whole)
    return whole === null || served === null ? [] : [{ engine, version, whole, served }]
  })
}
