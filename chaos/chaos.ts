/** One run: groups under load, one round of faults after the other, each followed by a wait for full health, and the checks at the end. */
import type { TestService } from '../e2e/support/service.ts'
import { connectIoredis, connectIoredisCluster, connectNode, connectRedisClient } from './clients.ts'
import { type Evidence, openEvidence } from './evidence.ts'
import { faults } from './faults.ts'
import { createGroups, layoutOf, type ShardLayout } from './groups.ts'
import { untilHealthy } from './health.ts'
import { openHistory, type Write } from './history.ts'
import { within, withService } from './home.ts'
import { createLedger } from './ledger.ts'
import { messageOf } from './messages.ts'
import { openProcesses } from './processes.ts'
import { readBack } from './read-back.ts'
import { createReigns, epochProblems, mixedReigns } from './reigns.ts'
import { byFault, type RoundResult, tableOf } from './report.ts'
import { accuse, healthDeadlineMs, type Run, runRound } from './round.ts'
import type { Fault } from './scene.ts'
import { planRound } from './schedule.ts'
import { openTools, type Tools } from './tools.ts'
import { openWorld } from './world.ts'
import { startWriters, type WriterPlan } from './writers.ts'

export interface ChaosOptions {
  readonly minutes: number
  readonly seed: number
  /** Names of the faults that may happen. */
  readonly allowed: readonly string[]
  /** The folder of a small file system that is nobody else's: the home stands in it. */
  readonly disk?: string
  readonly say: (line: string) => void
  /** It ends early, and all is taken away. */
  readonly signal: AbortSignal
}

export interface ChaosResult {
  readonly figures: Readonly<Record<string, unknown>>
  /** Empty where all was well. */
  readonly violations: readonly string[]
}

const applicationPauseMs = 5
const nodePauseMs = 25

/** Engines of three shards and more may elect a primary by themselves; the store learns of it afterwards. */
const mayElect = ({ kind, siblings }: ShardLayout): boolean => kind === 'cme' && siblings >= 3

const writersOf = async (shards: readonly ShardLayout[]): Promise<readonly WriterPlan[]> => {
  const groups = Map.groupBy(shards, (shard) => shard.group)
  const plans: WriterPlan[] = []
  for (const [group, members] of groups) {
    const [first] = members
    if (first === undefined) continue
    const cluster = first.kind === 'cme' ? connectIoredisCluster([first.endpoint]) : null
    for (const shard of members) {
      const common = { shard: shard.key, tag: shard.tag }
      const application = { ...common, pauseMs: applicationPauseMs, application: true }
      if (cluster === null) {
        plans.push({ ...application, name: `redis-client:${group}`, client: await connectRedisClient(shard.endpoint) })
        plans.push({ ...application, name: `ioredis:${group}`, client: connectIoredis(shard.endpoint) })
      } else {
        for (const number of [1, 2])
          plans.push({ ...application, name: `ioredis-cluster-${number}:${shard.key}`, client: cluster })
      }
      for (const node of shard.nodes)
        plans.push({ ...common, pauseMs: nodePauseMs, application: false, name: `node:${node.id}`, client: connectNode(node) })
    }
  }
  return plans
}

const runRounds = async (run: Run, { seed, allowed }: ChaosOptions, deadline: number): Promise<readonly RoundResult[]> => {
  const results: RoundResult[] = []
  // Those that are left out here keep their turn, so that a seed means the same on every machine.
  const shapes = faults.filter((fault) => allowed.includes(fault.name))
  const isLeftOut = ({ needs }: Fault): boolean => needs !== undefined && run.tools.missing.has(needs)
  if (shapes.every(isLeftOut)) throw new Error('none of the faults can be done here')
  const targets = run.ward.shards.map(({ key, group, kind, nodes }) => ({ key, group, kind, replicas: nodes.length - 1 }))
  for (let round = 1; performance.now() < deadline && !run.signal.aborted; round += 1) {
    const plan = planRound(seed, round, shapes, targets)
    if (shapes.some((fault) => fault.name === plan.fault && isLeftOut(fault))) continue
    if (!(await runRound(run, plan, results))) break
  }
  return results
}

