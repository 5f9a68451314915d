/**
 * Packages of the archive that the machine is configured for, fetched by its own package client with private state: nothing of the
 * system is read but the keyring and the network settings of apt, nothing is changed. apt checks the signature of the index and the
 * checksum of every package.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LarderError } from '../errors.ts'
import { outputOf } from './install-command.ts'
import type { Machine } from './install-machine.ts'

export interface FetchedPackage {
  readonly name: string
  readonly version: string
  readonly sha256: string
  /** Folder into which it was unpacked. */
  readonly folder: string
}

export interface OfferedPackage {
  readonly name: string
  readonly version: string
}

export interface Archive {
  /** What `fetch` would fetch, without fetching it. Throws `LarderError` `engine-install`. */
  look(name: string, version: string | null, also?: readonly string[]): Promise<readonly OfferedPackage[]>
  /**
   * The newest package whose upstream version begins with `version` (null: any), those named in `also`, and all that they depend on,
   * each unpacked into a folder of its own below `into`. Throws `LarderError` `engine-install`.
   */
  fetch(name: string, version: string | null, into: string, also?: readonly string[]): Promise<readonly FetchedPackage[]>
}

const quoted = (text: string): string => {
  if (/["\n]/.test(text)) throw new LarderError('engine-install', `expected a folder without quotation marks, found ${text}`)
  return `"${text}"`
}

/** Read after the machine's own configuration, of which the network settings stand; its hooks would change the system. */
const configuration = (folder: string, machine: Machine): string =>
  [
    '#clear APT::Update;',
    '#clear DPkg;',
    '#clear Acquire::IndexTargets::deb::DEP-11;',
    '#clear Acquire::IndexTargets::deb::CNF;',
    '#clear APT::Architectures;',
    `Dir::State ${quoted(join(folder, 'state'))};`,
    `Dir::State::lists ${quoted(join(folder, 'lists'))};`,
    // Empty, so that nothing counts as installed. apt puts its lock beside it: a device such as /dev/null would need root.
    `Dir::State::status ${quoted(join(folder, 'state', 'status'))};`,
    `Dir::Cache ${quoted(join(folder, 'cache'))};`,
    `Dir::Log ${quoted(folder)};`,
    `Dir::Etc::SourceList ${quoted(join(folder, 'sources.list'))};`,
    'Dir::Etc::SourceParts "/dev/null";',
    'Dir::Etc::Preferences "/dev/null";',
    'Dir::Etc::PreferencesParts "/dev/null";',
    `APT::Architecture "${machine.architecture}";`,
    `APT::Architectures { "${machine.architecture}"; };`,
    'APT::Default-Release "";',
    'APT::Install-Recommends "false";',
    'APT::Install-Suggests "false";',
    // The private folders belong to this user alone; the user that apt would change to cannot write there.
    'APT::Sandbox::User "root";',
    'Acquire::Languages "none";',
    'Acquire::Retries "2";',
    'Acquire::http::Timeout "20";',
    'Acquire::https::Timeout "20";',
    'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";',
    // An index that cannot be fetched is an error, not a warning.
    'APT::Update::Error-Mode "any";',
    '',
  ].join('\n')

/** Versions in the answer of `apt-cache madison`: `name | version | source`, newest first. */
export const parseMadison = (text: string): readonly string[] => [
  ...new Set(
    text
      .split('\n')
      .map((line) => line.split('|')[1]?.trim() ?? '')
      .filter((version) => version !== ''),
  ),
]

/** `Inst libc6 (2.36-9+deb12u14 Debian:12.13/oldstable [amd64])`: what an installation would bring. */
const parseSimulation = (text: string): readonly OfferedPackage[] =>
  [...text.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+)/gm)].map(([, name = '', version = '']) => ({ name, version }))

/** `5:7.0.15-1~deb12u7` is of upstream version `7.0`, and of `7.0.15`. */
const isOf = (wanted: string, version: string): boolean => {
  const upstream = version.replace(/^\d+:/, '')
  return upstream.startsWith(wanted) && !/^\d/.test(upstream.slice(wanted.length))
}

/** `libc6_2.36-9+deb12u14_amd64.deb`; the colon of an epoch stands as `%3a`. */
const describePackage = (path: string, file: string, folder: string): FetchedPackage => {
  const [name = file, version = ''] = file.split('_')
  const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex')
  return { name, version: decodeURIComponent(version), sha256, folder }
}

/** Fetches the index of these lines of a sources.list. Throws `LarderError` `engine-install`. */
export const openArchive = async (
  sources: readonly string[],
  folder: string,
  machine: Machine,
  withinMs?: number,
): Promise<Archive> => {
  for (const name of ['state', 'lists/partial', 'cache']) mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, 'sources.list'), `${sources.join('\n')}\n`)
  writeFileSync(join(folder, 'state', 'status'), '')
  const configurationFile = join(folder, 'apt.conf')
  writeFileSync(configurationFile, configuration(folder, machine))
  const options = ['-c', configurationFile]
  await outputOf('apt-get', [...options, '-qq', 'update'], 'fetching the package index', withinMs)
  const choose = async (name: string, version: string | null): Promise<string> => {
    const versions = parseMadison(await outputOf('apt-cache', [...options, 'madison', name], `looking for ${name}`))
    const chosen = versions.find((candidate) => version === null || isOf(version, candidate))
    if (chosen !== undefined) return chosen
    const there = versions.length === 0 ? 'none' : versions.join(', ')
    throw new LarderError('engine-install', `expected version ${version ?? 'any'} of ${name} in the archive, found ${there}`)
  }
  return {
    look: async (name, version, also = []) => {
      const wanted = `${name}=${await choose(name, version)}`
      return parseSimulation(await outputOf('apt-get', [...options, '-s', 'install', wanted, ...also], `looking at ${name}`))
    },
    fetch: async (name, version, into, also = []) => {
      const chosen = await choose(name, version)
      const archives = join(into, 'archives')
      mkdirSync(join(archives, 'partial'), { recursive: true })
      const download = [
        'install',
        '--download-only',
        '--yes',
        '-o',
        `Dir::Cache::archives=${archives}`,
        `${name}=${chosen}`,
        ...also,
      ]
      await outputOf('apt-get', [...options, '-qq', ...download], `fetching ${name}`)
      const packages = readdirSync(archives)
        .filter((file) => file.endsWith('.deb'))
        .map((file) => ({ path: join(archives, file), file, folder: join(into, 'packages', file.split('_')[0] ?? file) }))
      for (const { path, file, folder: target } of packages) {
        mkdirSync(target, { recursive: true })
        await outputOf('dpkg-deb', ['-x', path, target], `unpacking ${file}`)
      }
      return packages.map(({ path, file, folder: target }) => describePackage(path, file, target))
    },
  }
}
