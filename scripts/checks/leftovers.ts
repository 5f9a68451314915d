/** What a run of the tests left behind on the machine: processes, tables of the packet filter, claims of networks, folders. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findTool } from '../../packages/service/src/engines/tools.ts'
import { defaultRegistry } from '../../packages/service/src/home/blocks.ts'

const readIfThere = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '' // it ended meanwhile, or is another user's
    throw error
  }
}

export interface LeftProcess {
  readonly pid: number
  readonly command: string
}

/** Processes whose command line holds the folder. */
export const processesOf = (folder: string): readonly LeftProcess[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => ({ pid: Number(name), command: readIfThere(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim() }))
    .filter(({ command }) => command.includes(`${folder}/`))

const claimedHomes = (): readonly { readonly file: string; readonly home: string }[] => {
  if (!existsSync(defaultRegistry)) return []
  return readdirSync(defaultRegistry).map((name) => {
    const file = join(defaultRegistry, name)
    return { file, home: /"home":"([^"]*)"/.exec(readIfThere(file))?.[1] ?? '' }
  })
}

/** Files with which homes in the folder claim networks. */
export const claimsOf = (folder: string): readonly string[] =>
  claimedHomes()
    .filter(({ home }) => home.startsWith(`${folder}/`))
    .map(({ file }) => file)

/** Larder's tables in the kernel; none where this process may not ask. */
export const tables = (): ReadonlySet<string> => {
  const [program, ...args] = findTool('nft', process.env) ?? []
  if (program === undefined) return new Set()
  try {
    const listing = execFileSync(program, [...args, 'list', 'tables'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return new Set(listing.match(/\blarder_\w+/g))
  } catch (error) {
    if (error instanceof Error && 'status' in error) return new Set() // not allowed: then no test could make one either
    throw error
  }
}

/** Tables that came since `before` and belong to no home outside of this run. */
export const newTables = (before: ReadonlySet<string>): readonly string[] => {
  const owned = new Set(claimedHomes().map(({ home }) => `larder_${createHash('sha256').update(home).digest('hex').slice(0, 8)}`))
  return [...tables()].filter((table) => !before.has(table) && !owned.has(table))
}

export const testFolders = (folder: string): readonly string[] =>
  readdirSync(folder)
    .filter((name) => name.startsWith('larder-'))
    .map((name) => join(folder, name))
