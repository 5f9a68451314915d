import { enginesFolderOf, onlyInstalled, openCatalog } from '../engines/catalog.ts'
import { installEngine } from '../engines/install.ts'
import { knownEngines } from '../engines/known.ts'
import { withUserModules } from '../engines/user-modules.ts'
import { LarderError } from '../errors.ts'
import { compareVersions } from '../model/engine-versions.ts'
import { type Offered, offeredVersions } from '../model/served-versions.ts'
import type { InstalledEngine } from '../ports/catalog.ts'
import type { Log } from '../ports/log.ts'
import { print } from './terminal.ts'

const install = async (wanted: string | undefined): Promise<number> => {
  const names = knownEngines.map((entry) => `${entry.engine}@${entry.version}`)
  const chosen =
    wanted === undefined
      ? knownEngines
      : knownEngines.filter((entry) => `${entry.engine}@${entry.version}` === wanted.toLowerCase())
  if (chosen.length === 0) throw new LarderError('usage', `expected one of ${names.join(', ')}, found ${wanted}`)
  const folder = enginesFolderOf(process.env)
  for (const engine of chosen) {
    print(`installing ${engine.engine} ${engine.version} ... `)
    await installEngine(engine, folder)
    print('done\n')
  }
  return 0
}

/** What can be asked for and gets this engine. */
const servedVersions = (offers: readonly Offered<InstalledEngine>[], engine: InstalledEngine): readonly string[] =>
  offers
    .filter(({ served }) => served === engine)
    .map(({ version }) => version)
    .toSorted(compareVersions)

/** `larder engines`, `larder engines install [NAME@VERSION]` */
export const engines = async ([verb, wanted]: readonly string[], { json }: { readonly json: boolean }): Promise<number> => {
  if (verb === 'install') return install(wanted)
  if (verb !== undefined) throw new LarderError('usage', `expected: larder engines [install NAME@VERSION], found ${verb}`)
  const warn: Log = (_level, message, { engine, version, file } = {}) => {
    process.stderr.write(`${message}: ${engine} ${version}, ${file}\n`)
  }
  const catalog = await withUserModules(openCatalog(process.env), process.env, warn)
  const installed = catalog.list()
  const offers = offeredVersions(installed, onlyInstalled(process.env))
  const missing = catalog.known().filter((entry) => !entry.installed && catalog.find(entry.engine, entry.version) === null)
  if (json) {
    print(
      `${JSON.stringify({ engines: installed.map((entry) => ({ ...entry, serves: servedVersions(offers, entry) })), missing }, null, 2)}\n`,
    )
    return 0
  }
  for (const entry of installed)
    print(
      [
        `${entry.engine.padEnd(10)} ${entry.version.padEnd(8)} ${entry.source.padEnd(10)} ${entry.path}`,
        ...[servedVersions(offers, entry)]
          .filter((versions) => versions.length > 0)
          .map((versions) => `${''.padEnd(19)} ${'serves'.padEnd(10)} ${versions.join(', ')}`),
        ...(entry.modules ?? []).map((file) => `${''.padEnd(19)} ${'module'.padEnd(10)} ${file}`),
        '',
      ].join('\n'),
    )
  for (const entry of missing)
    print(
      `${entry.engine.padEnd(10)} ${entry.version.padEnd(8)} missing    larder engines install ${entry.engine}@${entry.version}\n`,
    )
  return 0
}
