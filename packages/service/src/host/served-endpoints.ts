/** Keeps the process that serves endpoints (see endpointd/main.ts) running and up to date. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { LarderError } from '../errors.ts'
import type { Endpoint, ProcessIdentity } from '../model/group.ts'
import type { Discovery, Front } from '../ports/balancer.ts'
import type { Host } from '../ports/host.ts'
import type { Log } from '../ports/log.ts'
import { coalesced } from './coalesce.ts'
import {
  type DiscoveryPlan,
  type EndpointPlan,
  type EndpointReport,
  emptyPlan,
  endpointKey,
  isEmptyPlan,
  parsePlan,
  parseReport,
  type ReaderPlan,
} from './endpointd/plan.ts'
import { runTool } from './tool.ts'

const inForceDeadlineMs = 10_000
const pollMs = 2
const signalAgainMs = 500
/** A process that has run for so long listens to the signal, whatever became of its report. */
const listensAfterMs = 2_000
const lookAfterMs = 500
const longestPauseMs = 30_000
/** As long as tests take that make a cluster each. */
const defaultLingerMs = 300_000

interface ServedOptions {
  readonly host: Host
  /** Folder of its own, for the plan, the report and the log. */
  readonly folder: string
  readonly log: Log
  /** Aborted when Larder ends: the process is then no longer looked after, and goes on. */
  readonly signal: AbortSignal
  /** So long the process stays when there is nothing to serve. */
  readonly lingerMs?: number
}

/** All methods resolve when the change is in force, and reject with `address-taken` or `deadline` when it cannot be. */
export interface ServedEndpoints {
  setReader(endpoint: Endpoint, backends: readonly Endpoint[]): Promise<void>
  setDiscovery(endpoint: Endpoint, discovery: Discovery): Promise<void>
  setFronts(group: string, fronts: readonly Front[]): Promise<void>
  remove(endpoint: Endpoint): Promise<void>
  readers(): readonly ReaderPlan[]
  list(): Promise<readonly string[]>
  clear(): Promise<void>
}

/** Little memory instead of speed: hardly anything passes through here. */
const memoryFlags = ['--max-old-space-size=64', '--max-semi-space-size=1']
const warmDeadlineMs = 5_000
const program = fileURLToPath(new URL(`./endpointd/main${extname(import.meta.url)}`, import.meta.url))

/** Where Larder keeps what it compiled, for all homes of the user; another place for other sources. */
const sharedCache = (): string | null => {
  const folder = getCompileCacheDir()
  if (folder === undefined) return null
  const hash = createHash('sha256')
  const sources = dirname(program)
  for (const name of readdirSync(sources).toSorted()) if (!name.includes('.test.')) hash.update(readFileSync(join(sources, name)))
  return join(folder, `endpoints-${hash.digest('hex').slice(0, 16)}`)
}

const isAt =
  (endpoint: Endpoint) =>
  (entry: ReaderPlan | DiscoveryPlan): boolean =>
    endpointKey(entry.endpoint) === endpointKey(endpoint)

const without = (plan: EndpointPlan, endpoint: Endpoint): EndpointPlan => ({
  ...plan,
  readers: plan.readers.filter((entry) => !isAt(endpoint)(entry)),
  discoveries: plan.discoveries.filter((entry) => !isAt(endpoint)(entry)),
})

