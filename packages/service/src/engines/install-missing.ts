/** Run by the set-up: installs what the catalog knows and this machine lacks. One line for each; a failure does not stop the others. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { enginesFolderOf, openCatalog } from './catalog.ts'
import { installEngine, installTool, provenanceFile } from './install.ts'
import { engineFolderName, knownEngines, knownTools } from './known.ts'
import { findTool } from './tools.ts'

const needed = [
  { engine: 'valkey', version: '9.1' },
  { engine: 'memcached', version: '1.6' },
] as const

const folder = enginesFolderOf(process.env)
const isInstalled = (name: string): boolean => existsSync(join(folder, name, provenanceFile))

const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
  const started = performance.now()
  try {
    await work()
    process.stderr.write(`set-up: ${what} installed in ${((performance.now() - started) / 1000).toFixed(1)} s\n`)
  } catch (error) {
    process.stderr.write(`set-up: ${what} could not be installed: ${error instanceof Error ? error.message : String(error)}\n`)
  }
}

// All at once: most of the time goes by in waiting for the archive.
await Promise.all([
  ...knownEngines
    .filter((engine) => !isInstalled(engineFolderName(engine.engine, engine.version)))
    .map((engine) => attempt(`${engine.engine} ${engine.version}`, () => installEngine(engine, folder))),
  ...knownTools
    .filter((tool) => findTool(tool.tool, process.env) === null)
    .map((tool) => attempt(tool.tool, () => installTool(tool, folder))),
])

const catalog = openCatalog(process.env)
const missing = needed.filter(({ engine, version }) => catalog.find(engine, version) === null)
if (missing.length > 0) {
  const names = missing.map(({ engine, version }) => `${engine} ${version}`).join(' and ')
  process.stderr.write(
    `set-up: ${names} missing; mend what is said above and run npx larder engines install, or put them on the PATH\n`,
  )
  process.exitCode = 1
}
