/**
 * Installs a program from distribution packages into a folder of its own, without root and without touching the system. The packages
 * are only unpacked, and the program is started through its own loader, so a newer one runs on an older distribution.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { LarderError } from '../errors.ts'
import { type AptSource, readAptSources, sourceLines } from './apt-sources.ts'
import { type Archive, type OfferedPackage, openArchive } from './install-archive.ts'
import { assemble } from './install-assemble.ts'
import { outputOf } from './install-command.ts'
import { type Machine, machineOf } from './install-machine.ts'
import {
  buildsOf,
  commandIn,
  isSameBuild,
  isWhole,
  outdatedPackages,
  type Provenance,
  provenanceFile,
  readProvenance,
  versionIn,
} from './installed.ts'
import { engineFolderName, type KnownEngine, type KnownTool, type Plugins, type Source } from './known.ts'

export interface Installer {
  /** Installs it, unless it is there. Throws `LarderError` `engine-install`. */
  engine(engine: KnownEngine): Promise<void>
  /** Installs what the archive has now, beside what is there. False: that is the same. Throws `LarderError` `engine-install`. */
  update(engine: KnownEngine): Promise<boolean>
  /** What the archive has now. Throws `LarderError` `engine-install`. */
  offered(engine: KnownEngine): Promise<readonly OfferedPackage[]>
  tool(tool: KnownTool): Promise<void>
  /** Removes what was fetched and not installed. */
  close(): void
}

interface Wanted extends Source {
  readonly name: string
  /** In the engines folder. */
  readonly folderName: string
  readonly program: string
  readonly tools: readonly string[]
  readonly plugins?: Plugins
  /** The version that it must have; null: any. */
  readonly version: string | null
}

const workPrefix = '.installing-'
const abandonedAfterMs = 3_600_000

/** Folders of runs that were killed. */
const removeAbandoned = (enginesFolder: string): void => {
  for (const name of readdirSync(enginesFolder)) {
    if (!name.startsWith(workPrefix)) continue
    const folder = join(enginesFolder, name)
    if (Date.now() - statSync(folder).mtimeMs > abandonedAfterMs) rmSync(folder, { recursive: true, force: true })
  }
}

const workFolder = (enginesFolder: string): string => {
  try {
    mkdirSync(enginesFolder, { recursive: true })
    removeAbandoned(enginesFolder)
    return mkdtempSync(join(enginesFolder, workPrefix))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    const message = `expected to write to ${enginesFolder}, found ${String(error.code)}; LARDER_ENGINES names another folder`
    throw new LarderError('engine-install', message, { cause: error })
  }
}

/** Nothing in it is secret, and other users of the machine may share the folder, whatever this process's mask is. */
const makeReadable = (made: string): void => {
  chmodSync(made, 0o755)
  for (const name of readdirSync(made, { recursive: true, encoding: 'utf8' })) chmodSync(join(made, name), 0o755)
  chmodSync(join(made, provenanceFile), 0o644)
}

/** Moves a finished folder beside the builds that are there, under the first name that is free. Of several runs the first wins. */
const moveBeside = (made: string, target: string): void => {
  const own = readProvenance(made)
  for (let number = 2; ; ) {
    const place = `${target}-${number}`
    if (isSameBuild(readProvenance(place), own?.packages ?? [])) return
    if (existsSync(place)) number += 1
    else {
      try {
        renameSync(made, place)
        return
      } catch (error) {
        // Somebody else was first: perhaps with the same.
        if (!existsSync(place)) throw error
      }
    }
  }
}

/** Moves a finished folder to its place. Of several runs beside each other the first wins; a damaged folder is replaced. */
const moveInto = (made: string, target: string, work: string, plugins: Plugins | undefined): void => {
  if (existsSync(target)) {
    if (isWhole(readProvenance(target), plugins)) return
    renameSync(target, join(work, 'damaged'))
  }
  try {
    renameSync(made, target)
  } catch (error) {
    if (!isWhole(readProvenance(target), plugins)) throw error
  }
}

