/**
 * The process that serves the endpoints which no engine binds and the kernel cannot balance. One for each home; it outlives Larder.
 *
 *   node main.ts <plan file> <report file> [<how many ms it stays when there is nothing to serve>]
 *   node main.ts                                 only fills the compile cache
 *
 * SIGHUP: read the plan again. SIGTERM: end. When there is nothing to serve it stays for a while before it ends by itself: the
 * next Memcached cluster would wait for its start longer than for that of its nodes.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bounds, openLines } from '../../observe/lines.ts'
import { createLog, type SummingLog } from '../../observe/log.ts'
import { coalesced } from '../coalesce.ts'
import { files } from '../files.ts'
import { type EndpointReport, isEmptyPlan, parsePlan } from './plan.ts'
import { createServices } from './services.ts'

const [planFile, reportFile = '', lingerMs = '0'] = process.argv.slice(2)
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
    clearTimeout(lingering)
    if (isEmptyPlan(wanted)) lingering = setTimeout(() => undefined, Number(lingerMs))
    const failures = await services.apply(wanted)
    const said: EndpointReport = { pid: process.pid, revision: wanted.revision, failures }
    await files.writeFile(report, JSON.stringify(said))
    clearTimeout(again)
    if (Object.keys(failures).length === 0) return
    again = setTimeout(reloadOrSay, performance.now() - since < soonForMs ? soonMs : tryAgainMs)
  })
  let again: NodeJS.Timeout | undefined
  /** Does nothing: a process that waits for something does not end. */
  let lingering: NodeJS.Timeout | undefined
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
