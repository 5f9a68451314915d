/** A folder into which a program was installed, and what stands beside it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugins } from './known.ts'

/** Where it came from, and how it is started. Written last: a folder with it is whole. */
export interface Provenance {
  /** Engine or tool. */
  readonly name: string
  readonly version: string
  /** In the folder's `bin`. */
  readonly program: string
  readonly tools: readonly string[]
  /** Left out: none. */
  readonly plugins?: readonly string[]
  /** In the folder's `lib`. */
  readonly loader: string
  /** Distribution packages of which something is in the folder. */
  readonly packages: readonly { readonly name: string; readonly version: string; readonly sha256: string }[]
  readonly installedAt: string
}

export const provenanceFile = 'installed.json'

/** The first version number in what a program says of itself. */
export const versionIn = (text: string): string | null => /\bv?=?(\d+\.\d+(?:\.\d+)?)\b/.exec(text)?.[1] ?? null

const isProvenance = (value: unknown): value is Provenance =>
  typeof value === 'object' && value !== null && ['name', 'version', 'program', 'tools', 'loader'].every((key) => key in value)

/** Null where nothing whole is installed: no folder, or a file that a full disk or a cut of power damaged. */
export const readProvenance = (folder: string): Provenance | null => {
  try {
    const value: unknown = JSON.parse(readFileSync(join(folder, provenanceFile), 'utf8'))
    return isProvenance(value) ? value : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null
    throw error
  }
}

/** Is all of an engine there? One that was installed before it had plugins is not. */
export const isWhole = (provenance: Provenance | null, plugins: Plugins | undefined): boolean =>
  provenance !== null && (plugins?.files ?? []).every((file) => provenance.plugins?.includes(file))

/** How a program of an installed folder is started: by the loader that came with it. */
export const commandIn = (folder: string, loader: string, program: string): readonly string[] => [
  join(folder, 'lib', loader),
  '--library-path',
  join(folder, 'lib'),
  join(folder, 'bin', program),
]

export interface InstalledBuild {
  readonly folder: string
  readonly provenance: Provenance
}

/** Whole builds of this engine whose version begins with `version`, the one that was installed last first. */
export const buildsOf = (
  enginesFolder: string,
  name: string,
  version: string,
  plugins: Plugins | undefined,
): readonly InstalledBuild[] => {
  if (!existsSync(enginesFolder)) return []
  return readdirSync(enginesFolder)
    .filter((entry) => !entry.startsWith('.'))
    .flatMap((entry): readonly InstalledBuild[] => {
      const folder = join(enginesFolder, entry)
      const provenance = readProvenance(folder)
      const fits = provenance?.name === name && (version === '' || `${provenance.version}.`.startsWith(`${version}.`))
      return provenance !== null && fits && isWhole(provenance, plugins) ? [{ folder, provenance }] : []
    })
    .toSorted((a, b) => (a.provenance.installedAt < b.provenance.installedAt ? 1 : -1))
}

interface PackageVersion {
  readonly name: string
  readonly version: string
}

/** Packages of a build that the archive has in another version. */
export const outdatedPackages = (
  { packages }: Provenance,
  offered: readonly PackageVersion[],
): readonly { readonly name: string; readonly installed: string; readonly offered: string }[] =>
  packages.flatMap(({ name, version }) => {
    const now = offered.find((each) => each.name === name)
    return now === undefined || now.version === version ? [] : [{ name, installed: version, offered: now.version }]
  })

export const isSameBuild = (provenance: Provenance | null, packages: readonly PackageVersion[]): boolean =>
  provenance !== null &&
  provenance.packages.length === packages.length &&
  packages.every(({ name, version }) => provenance.packages.some((each) => each.name === name && each.version === version))
