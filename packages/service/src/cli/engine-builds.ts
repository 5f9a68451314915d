/** Which builds of engines nodes run, and whether these are the newest. */
import { readlinkSync } from 'node:fs'
import { readAptSources } from '../engines/apt-sources.ts'
import { checkArchive, type EngineUpdate } from '../engines/archive-check.ts'
import { enginesFolderOf } from '../engines/catalog.ts'
import { openInstaller } from '../engines/install.ts'
import { LarderError } from '../errors.ts'
import { homePath, isHome } from '../home/home.ts'
import { minorOf } from '../model/engine-versions.ts'
import { whyRetired } from '../model/retired-engines.ts'
import type { NodeReport } from '../observe/report.ts'
import type { InstalledEngine } from '../ports/catalog.ts'
import { currentReport } from './report.ts'

/** A machine without its archive is not waited for. */
const archiveDeadlineMs = 15_000

/** The file that a process runs; null where it has ended, or is not for us to see. */
const programOf = (pid: number): string | null => {
  try {
    return readlinkSync(`/proc/${pid}/exe`)
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null
    throw error
  }
}

type RunningNode = Pick<NodeReport, 'id' | 'engine' | 'version' | 'pid'>

export interface OldNode {
  readonly node: string
  readonly engine: string
  /** Of what it runs. */
  readonly version: string
  /** What stands in its place now. */
  readonly newest: string
  readonly path: string
}

/** Nodes whose process was started from another build of the same minor version than the one that a start takes now. Pure but for `programOf`. */
export const oldNodes = (
  nodes: readonly RunningNode[],
  engines: readonly InstalledEngine[],
  program: (pid: number) => string | null = programOf,
): readonly OldNode[] =>
  nodes.flatMap(({ id, engine, version, pid }): readonly OldNode[] => {
    const newest = engines.find((each) => each.engine === engine && minorOf(each.version) === minorOf(version))
    const runs = pid === null ? null : program(pid)
    // Engines of the machine's own have one file each, whatever is in it.
    if (newest === undefined || runs === null || newest.source !== 'installed') return []
    return runs.startsWith(`${newest.path}/`) ? [] : [{ node: id, engine, version, newest: newest.version, path: newest.path }]
  })

const unreadable: ReadonlySet<string> = new Set(['store-corrupt', 'store-lost', 'store-newer', 'store-failed', 'usage'])

/** Nodes of this home; none where there is no home, or where it cannot be read, of which `larder doctor` says more. */
export const nodesOfHome = async (): Promise<readonly NodeReport[]> => {
  if (!isHome(homePath(process.env))) return []
  try {
    return (await currentReport()).groups.flatMap(({ shards }) => shards.flatMap((shard) => shard.nodes))
  } catch (error) {
    if (error instanceof LarderError && unreadable.has(error.code)) return []
    throw error
  }
}

export const retiredNodes = (nodes: readonly RunningNode[]): readonly string[] => [
  ...new Set(nodes.flatMap(({ engine, version }) => whyRetired(engine, version) ?? [])),
]

export const updatesNow = async (): Promise<{
  readonly updates: readonly EngineUpdate[]
  readonly failures: readonly string[]
}> => {
  const folder = enginesFolderOf(process.env)
  try {
    return await checkArchive(folder, Date.now(), () => openInstaller(folder, readAptSources(), archiveDeadlineMs))
  } catch (error) {
    if (!(error instanceof LarderError)) throw error
    return { updates: [], failures: [error.message] }
  }
}

export const updateText = ({ engine, version, packages }: EngineUpdate): string =>
  `${engine} ${version}: ${packages.map(({ name, installed, offered }) => `${name} ${installed}, the archive has ${offered}`).join('; ')}`