/** Takes over the plan and the process of an earlier Larder; starts the process where the plan wants one and none is there. */
export const openServedEndpoints = async ({
  host,
  folder,
  log,
  signal,
  lingerMs = defaultLingerMs,
}: ServedOptions): Promise<ServedEndpoints> => {
  const planFile = join(folder, 'plan.json')
  const reportFile = join(folder, 'report.json')
  const logFile = join(folder, 'endpoints.log')
  const outFile = join(folder, 'endpoints.out')
  const cacheFolder = sharedCache() ?? join(folder, 'cache')
  const environment = { NODE_COMPILE_CACHE: cacheFolder }
  await host.makeFolder(folder)

  const readReport = async (): Promise<EndpointReport | null> => parseReport(await host.readFile(reportFile))
  const text = await host.readFile(planFile)
  let plan = text === null ? { ...emptyPlan, revision: (await readReport())?.revision ?? 0 } : parsePlan(text)
  let served: ProcessIdentity | null = null

  const lastWords = async (): Promise<string> =>
    (await host.tail(outFile, 400)).trim() || (await host.tail(logFile, 400)).trim() || 'it said nothing'

  /** A process that has to strip the types of its own source keeps 30 MB for that; one that finds them in the cache does not. */
  const warm = async (): Promise<void> => {
    try {
      if (extname(program) !== '.ts' || (await host.listFolder(cacheFolder)).length > 0) return
      await host.makeFolder(cacheFolder)
      await runTool([process.execPath, program], { deadlineMs: warmDeadlineMs, environment })
    } catch (error) {
      log('warn', 'the compile cache could not be filled', { error })
    }
  }
  // Long before the first endpoint is wanted: that would have to wait for it.
  const warmed = warm()

  const launch = async (): Promise<ProcessIdentity> => {
    await warmed
    // An old report must not speak for a new process that happens to get the same pid.
    await host.removeFile(reportFile)
    return host.start({
      command: [process.execPath, ...memoryFlags, program, planFile, reportFile, String(lingerMs)],
      environment,
      cwd: folder,
      logFile: outFile,
      freshLog: true,
      tag: planFile,
    })
  }

  const end = async (identity: ProcessIdentity): Promise<void> => {
    if (await host.signal(identity, planFile, 'SIGTERM')) await host.waitGone(identity, AbortSignal.timeout(inForceDeadlineMs))
  }

  /** The one process of this home: a second one can only be left from a crash in the middle of a start, and serves nothing. */
  const running = async (): Promise<ProcessIdentity | null> => {
    if (served !== null && (await host.check(served, planFile)) === 'running') return served
    const found = await host.findByTag(planFile)
    const speaker = (await readReport())?.pid
    const chosen = found.find(({ pid }) => pid === speaker) ?? found[0] ?? null
    for (const other of found) if (other !== chosen) await end(other)
    return chosen
  }

  /** A process is only signalled after its first report: before, it would not yet listen to the signal, and die of it. */
  const inForce = async (revision: number): Promise<void> => {
    const began = performance.now()
    const deadline = began + inForceDeadlineMs
    let signalledAt = Number.NEGATIVE_INFINITY
    served = (await running()) ?? (await launch())
    while (performance.now() < deadline) {
      const check = await host.check(served, planFile)
      const report = await readReport()
      const hasReported = report?.pid === served.pid
      if (hasReported && report.revision >= revision) return
      if (check !== 'running') {
        if (!hasReported)
          throw new LarderError('engine-start', `the process that serves endpoints ended: ${await lastWords()}`, { retry: true })
        served = (await running()) ?? (await launch())
      } else if ((hasReported || performance.now() - began > listensAfterMs) && performance.now() - signalledAt > signalAgainMs) {
        signalledAt = performance.now()
        await host.signal(served, planFile, 'SIGHUP')
      }
      await sleep(pollMs)
    }
    throw new LarderError(
      'deadline',
      `the process that serves endpoints took no notice within ${inForceDeadlineMs} ms: ${await lastWords()}`,
      {
        retry: true,
      },
    )
  }

  let enforcing = false
  const enforce = coalesced(async () => {
    enforcing = true
    try {
      const wanted = plan
      await host.writeFile(planFile, JSON.stringify(wanted))
      if (isEmptyPlan(wanted) && (await running()) === null) return
      await inForce(wanted.revision)
    } finally {
      enforcing = false
    }
  })

  /** The failure of one endpoint is told to the one who wants that endpoint. */
  const change = async (next: EndpointPlan, endpoints: readonly Endpoint[]): Promise<void> => {
    plan = { ...next, revision: plan.revision + 1 }
    await enforce()
    const failures = (await readReport())?.failures ?? {}
    const failed = endpoints.map(endpointKey).find((key) => failures[key] !== undefined)
    if (failed !== undefined)
      throw new LarderError('address-taken', `${failed} cannot be served: ${failures[failed]}`, { retry: true })
  }

  const isServed = async (): Promise<boolean> =>
    isEmptyPlan(plan) || (served !== null && (await host.check(served, planFile)) === 'running')

  /** Brings the process back when it has ended, with ever longer pauses while that does not help. */
  const lookAfter = async (): Promise<void> => {
    let pauseMs = lookAfterMs
    while (!signal.aborted) {
      try {
        await sleep(pauseMs, undefined, { signal, ref: false })
        // A process that takes long to start is not one that has ended: whoever starts it is still at it.
        if (enforcing || (await isServed()) || enforcing || signal.aborted) continue
        if (served !== null) log('warn', 'the process that serves endpoints has ended and is started again')
        await enforce()
        pauseMs = lookAfterMs
      } catch (error) {
        if (signal.aborted) return
        pauseMs = Math.min(pauseMs * 2, longestPauseMs)
        log('error', 'the process that serves endpoints does not come back', { error })
      }
    }
  }

  served = await running()
  if (!isEmptyPlan(plan)) await enforce().catch((error: unknown) => log('error', 'endpoints are not served', { error }))
  // Without a list nobody knows what it serves: it goes on until the groups have said what they want.
  else if (served !== null && text !== null) await end(served)
  void lookAfter()

  return {
    setReader: (endpoint, backends) => {
      const rest = without(plan, endpoint)
      return change({ ...rest, readers: [...rest.readers, { endpoint, backends }] }, [endpoint])
    },
    setDiscovery: (endpoint, discovery) => {
      const rest = without(plan, endpoint)
      return change({ ...rest, discoveries: [...rest.discoveries, { ...discovery, endpoint }] }, [endpoint])
    },
    remove: async (endpoint) => {
      if (plan.readers.some(isAt(endpoint)) || plan.discoveries.some(isAt(endpoint)))
        await change(without(plan, endpoint), [endpoint])
    },
    setFronts: async (group, fronts) => {
      const [others, present] = [
        plan.fronts.filter((front) => front.group !== group),
        plan.fronts.filter((front) => front.group === group),
      ]
      const wanted = fronts.map((front) => ({ ...front, group }))
      if (isDeepStrictEqual(present, wanted)) return
      await change({ ...plan, fronts: [...others, ...wanted] }, [])
    },
    readers: () => plan.readers,
    list: async () => {
      const report = await readReport()
      if (isEmptyPlan(plan) || report?.revision !== plan.revision || (await running()) === null) return []
      return [...plan.readers, ...plan.discoveries, ...plan.fronts]
        .map(({ endpoint }) => endpointKey(endpoint))
        .filter((key) => report.failures[key] === undefined)
    },
    clear: async () => {
      plan = { ...emptyPlan, revision: plan.revision + 1 }
      await enforce()
      const identity = await running()
      if (identity !== null) await end(identity)
    },
  }
}
