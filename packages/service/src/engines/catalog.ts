/** Engines that can be started on this machine: installed by Larder, in folders that the user named, and on the PATH. */
import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { LarderError } from '../errors.ts'
import { compareVersions } from '../model/engine-versions.ts'
import type { EngineName } from '../model/group.ts'
import type { Catalog, InstalledEngine } from '../ports/catalog.ts'
import { type Provenance, provenanceFile, versionIn } from './install.ts'
import { engineFolderName, knownEngines } from './known.ts'

const servers: Readonly<Record<EngineName, string>> = { valkey: 'valkey-server', redis: 'redis-server', memcached: 'memcached' }

/** `LARDER_ENGINES`, else a cache folder of the user that all homes share. */
export const enginesFolderOf = (environment: NodeJS.ProcessEnv): string =>
  environment['LARDER_ENGINES'] ?? join(environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'larder', 'engines')

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false
    throw error
  }
}

const isProvenance = (value: unknown): value is Provenance =>
  typeof value === 'object' && value !== null && 'name' in value && 'version' in value && 'program' in value && 'loader' in value

/** Null where nothing whole is installed. */
export const readProvenance = (folder: string): Provenance | null => {
  const path = join(folder, provenanceFile)
  if (!existsSync(path)) return null
  const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
  return isProvenance(value) ? value : null
}

/** How a program of an installed folder is started. */
export const commandIn = (folder: string, provenance: Provenance, program: string): readonly string[] => [
  join(folder, 'lib', provenance.loader),
  '--library-path',
  join(folder, 'lib'),
  join(folder, 'bin', program),
]

const installedIn = (enginesFolder: string): readonly InstalledEngine[] => {
  if (!existsSync(enginesFolder)) return []
  return readdirSync(enginesFolder).flatMap((name): readonly InstalledEngine[] => {
    const folder = join(enginesFolder, name)
    const provenance = name.startsWith('.') ? null : readProvenance(folder)
    const known = knownEngines.find((entry) => provenance !== null && entry.engine === provenance.name)
    if (provenance === null || known === undefined) return []
    const command = commandIn(folder, provenance, provenance.program)
    return [{ engine: known.engine, version: provenance.version, source: 'installed', path: folder, command }]
  })
}

/** Asks the binary itself. One that does not say its version is not taken. */
const probe = (engine: EngineName, path: string, source: 'path' | 'folder'): readonly InstalledEngine[] => {
  if (!isExecutable(path)) return []
  try {
    const version = versionIn(
      execFileSync(path, ['--version'], { encoding: 'utf8', timeout: 5_000, stdio: ['ignore', 'pipe', 'ignore'] }),
    )
    return version === null ? [] : [{ engine, version, source, path, command: [path] }]
  } catch (error) {
    throw new LarderError('engine-missing', `expected ${path} to tell its version, found: ${String(error)}`, { cause: error })
  }
}

const inFolders = (folders: readonly string[], source: 'path' | 'folder'): readonly InstalledEngine[] =>
  folders.flatMap((folder) =>
    (Object.keys(servers) as EngineName[]).flatMap((engine) => probe(engine, join(folder, servers[engine]), source)),
  )

const splitPath = (text: string | undefined): readonly string[] => (text ?? '').split(delimiter).filter((part) => part !== '')

/** Reads folders and, for engines that Larder did not install, asks the binaries: about 10 ms each. */
export const openCatalog = (environment: NodeJS.ProcessEnv): Catalog => {
  const enginesFolder = enginesFolderOf(environment)
  const found = [
    ...inFolders(splitPath(environment['LARDER_ENGINE_PATH']), 'folder'),
    ...installedIn(enginesFolder),
    ...inFolders([...new Set(splitPath(environment['PATH']))], 'path'),
  ]
  const sorted = found
    .filter(
      (entry, index) => found.findIndex((other) => other.engine === entry.engine && other.version === entry.version) === index,
    )
    .sort((a, b) => (a.engine === b.engine ? compareVersions(b.version, a.version) : a.engine < b.engine ? 1 : -1))
  return {
    list: () => sorted,
    known: () =>
      knownEngines.map(({ engine, version }) => ({
        engine,
        version,
        installed: readProvenance(join(enginesFolder, engineFolderName(engine, version))) !== null,
      })),
    find: (engine, version) =>
      sorted.find((entry) => entry.engine === engine && `${entry.version}.`.startsWith(`${version}.`)) ?? null,
  }
}