const conclude = async (run: Run, options: ChaosOptions, results: readonly RoundResult[]): Promise<ChaosResult> => {
  const { ward, history, ledger, violations } = run
  const last = (results.at(-1)?.round ?? 0) + 1
  await ward.writers.stop()
  const late = await readBack(ward, ledger, last, true).catch(async (error: unknown) => {
    await accuse(run, last, `the final read failed: ${messageOf(error)}`, [])
    return []
  })
  if (late.length > 0)
    await accuse(
      run,
      last,
      `${late.length} acknowledged writes are lost though nothing was done`,
      late.map((entry) => JSON.stringify(entry)),
    )
  if (ledger.risen.length > 0) await accuse(run, last, `${ledger.risen.length} refused writes are there`, ledger.risen)
  const reigns = run.reigns.all()
  const twice = [
    ...mixedReigns(reigns),
    ...epochProblems(reigns, ward.world.epochs, (key) => ward.shards.some((shard) => shard.key === key && mayElect(shard))),
  ]
  if (twice.length > 0)
    await accuse(
      run,
      last,
      `writes were taken by two nodes of one shard, or in an epoch of another, ${twice.length} times`,
      twice,
    )
  const stopped = run.processes.stopped()
  if (stopped.length > 0) await accuse(run, last, `hung engines are still there: ${stopped.join(', ')}`, [])

  const byKind = byFault(results, faults)
  const planned = results.filter((result) => faults.some((fault) => fault.planned && fault.name === result.fault))
  run.say('')
  run.say(tableOf(byKind))
  return {
    violations,
    figures: {
      seed: options.seed,
      minutes: options.minutes,
      rounds: results.length,
      acknowledged: history.counts.acknowledged,
      refused: history.counts.refused,
      unknown: history.counts.unknown,
      reigns: reigns.length,
      epochs: ward.world.epochs.length,
      lost: results.reduce((total, result) => total + result.lost, 0) + late.length,
      lostWithAllNodes: results.reduce((total, result) => total + result.lostWithAll, 0),
      lostInPlannedSwitches: planned.reduce((total, result) => total + result.lost, 0),
      takenByTwoNodes: twice.length,
      notHealthyInTime: results.filter((result) => result.healthyMs === null).length,
      byFault: byKind,
      violations,
    },
  }
}

const runOn = async (service: TestService, tools: Tools, options: ChaosOptions, evidence: Evidence): Promise<ChaosResult> => {
  const { say, signal } = options
  const processes = openProcesses(service.home)
  const history = openHistory(evidence.historyFile)
  const ledger = createLedger()
  const reigns = createReigns()
  try {
    await within(signal, createGroups(service))
    await using world = await openWorld(service.home)
    const shards = await layoutOf(world)
    const nodes = shards.flatMap((shard) => shard.nodes)
    say(`${shards.length} shards of ${new Set(shards.map((shard) => shard.group)).size} groups, ${nodes.length} nodes`)
    const keep = (write: Write): void => {
      history.add(write)
      ledger.add(write)
      reigns.add(write)
    }
    const writers = startWriters(await within(signal, writersOf(shards)), keep)
    const ward = { service, world, shards, writers }
    const run: Run = { ...options, ward, history, reigns, keep, ledger, processes, tools, evidence, violations: [] }
    try {
      await writers.enter(1)
      const begun = performance.now()
      const calm = await untilHealthy(ward, begun, { moved: new Map(), kept: new Map() }, healthDeadlineMs, signal)
      if (calm.healthyAt === null) throw new Error(`not healthy before anything was done: ${calm.missing.join('; ')}`)
      return await conclude(run, options, await runRounds(run, options, begun + options.minutes * 60_000))
    } finally {
      await writers.stop()
    }
  } finally {
    processes.wakeAll()
    await history.close()
  }
}

/** Rejects when the run itself could not be carried out. All that it started is gone afterwards, however it ends. */
export const runChaos = async (options: ChaosOptions): Promise<ChaosResult> => {
  const { say, allowed } = options
  say(`chaos: seed ${options.seed}, ${options.minutes} minutes; the same seed makes the same faults`)
  const possible = faults.filter((fault) => allowed.includes(fault.name))
  using tools = await openTools(possible, options.disk ?? null)
  for (const { name, needs } of possible) {
    const why = needs === undefined ? undefined : tools.missing.get(needs)
    if (why !== undefined) say(`${name} is left out: ${why}`)
  }
  const evidence = openEvidence()
  let isWell = false
  try {
    const result = await withService(options, async (service) => {
      try {
        return await runOn(service, tools, options, evidence)
      } catch (error) {
        evidence.save('failed', service.home, messageOf(error))
        throw error
      }
    })
    isWell = result.violations.length === 0
    return result
  } finally {
    if (isWell || options.signal.aborted) evidence.remove()
    else say(`what happened is kept in ${evidence.folder}`)
  }
}
