import { forgetArchive } from '../engines/archive-check.ts'
import { enginesFolderOf, onlyInstalled, openCatalog } from '../engines/catalog.ts'
import { openInstaller } from '../engines/install.ts'
import { knownEngines } from '../engines/known.ts'
import { withUserModules } from '../engines/user-modules.ts'
import { LarderError } from '../errors.ts'
import { compareVersions, minorOf } from '../model/engine-versions.ts'
import { type Offered, offeredVersions } from '../model/served-versions.ts'
import type { InstalledEngine } from '../ports/catalog.ts'
import type { Log } from '../ports/log.ts'
import { nodesOfHome, type OldNode, oldNodes, retiredNodes, updatesNow, updateText } from './engine-builds.ts'
import { engineLines } from './engine-text.ts'
import { print } from './terminal.ts'

const install = async (wanted: string | undefined): Promise<number> => {
  const names = knownEngines.map((entry) => `${entry.engine}@${entry.version}`)
  const chosen =
    wanted === undefined
      ? knownEngines
      : knownEngines.filter((entry) => `${entry.engine}@${entry.version}` === wanted.toLowerCase())
  if (chosen.length === 0) throw new LarderError('usage', `expected one of ${names.join(', ')}, found ${wanted}`)
  const folder = enginesFolderOf(process.env)
  const installer = openInstaller(folder)
  try {
    for (const engine of chosen) {
      print(`installing ${engine.engine} ${engine.version} ... `)
      print((await installer.update(engine)) ? 'done\n' : 'the archive has nothing newer\n')
    }
  } finally {
    installer.close()
  }
  forgetArchive(folder)
  print(oldNodesText(oldNodes(await nodesOfHome(), openCatalog(process.env).list())))
  return 0
}

const nameOf = ({ engine, version }: { readonly engine: string; readonly version: string }): string =>
  `${engine}@${minorOf(version)}`

const oldNodesText = (nodes: readonly OldNode[]): string =>
  nodes
    .map(
      ({ node, engine, version, path }) =>
        `${node} runs the build of ${engine} ${version} from before ${path}, until it is rebooted (start the service again first)\n`,
    )
    .join('')

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
  const nodes = await nodesOfHome()
  const old = oldNodes(nodes, installed)
  const { updates, failures } = await updatesNow()
  if (json) {
    print(
      `${JSON.stringify({ engines: installed.map((entry) => ({ ...entry, serves: servedVersions(offers, entry) })), missing, updates, oldNodes: old }, null, 2)}\n`,
    )
    return 0
  }
  for (const entry of installed) print(`${engineLines(entry, servedVersions(offers, entry)).join('\n')}\n`)
  for (const entry of missing)
    print(
      `${entry.engine.padEnd(10)} ${entry.version.padEnd(8)} missing    larder engines install ${entry.engine}@${entry.version}\n`,
    )
  print(oldNodesText(old))
  for (const notice of retiredNodes(nodes)) print(`${notice}\n`)
  for (const update of updates) print(`${updateText(update)}: larder engines install ${nameOf(update)}\n`)
  for (const failure of failures) process.stderr.write(`the archive could not be asked: ${failure}\n`)
  return 0
}
