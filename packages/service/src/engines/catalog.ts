/** Engines that can be started on this machine: installed by Larder, in folders that the user named, and on the PATH. */
import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { LarderError } from '../errors.ts'
import { compareVersions } from '../model/engine-versions.ts'
import type { EngineName } from '../model/group.ts'
import type { Catalog, InstalledEngine } from '../ports/catalog.ts'
import { buildsOf, commandIn, isWhole, versionIn } from './installed.ts'
import { knownEngines } from './known.ts'

const servers: Readonly<Record<EngineName, string>> = { valkey: 'valkey-server', redis: 'redis-server', memcached: 'memcached' }
const engineNames: readonly EngineName[] = ['valkey', 'redis', 'memcached']

/** `LARDER_ENGINES`, else a cache folder of the user that all homes share. */
export const enginesFolderOf = (environment: NodeJS.ProcessEnv): string =>
  environment['LARDER_ENGINES'] ?? join(environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'larder', 'engines')

/** `LARDER_VERSIONS=exact`: what is not installed is refused. Throws `usage`. */
export const onlyInstalled = (environment: Readonly<Record<string, string | undefined>>): boolean => {
  const setting = environment['LARDER_VERSIONS'] ?? ''
  if (setting === 'exact') return true
  if (setting === '' || setting === 'nearest') return false
  throw new LarderError('usage', `expected LARDER_VERSIONS to be nearest or exact, found ${setting}`)
}

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false
    throw error
  }
}

const installedIn = (enginesFolder: string): readonly InstalledEngine[] => {
  return engineNames.flatMap((engine) =>
    // Of several builds of one version the newest is found first.
    buildsOf(enginesFolder, engine, '', undefined).map(({ folder, provenance }): InstalledEngine => {
      const own = knownEngines.find((entry) => entry.engine === engine)?.plugins
      const command = commandIn(folder, provenance.loader, provenance.program)
      const plugins = own === undefined ? undefined : join(folder, 'lib', own.folder)
      const saslPlugins = plugins !== undefined && isWhole(provenance, own) ? { saslPlugins: plugins } : {}
      return { engine, version: provenance.version, source: 'installed', path: folder, command, ...saslPlugins }
    }),
  )
}

/** `Valkey server v=9.1.2 sha=…`, `Redis server v=7.0.15 …`, `memcached 1.6.18`. A distribution may call Valkey `redis-server`. */
const introductions: Readonly<Record<EngineName, RegExp>> = {
  valkey: /^Valkey server v=/,
  redis: /^Redis server v=/,
  memcached: /^memcached \d/,
}

const introduce = (path: string): string =>
  execFileSync(path, ['--version'], { encoding: 'utf8', timeout: 5_000, stdio: ['ignore', 'pipe', 'ignore'] }).trimStart()

/** Where distributions put them, for a Memcached that is not of ours. */
const systemSaslPlugins = (): Pick<InstalledEngine, 'saslPlugins'> => {
  const places = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'].map((each) =>
    join(each, 'sasl2'),
  )
  const found = places.find((place) => ['libplain.so', 'libsasldb.so'].every((file) => existsSync(join(place, file))))
  return found === undefined ? {} : { saslPlugins: found }
}

/** Asks the binary itself. What does not introduce itself as an engine is not taken. Throws what starting it throws. */
const probe = (path: string, source: 'path' | 'folder'): readonly InstalledEngine[] => {
  const said = introduce(path)
  const engine = engineNames.find((name) => introductions[name].test(said))
  const version = versionIn(said)
  if (engine === undefined || version === null) return []
  return [{ engine, version, source, path, command: [path], ...(engine === 'memcached' ? systemSaslPlugins() : {}) }]
}

const inFolders = (folders: readonly string[], source: 'path' | 'folder'): readonly InstalledEngine[] =>
  folders.flatMap((folder) =>
    engineNames.flatMap((name): readonly InstalledEngine[] => {
      const path = join(folder, servers[name])
      if (!isExecutable(path)) return []
      try {
        return probe(path, source)
      } catch (error) {
        // What merely lies on the PATH may be broken; what somebody named should not be.
        if (source === 'path') return []
        throw new LarderError('engine-missing', `expected ${path} to tell its version, found: ${String(error)}`, { cause: error })
      }
    }),
  )

/** `/bin` is `/usr/bin` on most machines: no binary is asked twice. */
const distinctFolders = (folders: readonly string[]): readonly string[] => [
  ...new Map(folders.filter((folder) => existsSync(folder)).map((folder) => [realpathSync(folder), folder])).values(),
]

const splitPath = (text: string | undefined): readonly string[] => (text ?? '').split(delimiter).filter((part) => part !== '')

/** Reads folders and, for engines that Larder did not install, asks the binaries: about 10 ms each. */
export const openCatalog = (environment: NodeJS.ProcessEnv): Catalog => {
  const enginesFolder = enginesFolderOf(environment)
  const found = [
    ...inFolders(splitPath(environment['LARDER_ENGINE_PATH']), 'folder'),
    ...installedIn(enginesFolder),
    ...inFolders(distinctFolders(splitPath(environment['PATH'])), 'path'),
  ]
  const sorted = found
    .filter(
      (entry, index) => found.findIndex((other) => other.engine === entry.engine && other.version === entry.version) === index,
    )
    .sort((a, b) => (a.engine === b.engine ? compareVersions(b.version, a.version) : a.engine < b.engine ? 1 : -1))
  return {
    list: () => sorted,
    known: () =>
      knownEngines.map(({ engine, version, plugins }) => ({
        engine,
        version,
        installed: buildsOf(enginesFolder, engine, version, plugins).length > 0,
      })),
    find: (engine, version) =>
      sorted.find((entry) => entry.engine === engine && `${entry.version}.`.startsWith(`${version}.`)) ?? null,
  }
}
