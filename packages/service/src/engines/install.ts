/**
 * Installs a program from distribution packages into a folder of its own, without root and without touching the system: the
 * machine's own package client fetches it with private state, checks the archive's signature and every checksum, and the packages
 * are only unpacked. The program is started through its own loader, so a newer one runs on an older distribution.
 */
import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { LarderError } from '../errors.ts'
import { type AptSource, readAptSources, sourceLines } from './apt-sources.ts'
import { engineFolderName, type KnownEngine, type KnownTool, type Source } from './known.ts'

const run = promisify(execFile)
const updateDeadlineMs = 180_000

interface Machine {
  /** Debian's name of the architecture. */
  readonly architecture: string
  readonly libraries: string
  readonly loader: string
}

const machines: Readonly<Record<string, Machine>> = {
  x64: { architecture: 'amd64', libraries: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { architecture: 'arm64', libraries: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
}

const machineOf = (architecture: string): Machine => {
  const found = machines[architecture]
  if (found === undefined) {
    throw new LarderError(
      'engine-install',
      `expected a machine of ${Object.keys(machines).join(' or ')}, found ${architecture}; put engines on the PATH instead`,
    )
  }
  return found
}

const command = async (program: string, args: readonly string[], what: string): Promise<string> => {
  try {
    const { stdout } = await run(program, [...args], {
      timeout: updateDeadlineMs,
      maxBuffer: 64 * 1024 ** 2,
      env: { ...process.env, LC_ALL: 'C' },
    })
    return stdout
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n').slice(-2).join(' ') : ''
    throw new LarderError(
      'engine-install',
      missing ? `${what}: this machine has no ${program}` : `${what} failed: ${said || String(error)}`,
      { cause: error },
    )
  }
}

const aptOptions = (folder: string, machine: Machine): readonly string[] =>
  [
    `Dir::State=${folder}/state`,
    `Dir::State::lists=${folder}/lists`,
    // Nothing is installed here. The package client also puts its locks beside this file, so it has to be a place of our own.
    `Dir::State::status=${folder}/state/status`,
    `Dir::Cache=${folder}/cache`,
    `Dir::Etc::SourceList=${folder}/sources.list`,
    'Dir::Etc::SourceParts=/dev/null',
    'Dir::Etc::Preferences=/dev/null',
    'Dir::Etc::PreferencesParts=/dev/null',
    `APT::Architecture=${machine.architecture}`,
    `APT::Architectures=${machine.architecture}`,
    'APT::Install-Recommends=false',
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false',
    // A newer release in a suite such as backports is what we ask for, also where its pin is low.
    'APT::Default-Release=',
  ].flatMap((option) => ['-o', option])

/** Downloads a package with all that it needs into `folder` and unpacks it. Gives the names of the package files. */
const fetchPackages = async (
  source: Source,
  sources: readonly AptSource[],
  machine: Machine,
  folder: string,
): Promise<readonly string[]> => {
  const lines = sourceLines(sources, source.suites)
  if (lines.length === 0)
    throw new LarderError('engine-install', 'expected a Debian archive in the apt configuration of this machine, found none')
  for (const name of ['state', 'lists/partial', 'cache/archives/partial', 'root'])
    mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, 'sources.list'), `${lines.join('\n')}\n`)
  writeFileSync(join(folder, 'state/status'), '')
  const options = aptOptions(folder, machine)
  await command('apt-get', [...options, 'update'], 'fetching the package index')
  const suite = source.suites.find((name) => name.endsWith('-backports'))
  const wanted = suite === undefined ? source.package : `${source.package}/${suite}`
  await command('apt-get', [...options, 'install', '--download-only', '--yes', wanted], `fetching ${source.package}`)
  const archives = join(folder, 'cache/archives')
  const packages = readdirSync(archives).filter((name) => name.endsWith('.deb'))
  for (const name of packages) await command('dpkg-deb', ['-x', join(archives, name), join(folder, 'root')], `unpacking ${name}`)
  return packages
}

const findFile = (root: string, folders: readonly string[], name: string): string => {
  const found = folders.map((folder) => join(root, folder, name)).find((path) => existsSync(path))
  if (found === undefined) throw new LarderError('engine-install', `expected ${name} in the unpacked packages, found none`)
  return found
}

const libraryFolders = (root: string, machine: Machine): string =>
  [`usr/lib/${machine.libraries}`, `lib/${machine.libraries}`, 'usr/lib', 'lib', 'usr/lib64', 'lib64']
    .map((folder) => join(root, folder))
    .join(':')

