/** Picks a program and exactly the libraries that its loader finds for it out of unpacked packages. */
import { copyFileSync, existsSync, mkdirSync, realpathSync } from 'node:fs'
import { basename, join } from 'node:path'
import { LarderError } from '../errors.ts'
import type { FetchedPackage } from './install-archive.ts'
import { outputOf } from './install-command.ts'
import type { Machine } from './install-machine.ts'
import type { Plugins } from './known.ts'

interface Found {
  readonly path: string
  readonly from: FetchedPackage
}

const programFolders = ['usr/bin', 'usr/sbin', 'bin', 'sbin']
const libraryFolders = ({ libraries }: Machine): readonly string[] => [
  `usr/lib/${libraries}`,
  `lib/${libraries}`,
  'usr/lib',
  'lib',
  'usr/lib64',
  'lib64',
]

const find = (packages: readonly FetchedPackage[], folders: readonly string[], name: string): Found => {
  for (const from of packages) {
    for (const folder of folders) {
      const path = join(from.folder, folder, name)
      if (existsSync(path)) return { path, from }
    }
  }
  throw new LarderError('engine-install', `expected ${name} in the packages, found ${packages.map((one) => one.name).join(', ')}`)
}

/** What `ld.so --list` says: `libm.so.6 => /path/libm.so.6 (0x…)`, `libx.so.1 => not found`. */
const parseListing = (text: string): readonly { readonly name: string; readonly path: string }[] =>
  [...text.matchAll(/^\s*(\S+) => (.+?)(?: \(0x[0-9a-f]+\))?$/gm)].map(([, name = '', path = '']) => ({ name, path }))

/**
 * Copies `programs` into `into/bin`, the loader and the libraries into `into/lib`, plugins into a folder there. Gives the packages of which something was taken.
 * Throws `LarderError` `engine-install`.
 */
export const assemble = async (
  packages: readonly FetchedPackage[],
  machine: Machine,
  programs: readonly string[],
  into: string,
  plugins?: Plugins,
): Promise<readonly FetchedPackage[]> => {
  mkdirSync(join(into, 'bin'), { recursive: true })
  mkdirSync(join(into, 'lib'), { recursive: true })
  const used = new Set<FetchedPackage>()
  const take = ({ path, from }: Found, target: string): void => {
    used.add(from)
    if (!existsSync(target)) copyFileSync(realpathSync(path), target)
  }
  const loader = find(packages, libraryFolders(machine), machine.loader)
  take(loader, join(into, 'lib', machine.loader))
  const searched = packages
    .flatMap(({ folder }) => libraryFolders(machine).map((name) => join(folder, name)))
    .filter((folder) => existsSync(folder))
  const takeWithLibraries = async (program: Found, name: string, target: string): Promise<void> => {
    take(program, target)
    const listing = await outputOf(
      loader.path,
      ['--inhibit-cache', '--library-path', searched.join(':'), '--list', program.path],
      `listing the libraries of ${name}`,
    )
    for (const library of parseListing(listing)) {
      if (basename(library.name) === machine.loader) continue
      const from = packages.find(({ folder }) => library.path.startsWith(`${folder}/`))
      // A library of the machine itself would work here and nowhere else.
      if (from === undefined) {
        throw new LarderError('engine-install', `expected ${library.name} for ${name} in the packages, found: ${library.path}`)
      }
      take({ path: library.path, from }, join(into, 'lib', basename(library.name)))
    }
  }
  for (const name of programs) await takeWithLibraries(find(packages, programFolders, name), name, join(into, 'bin', name))
  if (plugins !== undefined) {
    const { folder, files } = plugins
    mkdirSync(join(into, 'lib', folder), { recursive: true })
    const folders = libraryFolders(machine).map((each) => join(each, folder))
    for (const name of files) await takeWithLibraries(find(packages, folders, name), name, join(into, 'lib', folder, name))
  }
  return packages.filter((one) => used.has(one))
}
