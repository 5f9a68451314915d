/** Engines that get no security fixes any more: groups that run one go on with it and are told, new ones get another. */
import { compareVersions, minorOf } from './engine-versions.ts'
import type { EngineName } from './group.ts'

interface Retired {
  readonly engine: EngineName
  readonly minor: string
  /** First version of it without the holes. */
  readonly fixedIn: string
  readonly why: string
  readonly instead: string
}

const retired: readonly Retired[] = [
  {
    engine: 'valkey',
    minor: '8.0',
    fixedIn: '8.0.6',
    why: 'it has CVE-2025-46818 (a script changes what scripts of other users do) and CVE-2025-21605 (memory without end before login)',
    instead: '8.1',
  },
]

const find = (engine: EngineName, version: string): Retired | undefined =>
  retired.find((each) => each.engine === engine && each.minor === minorOf(version) && compareVersions(version, each.fixedIn) < 0)

/** What an engine that is installed and retired is still good for; null: nothing is wrong with it. */
export const retiredBuild = (engine: EngineName, version: string): string | null => {
  const found = find(engine, version)
  return found === undefined ? null : `gets no security fixes any more: ${found.why}; new groups get ${found.instead}`
}

/** A version in a list of what is there. */
export const versionWithNotice = (engine: EngineName, version: string): string =>
  find(engine, version) === undefined ? version : `${version} (without security fixes)`

/** What is wrong with an engine, in words, and what mends it; null: nothing that is known. */
export const whyRetired = (engine: EngineName, version: string): string | null => {
  const found = find(engine, version)
  return found === undefined
    ? null
    : `${engine} ${version} gets no security fixes any more: ${found.why}; move the group with EngineVersion ${found.instead}`
}
