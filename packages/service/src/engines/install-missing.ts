/**
 * Run by the set-up: installs what the catalog knows and this machine lacks. A failure does not stop the others. Ends with 1 when an
 * engine is missing without which the service is of no use.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LarderError } from '../errors.ts'
import { enginesFolderOf, openCatalog } from './catalog.ts'
import { openInstaller } from './install.ts'
import { knownEngines, knownTools, neededEngines } from './known.ts'
import { findTool } from './tools.ts'

const folder = enginesFolderOf(process.env)
const say = (text: string): void => void process.stderr.write(`set-up: ${text}\n`)
const listed = (names: readonly string[]): string => names.join(', ').replace(/, ([^,]*)$/, ' and $1')

interface Failure {
  readonly reason: string
  readonly what: readonly string[]
}
/** By what failed; the details in brackets differ between hosts and packages, and one of them is enough. */
const failures = new Map<string, Failure>()
const note = ({ message }: LarderError, what: string): void => {
  const kind = message.replace(/ \(.*/s, '')
  const earlier = failures.get(kind)
  failures.set(kind, { reason: earlier?.reason ?? message, what: [...(earlier?.what ?? []), what] })
}

const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
  const started = performance.now()
  try {
    await work()
    say(`${what} is there after ${((performance.now() - started) / 1000).toFixed(1)} s`)
  } catch (error) {
    if (!(error instanceof LarderError)) throw error
    note(error, what)
  }
}

const installMissing = async (): Promise<void> => {
  const there = openCatalog(process.env).known()
  const wanted = knownEngines.filter(
    (engine) => !there.some((entry) => entry.installed && entry.engine === engine.engine && entry.version === engine.version),
  )
  const tools = knownTools.filter(({ tool }) => findTool(tool, process.env) === null)
  if (wanted.length + tools.length === 0) return
  const installer = openInstaller(folder)
  try {
    for (const engine of wanted) await attempt(`${engine.engine} ${engine.version}`, () => installer.engine(engine))
    for (const tool of tools) await attempt(tool.tool, () => installer.tool(tool))
  } finally {
    installer.close()
  }
}

/** What would mend it. */
const remedy = (reason: string): string =>
  /this machine (has no|is)|expected a Debian archive/.test(reason)
    ? 'put valkey-server and memcached on the PATH, or their folder into LARDER_ENGINE_PATH'
    : 'to try again: npx larder engines install'

try {
  await installMissing()
} catch (error) {
  if (!(error instanceof LarderError)) throw error
  note(error, 'engines')
}
for (const { reason, what } of failures.values()) say(`${listed(what)} could not be installed: ${reason}; ${remedy(reason)}`)

const found = openCatalog(process.env).list()
const missing = neededEngines.filter((engine) => !found.some((entry) => entry.engine === engine))
if (missing.length > 0) process.exitCode = 1
else if (failures.size > 0)
  writeFileSync(join(folder, '.incomplete'), `${[...failures.values()].map(({ reason }) => reason).join('\n')}\n`)
