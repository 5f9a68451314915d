/** One run: groups under load, one round of faults after the other, each followed by a wait for full health, and the checks at the end. */
import { setTimeout as delay } from 'node:timers/promises'
import { startTestService } from '../e2e/support/service.ts'
import { type Burst, startBurst } from './burst.ts'
import { connectIoredis, connectIoredisCluster, connectNode, connectRedisClient } from './clients.ts'
import { type Evidence, openEvidence } from './evidence.ts'
import { type Fault, faults } from './faults.ts'
import { shardGap } from './gaps.ts'
import { createGroups, layoutOf, type ShardLayout } from './groups.ts'
import { type Expectation, untilHealthy, type Ward } from './health.ts'
import { type History, openHistory, type Write } from './history.ts'
import { larder } from './larder.ts'
import { createLedger, type Ledger, type Loss } from './ledger.ts'
import { openProcesses, type Processes } from './processes.ts'
import { readBack } from './read-back.ts'
import { epochProblems, mixedReigns, reignsOf } from './reigns.ts'
import { byFault, type RoundResult, tableOf } from './report.ts'
import { planRound, type RoundPlan } from './schedule.ts'
import { type Blow, type Judgement, judgeLosses } from './verdict.ts'
import { openWorld } from './world.ts'
import { startWriters, type WriterPlan } from './writers.ts'

export interface ChaosOptions {
  readonly minutes: number
  readonly seed: number
  /** Names of the faults that may happen. */
  readonly allowed: readonly string[]
  readonly say: (line: string) => void
  /** It ends early, and all is taken away. */
  readonly signal: AbortSignal
}

export interface ChaosResult {
  readonly figures: Readonly<Record<string, unknown>>
  /** Empty where all was well. */
  readonly violations: readonly string[]
}

const healthDeadlineMs = 10_000
/** A group that needs longer still ends the run: nothing after it would tell anything. */
const patienceMs = 30_000
/** Every writer has written at least once in this time where nothing is done. */
const quietMostMs = 2_000
/** Health that took longer is explained. */
const slowMs = 1_000
const applicationPauseMs = 5
const nodePauseMs = 25

/** Engines of three shards and more may elect a primary by themselves; the store learns of it afterwards. */
const mayElect = ({ kind, siblings }: ShardLayout): boolean => kind === 'cme' && siblings >= 3

const isApplication = (writer: string): boolean => !/^(node|burst):/.test(writer)

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

/** The burst has begun by then. */
const burstLeadMs = 30

interface Run extends ChaosOptions {
  readonly ward: Ward
  readonly history: History
  /** Into the history and the ledger. */
  readonly keep: (write: Write) => void
  readonly ledger: Ledger
  readonly processes: Processes
  readonly evidence: Evidence
  readonly violations: string[]
}

const burstOn = (run: Run, round: number, shard: ShardLayout): Burst => {
  const primary = shard.nodes.find((node) => node.id === run.ward.world.primaryOf(shard.group, shard.shard))
  if (primary === undefined) throw new Error(`expected ${shard.key} to have a primary`)
  return startBurst({ shard: shard.key, tag: shard.tag, round, primary }, run.keep)
}

const expectationOf = (run: Run, fault: Fault, targets: readonly ShardLayout[]): Expectation => {
  const primaries = (shards: readonly ShardLayout[]): ReadonlyMap<string, string> =>
    new Map(shards.map((shard) => [shard.key, run.ward.world.primaryOf(shard.group, shard.shard) ?? '']))
  const touched = fault.most === 0 ? run.ward.shards : targets
  return {
    moved: fault.roles === 'move' ? primaries(touched) : new Map(),
    kept: primaries(
      fault.roles === 'stay'
        ? run.ward.shards
        : fault.most === 0
          ? []
          : run.ward.shards.filter((shard) => !touched.includes(shard)),
    ),
  }
}

const accuse = async (run: Run, round: number, why: string, details: readonly string[]): Promise<void> => {
  run.violations.push(why)
  run.say(`VIOLATION ${why}`)
  for (const detail of details.slice(0, 12)) run.say(`    ${detail}`)
  const status = await larder(run.ward.service, 'status').catch((error: unknown) => String(error))
  run.evidence.save(`round-${round}-${run.violations.length}`, run.ward.service.home, [why, ...details, '', status].join('\n'))
}

