/** An installed engine in the list of `larder engines`. */
import { retiredBuild } from '../model/retired-engines.ts'
import type { InstalledEngine } from '../ports/catalog.ts'

const detail = (name: string, text: string): string => `${''.padEnd(19)} ${name.padEnd(10)} ${text}`

/** `serves`: the versions that can be asked for and get it. */
export const engineLines = (entry: InstalledEngine, serves: readonly string[]): readonly string[] => {
  const retired = retiredBuild(entry.engine, entry.version)
  return [
    `${entry.engine.padEnd(10)} ${entry.version.padEnd(8)} ${entry.source.padEnd(10)} ${entry.path}`,
    ...(retired === null ? [] : [detail('retired', retired)]),
    ...(serves.length === 0 ? [] : [detail('serves', serves.join(', '))]),
    ...(entry.modules ?? []).map((file) => detail('module', file)),
  ]
}
