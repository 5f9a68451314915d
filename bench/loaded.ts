/** Killed primaries on a machine that has other things to do, beside three Sentinels at one second under the same load. */
import { availableParallelism } from 'node:os'
import { startTestService } from '../e2e/support/service.ts'
import { rivalRounds, signalFault } from './failover.ts'
import { openSentinels } from './failover-sentinel.ts'
import { type Aim, besideText, type Figures, figuresOf, missed, parts, ratios } from './failover-table.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { create, endpointOf, openWatcher } from './support/failover-groups.ts'
import { type Measured, measure } from './support/failover-rounds.ts'
import { openSteps } from './support/failover-steps.ts'
import { runBeforeLoad, startLoad } from './support/load.ts'

const loads = [
  { name: 'busy', busy: 40, rules: 0 },
  { name: 'rules', busy: 0, rules: 10 },
  { name: 'both', busy: 40, rules: 10 },
] as const

const aim: Aim = { p50_ms: 50, p99_ms: 200 }

export const runLoaded = async (options: BenchmarkOptions) => {
  const { rounds, only, say, signal } = options
  const rows: Figures[] = []
  const showFor =
    (by: Figures['by']) =>
    (measured: readonly Measured[]): void => {
      for (const row of measured.map((each) => figuresOf(by, each))) {
        rows.push(row)
        say(parts.text(row))
      }
    }
  say('killed primaries beside 40 busy processes, beside ten processes that change rules of nftables all the time, beside both')
  say(parts.head)
  const id = 'plain'
  await using service = await startTestService({ ownSession: true })
  await using watcher = openWatcher(service, signal)
  const bench = { ...options, service, watcher, reader: openSteps(service.home), show: showFor('larder') }
  await create(service, { id, shards: null, replicas: 2 })
  await watcher.untilWhole(id)
  const target = { kind: 'endpoint', place: endpointOf(await watcher.group(id)) } as const
  await using sentinels = await openSentinels(signal)
  const rival = sentinels.faults['kill']
  if (rival === undefined) throw new Error('expected Sentinels to be measured with a killed primary')
  // What is measured is who serves, not whether these clients get to run.
  const isRaised = runBeforeLoad()
  say(isRaised ? 'the clients run before the load' : 'the clients wait for their turn among the load, which is in all figures')
  const chosen = loads.filter(({ name }) => name.includes(only))
  for (const { name: what, busy, rules } of chosen) {
    using _load = startLoad({ busy, rules })
    bench.show(await measure({ what, rounds, target, signal, fault: signalFault(bench, id, 'SIGKILL') }))
    try {
      showFor('sentinel')(await measure({ what, rounds: rivalRounds(rounds), target: sentinels.target, signal, fault: rival }))
    } catch (error) {
      if (signal.aborted) throw error
      say(`the Sentinels did not go on under this load: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  say('')
  for (const line of besideText(rows)) say(line)
  const wanted = Object.fromEntries(chosen.map(({ name }) => [name, aim]))
  const misses = missed(rows, wanted)
  say(misses.length === 0 ? 'every aim is reached' : `missed: ${misses.join('; ')}`)
  return {
    machine: { processors: availableParallelism(), clients_run_first: isRaised },
    loads: chosen,
    rows,
    ratios: ratios(rows),
    wanted,
    missed: misses,
  }
}