/** Counts what is lost, and says where nothing may be. */
const judge = async (run: Run, plan: RoundPlan, fault: Fault, blow: Blow, losses: readonly Loss[]): Promise<Judgement> => {
  const judgement = judgeLosses(run.ward.shards, fault, blow, losses)
  if (judgement.forbidden.length > 0) {
    await accuse(
      run,
      plan.round,
      `round ${plan.round}  ${fault.name}: ${judgement.forbidden.length} acknowledged writes are lost where none may be`,
      judgement.forbidden.map(({ write }) => JSON.stringify(write)),
    )
  }
  return judgement
}

/** False: the groups did not come back at all. */
const runRound = async (run: Run, plan: RoundPlan, results: RoundResult[]): Promise<boolean> => {
  const { ward, say } = run
  const fault = faults.find((each) => each.name === plan.fault)
  if (fault === undefined) throw new TypeError(`expected a fault, found ${plan.fault}`)
  await delay(plan.quietMs)
  const targets = plan.targets.flatMap((key) => ward.shards.filter((shard) => shard.key === key))
  const label = `round ${plan.round}  ${fault.name}`
  say(`${label}${targets.length === 0 ? '' : `  on ${plan.targets.join(', ')}`}`)
  let expected = expectationOf(run, fault, targets)
  let refusedByLimit = 0
  const firstWrite = run.history.writes.length
  const from = performance.now()
  const tell = (line: string): void => say(`${`+${(performance.now() - from).toFixed(0)} ms`.padStart(12)}  ${line}`)
  if (run.signal.aborted) return false
  const bursts = targets.map((shard) => burstOn(run, plan.round, shard))
  await delay(burstLeadMs)
  const struck = new Map<string, Set<string>>()
  try {
    await fault.inject({
      ward,
      processes: run.processes,
      targets,
      draw: plan.draw,
      tell,
      struck: (shard, node) => struck.set(shard.key, (struck.get(shard.key) ?? new Set()).add(node.id)),
      refused: () => {
        refusedByLimit += 1
      },
    })
  } catch (error) {
    if (run.signal.aborted) return false
    const why = error instanceof Error ? error.message : String(error)
    await accuse(
      run,
      plan.round,
      `${label}: ${why}`,
      error instanceof Error && error.cause !== undefined ? [String(error.cause)] : [],
    )
  }
  await Promise.all(bursts.map((burst) => burst.stop()))
  if (refusedByLimit > 0) expected = { moved: new Map(), kept: new Map() }
  const since = performance.now()
  let { healthyAt, missing } = await untilHealthy(ward, since, expected, healthDeadlineMs, run.signal)
  if (run.signal.aborted) return false
  const inTime = healthyAt !== null
  if (!inTime) {
    await accuse(run, plan.round, `${label}: not in full health after ${healthDeadlineMs / 1000} s`, missing)
    ;({ healthyAt, missing } = await untilHealthy(ward, since, { moved: new Map(), kept: new Map() }, patienceMs, run.signal))
  }
  if (run.signal.aborted) return false
  if (healthyAt === null) {
    await accuse(run, plan.round, `${label}: not in full health after ${patienceMs / 1000} s; the run ends here`, missing)
    return false
  }
  const recent = run.history.writes.slice(run.history.writes.findLastIndex((write) => write.end < from - quietMostMs) + 1)
  const gaps = (targets.length === 0 ? ward.shards : targets).map((shard) =>
    shardGap(recent, shard.key, isApplication, from, healthyAt),
  )
  await ward.writers.enter(plan.round + 1)
  const acknowledged = run.history.writes.slice(firstWrite).filter((write) => write.outcome === 'acknowledged').length
  const blow = { at: from, targets: plan.targets, struck }
  const judgement = await judge(run, plan, fault, blow, await readBack(ward, run.ledger, plan.round))
  const result: RoundResult = {
    round: plan.round,
    fault: fault.name,
    targets: plan.targets,
    gaps,
    healthyMs: inTime ? healthyAt - since : null,
    acknowledged,
    lost: judgement.lost,
    lostWithAll: judgement.lostWithAll,
    refusedByLimit,
  }
  results.push(result)
  if (healthyAt - since > slowMs) tell(`missing until then: ${missing.slice(0, 3).join('; ')}`)
  tell(
    `full health after ${(healthyAt - since).toFixed(0)} ms, writers waited ${Math.max(0, ...gaps).toFixed(0)} ms at most, ` +
      `${acknowledged} acknowledged, ${judgement.lost + judgement.lostWithAll} lost`,
  )
  return true
}

