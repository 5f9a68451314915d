/**
 * Compares what is installed with what the archive has now. Asking takes seconds and the network: the answer is kept for a day beside the engines, and
 * for an hour where there was none.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LarderError } from '../errors.ts'
import type { EngineName } from '../model/group.ts'
import type { Installer } from './install.ts'
import type { OfferedPackage } from './install-archive.ts'
import { buildsOf, outdatedPackages } from './installed.ts'
import { type KnownEngine, knownEngines } from './known.ts'

interface Answer {
  /** Milliseconds since 1970. */
  readonly at: number
  /** `valkey@9.1` to what an installation would bring, or why that could not be seen. */
  readonly offers: Readonly<Record<string, readonly OfferedPackage[] | string>>
}

export interface EngineUpdate {
  readonly engine: EngineName
  readonly version: string
  readonly packages: readonly { readonly name: string; readonly installed: string; readonly offered: string }[]
}

export interface ArchiveCheck {
  readonly updates: readonly EngineUpdate[]
  /** What could not be compared, and why. */
  readonly failures: readonly string[]
}

const fileName = '.archive.json'
const keptMs = 86_400_000
const failureKeptMs = 3_600_000

const nameOf = ({ engine, version }: KnownEngine): string => `${engine}@${version}`

const isAnswer = (value: unknown): value is Answer =>
  typeof value === 'object' && value !== null && 'at' in value && typeof value.at === 'number' && 'offers' in value

const readAnswer = (path: string): Answer | null => {
  try {
    const value: unknown = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null
    return isAnswer(value) ? value : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** What cannot be kept is asked for again. */
const keep = (path: string, answer: Answer): void => {
  try {
    writeFileSync(path, `${JSON.stringify(answer)}\n`)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
  }
}

const ask = async (installer: Pick<Installer, 'offered'>, engine: KnownEngine): Promise<readonly OfferedPackage[] | string> => {
  try {
    return await installer.offered(engine)
  } catch (error) {
    if (!(error instanceof LarderError)) throw error
    return error.message
  }
}

/** After an installation the archive is asked anew. */
export const forgetArchive = (enginesFolder: string): void => rmSync(join(enginesFolder, fileName), { force: true })

/** `open` is called only where the archive has to be asked. Engines that Larder did not install are left out. */
export const checkArchive = async (
  enginesFolder: string,
  now: number,
  open: () => Pick<Installer, 'offered' | 'close'>,
): Promise<ArchiveCheck> => {
  const installed = knownEngines.flatMap((known) => {
    const [newest] = buildsOf(enginesFolder, known.engine, known.version, known.plugins)
    return newest === undefined ? [] : [{ known, newest }]
  })
  const path = join(enginesFolder, fileName)
  const kept = readAnswer(path)
  const age = kept === null ? -1 : now - kept.at
  const isCurrent = (offer: Answer['offers'][string] | undefined): boolean =>
    offer !== undefined && age >= 0 && age < (typeof offer === 'string' ? failureKeptMs : keptMs)
  let offers = kept?.offers ?? {}
  if (!installed.every(({ known }) => isCurrent(offers[nameOf(known)]))) {
    const installer = open()
    try {
      const asked = installed.map(async ({ known }) => [nameOf(known), await ask(installer, known)] as const)
      offers = Object.fromEntries(await Promise.all(asked))
    } finally {
      installer.close()
    }
    keep(path, { at: now, offers })
  }
  const updates: EngineUpdate[] = []
  const failures: string[] = []
  for (const { known, newest } of installed) {
    const offer = offers[nameOf(known)]
    if (typeof offer === 'string' || offer === undefined) failures.push(`${nameOf(known)}: ${offer ?? 'not asked'}`)
    else {
      const packages = outdatedPackages(newest.provenance, offer)
      if (packages.length > 0) updates.push({ engine: known.engine, version: newest.provenance.version, packages })
    }
  }
  return { updates, failures }
}