/** Copies programs with exactly the libraries that their loader finds for them. */
const assemble = async (root: string, machine: Machine, programs: readonly string[], into: string): Promise<void> => {
  mkdirSync(join(into, 'bin'), { recursive: true })
  mkdirSync(join(into, 'lib'))
  const loader = findFile(
    root,
    [`usr/lib/${machine.libraries}`, `lib/${machine.libraries}`, 'lib64', 'usr/lib64'],
    machine.loader,
  )
  cpSync(realpathSync(loader), join(into, 'lib', machine.loader))
  for (const name of programs) {
    const program = findFile(root, ['usr/bin', 'usr/sbin', 'bin', 'sbin'], name)
    cpSync(realpathSync(program), join(into, 'bin', name))
    const listing = await command(
      loader,
      ['--library-path', libraryFolders(root, machine), '--list', program],
      `listing the libraries of ${name}`,
    )
    for (const [, library = '', path = ''] of listing.matchAll(/^\s*(\S+) => (\/\S+)/gm)) {
      const target = join(into, 'lib', basename(library))
      if (basename(library) !== machine.loader && !existsSync(target)) cpSync(realpathSync(path), target)
    }
  }
}

const startCommand = (folder: string, machine: Machine, program: string): readonly string[] => [
  join(folder, 'lib', machine.loader),
  '--library-path',
  join(folder, 'lib'),
  join(folder, 'bin', program),
]

/** What is written beside an installed program: where it came from, and how it is started. */
export interface Provenance {
  readonly name: string
  readonly version: string
  /** Relative to the folder: the folder may be moved. */
  readonly program: string
  readonly tools: readonly string[]
  readonly loader: string
  readonly packages: readonly string[]
  readonly installedAt: string
}

export const provenanceFile = 'installed.json'

/** The first version number in what a program says of itself. */
export const versionIn = (text: string): string | null => /\bv?=?(\d+\.\d+(?:\.\d+)?)\b/.exec(text)?.[1] ?? null

interface Wanted extends Source {
  readonly name: string
  readonly folderName: string
  readonly program: string
  readonly tools: readonly string[]
  readonly versionArgument: string
  /** The version that it must have; null: any. */
  readonly version: string | null
}

const install = async (wanted: Wanted, enginesFolder: string): Promise<void> => {
  const machine = machineOf(process.arch)
  mkdirSync(enginesFolder, { recursive: true })
  const work = mkdtempSync(join(enginesFolder, '.installing-'))
  try {
    const packages = await fetchPackages(wanted, readAptSources(), machine, work)
    const made = join(work, 'made')
    await assemble(join(work, 'root'), machine, [wanted.binary, ...wanted.tools], made)
    if (wanted.program !== wanted.binary) symlinkSync(wanted.binary, join(made, 'bin', wanted.program))
    const [loader = '', ...rest] = startCommand(made, machine, wanted.program)
    const version = versionIn(
      await command(loader, [...rest, wanted.versionArgument], `asking ${wanted.program} for its version`),
    )
    if (version === null || (wanted.version !== null && !`${version}.`.startsWith(`${wanted.version}.`))) {
      throw new LarderError(
        'engine-install',
        `expected ${wanted.name} ${wanted.version ?? ''}, found version ${version ?? 'unknown'} in ${wanted.suites.join(', ')}`,
      )
    }
    const provenance: Provenance = {
      name: wanted.name,
      version,
      program: wanted.program,
      tools: wanted.tools,
      loader: machine.loader,
      packages,
      installedAt: new Date().toISOString(),
    }
    writeFileSync(join(made, provenanceFile), `${JSON.stringify(provenance, null, 2)}\n`)
    const target = join(enginesFolder, wanted.folderName)
    if (!existsSync(join(target, provenanceFile))) {
      rmSync(target, { recursive: true, force: true })
      renameSync(made, target)
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Throws `LarderError` `engine-install`. What is there already is left as it is. */
export const installEngine = (engine: KnownEngine, enginesFolder: string): Promise<void> =>
  install(
    {
      ...engine,
      name: engine.engine,
      folderName: engineFolderName(engine.engine, engine.version),
      program: engine.server,
      versionArgument: '--version',
    },
    enginesFolder,
  )

export const installTool = (tool: KnownTool, enginesFolder: string): Promise<void> =>
  install(
    {
      ...tool,
      name: tool.tool,
      folderName: tool.tool,
      program: tool.binary,
      tools: [],
      versionArgument: '--version',
      version: null,
    },
    enginesFolder,
  )