const install = async (
  archive: Archive,
  machine: Machine,
  wanted: Wanted,
  enginesFolder: string,
  work: string,
  beside = false,
): Promise<void> => {
  const { plugins } = wanted
  const packages = await archive.fetch(wanted.package, wanted.version, work, plugins?.packages)
  const made = join(work, 'made')
  const used = await assemble(packages, machine, [wanted.binary, ...wanted.tools], made, plugins)
  if (wanted.program !== wanted.binary) symlinkSync(wanted.binary, join(made, 'bin', wanted.program))
  const [loader = '', ...args] = commandIn(made, machine.loader, wanted.program)
  const version = versionIn(await outputOf(loader, [...args, '--version'], `asking ${wanted.program} for its version`))
  if (version === null || (wanted.version !== null && !`${version}.`.startsWith(`${wanted.version}.`))) {
    const expected = `${wanted.program} to be of version ${wanted.version ?? 'any'}`
    throw new LarderError('engine-install', `expected ${expected}, found ${version ?? 'none in what it says'}`)
  }
  const provenance: Provenance = {
    name: wanted.name,
    version,
    program: wanted.program,
    tools: wanted.tools,
    ...(plugins === undefined ? {} : { plugins: plugins.files }),
    loader: machine.loader,
    packages: used.map((one) => ({ name: one.name, version: one.version, sha256: one.sha256 })),
    installedAt: new Date().toISOString(),
  }
  writeFileSync(join(made, provenanceFile), `${JSON.stringify(provenance, null, 2)}\n`)
  makeReadable(made)
  const target = join(enginesFolder, wanted.folderName)
  if (beside) moveBeside(made, target)
  else moveInto(made, target, work, plugins)
}

/**
 * Installs into `enginesFolder`. The index of a group of suites is fetched once for all that is installed from it. `sources` is what
 * apt is configured for.
 */
export const openInstaller = (
  enginesFolder: string,
  sources: readonly AptSource[] = readAptSources(),
  withinMs?: number,
): Installer => {
  const machine = machineOf(process.arch)
  const work = workFolder(enginesFolder)
  const archives = new Map<string, Promise<Archive>>()
  const archiveOf = (suites: readonly string[]): Promise<Archive> => {
    const lines = sourceLines(sources, suites)
    if (lines.length === 0)
      throw new LarderError('engine-install', 'expected a Debian archive in the apt configuration of this machine, found none')
    const key = lines.join('\n')
    const opened = archives.get(key) ?? openArchive(lines, mkdtempSync(join(work, 'archive-')), machine, withinMs)
    archives.set(key, opened)
    return opened
  }
  /** The suites in turn, until one has it: what `sid` has today is gone some day. */
  const firstOf = async <T>(wanted: Source & { readonly name: string }, look: (archive: Archive) => Promise<T>): Promise<T> => {
    const failures: unknown[] = []
    for (const suites of wanted.suites) {
      try {
        return await look(await archiveOf(suites))
      } catch (error) {
        failures.push(error)
      }
    }
    throw failures[0] ?? new LarderError('engine-install', `expected suites for ${wanted.name} in the catalog, found none`)
  }
  const installNow = (wanted: Wanted, beside: boolean): Promise<void> =>
    firstOf(wanted, async (archive) => {
      const folder = mkdtempSync(join(work, 'package-'))
      try {
        await install(archive, machine, wanted, enginesFolder, folder, beside)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    })
  const installFirst = async (wanted: Wanted): Promise<void> => {
    const { name, version, plugins } = wanted
    const there = wanted.folderName === name ? [] : buildsOf(enginesFolder, name, version ?? '', plugins)
    if (there.length > 0 || isWhole(readProvenance(join(enginesFolder, wanted.folderName)), plugins)) return
    await installNow(wanted, false)
  }
  const wantedOf = (engine: KnownEngine): Wanted => ({
    ...engine,
    name: engine.engine,
    folderName: engineFolderName(engine.engine, engine.version),
    program: engine.server,
  })
  const offered = (engine: KnownEngine): Promise<readonly OfferedPackage[]> =>
    firstOf({ ...engine, name: engine.engine }, (archive) =>
      archive.look(engine.package, engine.version, engine.plugins?.packages),
    )
  return {
    engine: (engine) => installFirst(wantedOf(engine)),
    update: async (engine) => {
      const wanted = wantedOf(engine)
      const [newest] = buildsOf(enginesFolder, wanted.name, engine.version, engine.plugins)
      if (newest === undefined) {
        await installNow(wanted, false)
        return true
      }
      if (outdatedPackages(newest.provenance, await offered(engine)).length === 0) return false
      await installNow(wanted, true)
      return true
    },
    offered,
    tool: (tool) =>
      installFirst({ ...tool, name: tool.tool, folderName: tool.tool, program: tool.binary, tools: [], version: null }),
    close: () => rmSync(work, { recursive: true, force: true }),
  }
}
