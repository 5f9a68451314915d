import { enginesFolderOf, openCatalog } from '../engines/catalog.ts'
import { installEngine } from '../engines/install.ts'
import { knownEngines } from '../engines/known.ts'
import { withUserModules } from '../engines/user-modules.ts'
import { LarderError } from '../errors.ts'
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

/** `larder engines`, `larder engines install [NAME@VERSION]` */
export const engines = async ([verb, wanted]: readonly string[], { json }: { readonly json: boolean }): Promise<number> => {
  if (verb === 'install') return install(wanted)
  if (verb !== undefined) throw new LarderError('usage', `expected: larder engines [install NAME@VERSION], found ${verb}`)
  const warn: Log = (_level, message, { engine, version, file } = {}) => {
    process.stderr.write(`${message}: ${engine} ${version}, ${file}\n`)
  }
  const catalog = await withUserModules(openCatalog(process.env), process.env, warn)
  const missing = catalog.known().filter((entry) => !entry.installed && catalog.find(entry.engine, entry.version) === null)
  if (json) {
    print(`${JSON.stringify({ engines: catalog.list(), missing }, null, 2)}\n`)
    return 0
  }
  for (const entry of catalog.list())
    print(
      [
        `${entry.engine.padEnd(10)} ${entry.version.padEnd(8)} ${entry.source.padEnd(10)} ${entry.path}`,
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