const runRounds = async (run: Run, deadline: number): Promise<readonly RoundResult[]> => {
  const results: RoundResult[] = []
  const shapes = faults.filter((fault) => run.allowed.includes(fault.name))
  const targets = run.ward.shards.map(({ key, group, kind, nodes }) => ({ key, group, kind, replicas: nodes.length - 1 }))
  for (let round = 1; performance.now() < deadline && !run.signal.aborted; round += 1) {
    if (!(await runRound(run, planRound(run.seed, round, shapes, targets), results))) break
  }
  return results
}

const conclude = async (run: Run, results: readonly RoundResult[]): Promise<ChaosResult> => {
  const { ward, history, ledger, violations } = run
  const last = (results.at(-1)?.round ?? 0) + 1
  await ward.writers.stop()
  const late = await readBack(ward, ledger, last, { all: true }).catch(async (error: unknown) => {
    await accuse(run, last, `the final read failed: ${error instanceof Error ? error.message : String(error)}`, [])
    return []
  })
  if (late.length > 0)
    await accuse(
      run,
      last,
      `${late.length} acknowledged writes are lost though nothing was done`,
      late.map(({ write }) => JSON.stringify(write)),
    )
  if (ledger.risen.length > 0) await accuse(run, last, `${ledger.risen.length} refused writes are there`, ledger.risen)
  const reigns = reignsOf(history.writes)
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
  const count = (outcome: string): number => history.writes.filter((write) => write.outcome === outcome).length
  const planned = results.filter((result) => faults.some((fault) => fault.planned && fault.name === result.fault))
  run.say('')
  run.say(tableOf(byKind))
  return {
    violations,
    figures: {
      seed: run.seed,
      minutes: run.minutes,
      rounds: results.length,
      acknowledged: count('acknowledged'),
      refused: count('refused'),
      unknown: count('unknown'),
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

/** Rejects when the run itself could not be carried out. */
export const runChaos = async (options: ChaosOptions): Promise<ChaosResult> => {
  const { say } = options
  say(`chaos: seed ${options.seed}, ${options.minutes} minutes; the same seed makes the same faults`)
  const evidence = openEvidence()
  await using service = await startTestService()
  const processes = openProcesses(service.home)
  const history = openHistory(evidence.historyFile)
  const ledger = createLedger()
  const violations: string[] = []
  try {
    await createGroups(service)
    const world = await openWorld(service.home)
    try {
      const shards = await layoutOf(world)
      say(
        `${shards.length} shards of ${new Set(shards.map((shard) => shard.group)).size} groups, ${shards.flatMap((shard) => shard.nodes).length} nodes`,
      )
      const keep = (write: Write): void => {
        history.add(write)
        ledger.add(write)
      }
      const writers = startWriters(await writersOf(shards), keep)
      const run: Run = {
        ...options,
        ward: { service, world, shards, writers },
        history,
        keep,
        ledger,
        processes,
        evidence,
        violations,
      }
      try {
        await writers.enter(1)
        const begun = performance.now()
        const calm = await untilHealthy(run.ward, begun, { moved: new Map(), kept: new Map() }, healthDeadlineMs, run.signal)
        if (calm.healthyAt === null) throw new Error(`not healthy before anything was done: ${calm.missing.join('; ')}`)
        return await conclude(run, await runRounds(run, begun + options.minutes * 60_000))
      } finally {
        await writers.stop()
      }
    } finally {
      await world.close()
    }
  } catch (error) {
    violations.push('the run failed')
    throw error
  } finally {
    processes.wakeAll()
    await history.close()
    if (violations.length === 0) evidence.remove()
    else say(`what happened is kept in ${evidence.folder}`)
  }
}
