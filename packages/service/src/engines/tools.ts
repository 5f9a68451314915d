/** Programs beside the engines: command lines of the engines, benchmarks, nft. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { InstalledEngine } from '../ports/catalog.ts'
import { enginesFolderOf } from './catalog.ts'
import { commandIn, readProvenance } from './installed.ts'

const onPath = (name: string, path: string): string | null => {
  for (const folder of [...path.split(delimiter), '/usr/sbin', '/sbin']) {
    if (folder === '') continue
    try {
      accessSync(join(folder, name), constants.X_OK)
      return join(folder, name)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error
    }
  }
  return null
}

/** How `nft` is started: the machine's own, or the one that Larder installed; null when there is none. */
export const findTool = (name: string, environment: NodeJS.ProcessEnv): readonly string[] | null => {
  const own = onPath(name, environment['PATH'] ?? '')
  if (own !== null) return [own]
  const folder = join(enginesFolderOf(environment), name)
  const provenance = readProvenance(folder)
  return provenance === null ? null : commandIn(folder, provenance.loader, provenance.program)
}

/** A program that came with an engine (`valkey-cli`, `redis-benchmark`); null when it did not. */
export const engineTool = (
  engine: InstalledEngine,
  kind: 'cli' | 'benchmark',
  environment: NodeJS.ProcessEnv,
): readonly string[] | null => {
  const name = `${engine.engine}-${kind}`
  const provenance = engine.source === 'installed' ? readProvenance(engine.path) : null
  if (provenance?.tools.includes(name) === true) return commandIn(engine.path, provenance.loader, name)
  const own = onPath(name, environment['PATH'] ?? '')
  return own === null ? null : [own]
}
