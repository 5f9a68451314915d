/**
 * The process that serves the endpoints which no engine binds and the kernel cannot balance. One for each home; it outlives Larder.
 *
 *   node main.ts <plan file> <report file>
 *   node main.ts                                 only fills the compile cache
 *
 * SIGHUP: read the plan again. SIGTERM: end. It ends by itself when there is nothing left to serve.
 */
import { readFileSync } from 'node:fs'
import { createLog } from '../../observe/log.ts'
import { coalesced } from '../coalesce.ts'
import { files } from '../files.ts'
import { type EndpointReport, parsePlan } from './plan.ts'
import { createServices } from './services.ts'

const [planFile, reportFile = ''] = process.argv.slice(2)
const log = createLog((line) => process.stdout.write(line), Date.now)
const tryAgainMs = 1_000
/** An engine is about to leave a port that somebody is to serve. */
const soonMs = 4
const soonForMs = 3_000

const serve = (plan: string, report: string): void => {
  const services = createServices(log)
  let revision = -1
  let since = 0
  const reload = coalesced(async () => {
    const wanted = parsePlan(readFileSync(plan, 'utf8'))
    if (wanted.revision !== revision) since = performance.now()
    ;({ revision } = wanted)
    const failures = await services.apply(wanted)
    const said: EndpointReport = { pid: process.pid, revision: wanted.revision, failures }
    await files.writeFile(report, JSON.stringify(said))
    clearTimeout(again)
    if (Object.keys(failures).length === 0) return
    again = setTimeout(reloadOrSay, performance.now() - since < soonForMs ? soonMs : tryAgainMs)
  })
  let again: NodeJS.Timeout | undefined
  const reloadOrSay = (): void => {
    // What was in force stays in force.
    reload().catch((error: unknown) => {
      log('error', 'the plan could not be put in force', { error })
      clearTimeout(again)
      again = setTimeout(reloadOrSay, tryAgainMs)
    })
  }
  process.on('SIGHUP', reloadOrSay)
  process.on('SIGTERM', () => process.exit(0))
  reloadOrSay()
}

if (planFile !== undefined) serve(planFile, reportFile)
