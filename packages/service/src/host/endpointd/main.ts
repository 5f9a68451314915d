/**
 * The process that serves the endpoints which no engine binds and the kernel cannot balance. One for each home; it outlives Larder.
 *
 *   node main.ts <plan file> <report file>
 *   node main.ts                                 only fills the compile cache
 *
 * SIGHUP: read the plan again. SIGTERM: end. It ends by itself when there is nothing left to serve.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bounds, openLines } from '../../observe/lines.ts'
import { createLog, type SummingLog } from '../../observe/log.ts'
import { coalesced } from '../coalesce.ts'
import { files } from '../files.ts'
import { type EndpointReport, parsePlan } from './plan.ts'
import { createServices } from './services.ts'

const [planFile, reportFile = ''] = process.argv.slice(2)
const tryAgainMs = 1_000
/** An engine is about to leave a port that somebody is to serve. */
const soonMs = 4
const soonForMs = 3_000

/** What it says itself; its output holds what ends it. */
const openLog = (plan: string): SummingLog =>
  createLog(openLines(join(dirname(plan), 'endpoints.log'), bounds.endpoints).append, Date.now)

const serve = (plan: string, report: string): void => {
  const log = openLog(plan)
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
  let told: string | null = null
  const reloadOrSay = (): void => {
    reload().then(
      () => {
        told = null
      },
      (error: unknown) => {
        // What was in force stays in force. Nobody sends the signal again, so this is tried again.
        const reason = error instanceof Error ? error.message : String(error)
        if (reason !== told) log('error', 'the plan could not be put in force', { error })
        told = reason
        clearTimeout(again)
        again = setTimeout(reloadOrSay, tryAgainMs)
      },
    )
  }
  process.on('SIGHUP', reloadOrSay)
  process.on('SIGTERM', () => {
    log.sumUp()
    process.exit(0)
  })
  reloadOrSay()
}

if (planFile !== undefined) serve(planFile, reportFile)
