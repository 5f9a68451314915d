/** One round: something is done to the groups, they come back to full health, and what is there is compared with what was acknowledged. */
import { setTimeout as delay } from 'node:timers/promises'
import { slowness } from '../packages/service/src/testing/busy-machine.ts'
import { type Burst, startBurst } from './burst.ts'
import type { Evidence } from './evidence.ts'
import { faults } from './faults.ts'
import { shardGap } from './gaps.ts'
import type { ShardLayout } from './groups.ts'
import { type Expectation, untilHealthy, type Ward } from './health.ts'
import type { History, Write } from './history.ts'
import { larder } from './larder.ts'
import type { Entry, Ledger } from './ledger.ts'
import { messageOf } from './messages.ts'
import type { Processes } from './processes.ts'
import { readBack } from './read-back.ts'
import type { Reigns } from './reigns.ts'
import type { RoundResult } from './report.ts'
import type { Fault } from './scene.ts'
import type { RoundPlan } from './schedule.ts'
import type { Tools } from './tools.ts'
import { type Blow, type Judgement, judgeLosses } from './verdict.ts'

export const healthDeadlineMs = 10_000 * slowness
/** A group that needs longer still ends the run: nothing after it would tell anything. */
const patienceMs = 30_000 * slowness
/** Every writer has written at least once in this time where nothing is done. */
const quietMostMs = 2_000 * slowness
/** Health that took longer is explained. */
const slowMs = 1_000
const isApplication = (writer: string): boolean => !/^(node|burst):/.test(writer)

/** The burst has begun by then. */
const burstLeadMs = 30

export interface Run {
  readonly signal: AbortSignal
  readonly say: (line: string) => void
  readonly ward: Ward
  readonly history: History
  readonly reigns: Reigns
  /** Into the history, the ledger and the reigns. */
  readonly keep: (write: Write) => void
  readonly ledger: Ledger
  readonly processes: Processes
  readonly tools: Tools
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
          : run.ward.shards.filter((shard) => !touched.includes(shard) && fault.mayMove?.(shard) !== true),
    ),
  }
}

/** Something that must not be. Everything that tells why is kept. */
export const accuse = async (run: Run, round: number, why: string, details: readonly string[]): Promise<void> => {
  run.violations.push(why)
  run.say(`VIOLATION ${why}`)
  for (const detail of details.slice(0, 12)) run.say(`    ${detail}`)
  const status = await larder(run.ward.service, 'status').catch((error: unknown) => String(error))
  try {
    run.evidence.save(`round-${round}-${run.violations.length}`, run.ward.service.home, [why, ...details, '', status].join('\n'))
  } catch (error) {
    run.say(`    what tells why could not be kept: ${messageOf(error)}`)
  }
}

/** Counts what is lost, and says where nothing may be. */
const judge = async (run: Run, plan: RoundPlan, fault: Fault, blow: Blow, losses: readonly Entry[]): Promise<Judgement> => {
  const judgement = judgeLosses(run.ward.shards, fault, blow, losses)
  if (judgement.forbidden.length > 0) {
    await accuse(
      run,
      plan.round,
      `round ${plan.round}  ${fault.name}: ${judgement.forbidden.length} acknowledged writes are lost where none may be`,
      judgement.forbidden.map((entry) => JSON.stringify(entry)),
    )
  }
  return judgement
}

/** False: the groups did not come back at all. */
export const runRound = async (run: Run, plan: RoundPlan, results: RoundResult[]): Promise<boolean> => {
  const { ward, say } = run
  const fault = faults.find((each) => each.name === plan.fault)
  if (fault === undefined) throw new TypeError(`expected a fault, found ${plan.fault}`)
  await delay(plan.quietMs)
  const targets = plan.targets.flatMap((key) => ward.shards.filter((shard) => shard.key === key))
  const label = `round ${plan.round}  ${fault.name}`
  say(`${label}${targets.length === 0 ? '' : `  on ${plan.targets.join(', ')}`}`)
  let expected = expectationOf(run, fault, targets)
  let refusedByLimit = 0
  const acknowledgedBefore = run.history.counts.acknowledged
  const from = performance.now()
  run.history.forget(from - quietMostMs)
  const tell = (line: string): void => say(`${`+${(performance.now() - from).toFixed(0)} ms`.padStart(12)}  ${line}`)
  if (run.signal.aborted) return false
  const bursts = targets.map((shard) => burstOn(run, plan.round, shard))
  await delay(burstLeadMs)
  const struck = new Map<string, Set<string>>()
  try {
    await fault.inject({
      ward,
      processes: run.processes,
      tools: run.tools,
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
    await accuse(run, plan.round, `${label}: ${messageOf(error)}`, [])
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
  const gaps = (targets.length === 0 ? ward.shards : targets).map((shard) =>
    shardGap(run.history.recent, shard.key, isApplication, from, healthyAt),
  )
  let losses: readonly Entry[]
  try {
    await ward.writers.enter(plan.round + 1)
    losses = await readBack(ward, run.ledger, plan.round)
  } catch (error) {
    if (!run.signal.aborted) await accuse(run, plan.round, `${label}: what is there cannot be read: ${messageOf(error)}`, [])
    return false
  }
  const acknowledged = run.history.counts.acknowledged - acknowledgedBefore
  const blow = { at: from, targets: plan.targets, struck }
  const judgement = await judge(run, plan, fault, blow, losses)
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
