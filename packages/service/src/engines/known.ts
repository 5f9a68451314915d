/** What the catalog knows how to install. The list is data, so that the set-up script can read it before anything is installed. */
import type { EngineName } from '../model/group.ts'
import known from './known.json' with { type: 'json' }

/** A program from a distribution package, unpacked into a folder of its own with its libraries. */
export interface Source {
  /**
   * Suites of the Debian archive. Each list is looked into as a whole, one list after the other until one has the version; security
   * suites are left out where the machine has no security archive.
   */
  readonly suites: readonly (readonly string[])[]
  readonly package: string
  /** File in the package, under `usr/bin`, `usr/sbin` or `bin`. */
  readonly binary: string
}

/** Files that the engine loads while it runs, from a folder of this name beside its libraries. */
export interface Plugins {
  readonly folder: string
  /** Packages that the engine's own does not ask for. */
  readonly packages: readonly string[]
  readonly files: readonly string[]
}

export interface KnownEngine extends Source {
  readonly engine: EngineName
  readonly version: string
  /** Name under which the binary is to be called: the engines look at their own name. */
  readonly server: string
  readonly tools: readonly string[]
  readonly plugins?: Plugins
}

export interface KnownTool extends Source {
  readonly tool: string
}

const isEngineName = (text: string): text is EngineName => text === 'valkey' || text === 'redis' || text === 'memcached'

export const knownEngines: readonly KnownEngine[] = known.engines.map((entry) => {
  if (!isEngineName(entry.engine)) throw new TypeError(`known.json names an engine that does not exist: ${entry.engine}`)
  return { ...entry, engine: entry.engine }
})

/** What `npm start` cannot do without; any version of each. */
export const neededEngines: readonly EngineName[] = known.needed.map((name) => {
  if (!isEngineName(name)) throw new TypeError(`known.json needs an engine that does not exist: ${name}`)
  return name
})

export const knownTools: readonly KnownTool[] = known.tools

/** Folder of an engine version inside the engines folder. */
export const engineFolderName = (engine: string, version: string): string => `${engine}-${version}`
