/**
 * How long ordinary clients cannot write, and what they lose: killed, hung and switched primaries and a lost zone, beside three Sentinels at one
 * second and the engine's own election at a node timeout of one second. All clients write through the same rounds, one write after the other.
 */
import { execFile } from 'node:child_process'
import { availableParallelism, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { TestFailoverCommand } from '@aws-sdk/client-elasticache'
import { startTestService, type TestService } from '../e2e/support/service.ts'
import { signalEngine } from '../e2e/support/signals.ts'
import { openElection } from './failover-election.ts'
import { openSentinels } from './failover-sentinel.ts'
import { besideText, type Figures, figuresOf, merged, missed, parts, ratios, wanted } from './failover-table.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { create, endpointOf, openWatcher, primaryOf, type Watcher, writtenSlot } from './support/failover-groups.ts'
import type { Rival } from './support/failover-nodes.ts'
import { type Fault, type Measured, measure } from './support/failover-rounds.ts'
import { openSteps, type StepReader } from './support/failover-steps.ts'
import { round } from './support/figures.ts'

const main = fileURLToPath(new URL('../packages/service/src/main.ts', import.meta.url))
/** As on AWS, TestFailover is allowed 15 times a day in each region. */
const mostTestFailovers = 15
const regions = ['us-east-1', 'eu-west-1', 'eu-central-1'] as const
/** A Sentinel or an election takes seconds for each, and as long until it is ready for the next. */
export const rivalRounds = (rounds: number): number => Math.ceil(rounds / 2)
const shardCounts = [1, 2, 3, 6] as const

const clients = {
  retry_ms: 10,
  offline_queue: true,
  ioredis: 'sends what was under way again; with Sentinels: failoverDetector, reconnectOnError READONLY',
  '@redis/client': 'fails what was under way; sharded: looks for another primary after 10 ms',
  'as it is': 'the same clients without retry_ms, as they are by themselves: 50 ms, and up to 200 ms more by chance',
  '@redis/client, 5 s': 'sharded: looks for another primary after 5 s, as it does by itself',
}

export interface Bench extends BenchmarkOptions {
  readonly service: TestService
  readonly watcher: Watcher
  readonly reader: StepReader
  readonly show: (rows: readonly Measured[]) => void
}

/** In a process of its own: the writers go on in this one. */
const larder = async (service: TestService, ...args: readonly string[]): Promise<void> => {
  await promisify(execFile)(process.execPath, [main, ...args], { env: service.environment, timeout: 60_000 })
}

export const signalFault = ({ service, watcher, reader }: Bench, id: string, name: 'SIGKILL' | 'SIGSTOP'): Fault => ({
  prepare: async () => {
    const { pid } = primaryOf(await watcher.group(id))
    return () => signalEngine(service.home, pid, name)
  },
  mend: () => watcher.untilWhole(id),
  steps: { groupId: id, reader },
})

const zoneFault = ({ service, watcher, reader }: Bench, id: string): Fault => {
  let zone = ''
  return {
    prepare: async () => {
      const { spec, state } = await watcher.group(id)
      zone = spec.shards[0]?.nodes.find((node) => node.id === state.shards['0001']?.primary)?.zone ?? ''
      return () => larder(service, 'zone', 'down', zone)
    },
    mend: async () => {
      await larder(service, 'zone', 'up', zone)
      await watcher.untilWhole(id)
    },
    steps: { groupId: id, reader },
  }
}

const unsharded = async (bench: Bench): Promise<void> => {
  const { service, watcher, rounds, signal, show } = bench
  const id = 'plain'
  await create(service, { id, shards: null, replicas: 2 })
  await watcher.untilWhole(id)
  const target = { kind: 'endpoint', place: endpointOf(await watcher.group(id)) } as const
  show(await measure({ what: 'kill', rounds, target, signal, fault: signalFault(bench, id, 'SIGKILL') }))
  show(await measure({ what: 'hang', rounds, target, signal, fault: signalFault(bench, id, 'SIGSTOP') }))
  show(await measure({ what: 'zone', rounds, target, signal, fault: zoneFault(bench, id) }))
}

/** In as many regions as it takes to be allowed that often. */
const planned = async ({ service, watcher, reader, rounds, signal, show }: Bench): Promise<void> => {
  const measured: (readonly Measured[])[] = []
  let left = rounds
  for (const region of regions) {
    if (left === 0) break
    const id = `planned-${region}`
    await create(service, { id, shards: null, replicas: 2, region })
    await watcher.untilWhole(id)
    const target = { kind: 'endpoint', place: endpointOf(await watcher.group(id)) } as const
    const api = service.client(region)
    const ask = (): Promise<unknown> => api.send(new TestFailoverCommand({ ReplicationGroupId: id, NodeGroupId: '0001' }))
    const fault: Fault = {
      prepare: async () => ask,
      mend: () => watcher.untilWhole(id),
      steps: { groupId: id, reader },
    }
    try {
      const most = Math.min(left, mostTestFailovers)
      measured.push(await measure({ what: 'planned', rounds: most, target, signal, fault }))
      left -= most
    } finally {
      api.destroy()
    }
  }
  show(merged(measured))
}

const sharded = async (bench: Bench, shards: number): Promise<void> => {
  const { service, watcher, rounds, signal, show } = bench
  const id = `shards-${shards}`
  await create(service, { id, shards, replicas: 1 })
  await watcher.untilWhole(id)
  const target = { kind: 'cluster', places: [endpointOf(await watcher.group(id))] } as const
  show(await measure({ what: `kill, ${shards} sh.`, rounds, target, signal, fault: signalFault(bench, id, 'SIGKILL') }))
}

const beside = async (rival: Rival, { rounds, signal }: BenchmarkOptions, show: Bench['show']): Promise<void> => {
  for (const [what, fault] of Object.entries(rival.faults))
    show(await measure({ what, rounds: rivalRounds(rounds), target: rival.target, signal, fault }))
}

const ours = async (options: BenchmarkOptions, show: Bench['show']): Promise<void> => {
  await using service = await startTestService()
  await using watcher = openWatcher(service, options.signal)
  const bench: Bench = { ...options, service, watcher, reader: openSteps(service.home), show }
  await unsharded(bench)
  await planned(bench)
  for (const shards of shardCounts) await sharded(bench, shards)
}

export const runFailover = async (options: BenchmarkOptions) => {
  const { say, signal } = options
  const rows: Figures[] = []
  const before = loadavg().map((load) => round(load, 1))
  const showFor =
    (by: Figures['by']): Bench['show'] =>
    (measured) => {
      for (const row of measured.map((each) => figuresOf(by, each))) {
        rows.push(row)
        say(parts.text(row))
      }
    }
  say(
    'what, by whom and seen by which client; longest gap between acknowledged writes; then the median of each part, from the fault on:',
  )
  say(
    'its connection ended, the new primary was decided on and accepted writes (service), connected anew, first write acknowledged (ms)',
  )
  say(parts.head)
  await ours(options, showFor('larder'))
  let needless = 0
  {
    await using sentinels = await openSentinels(signal)
    await beside(sentinels, options, showFor('sentinel'))
    needless = sentinels.needlessSwitches()
  }
  {
    await using election = await openElection(writtenSlot, signal)
    await beside(election, options, showFor('engine'))
  }
  say('')
  for (const line of besideText(rows)) say(line)
  say(
    `the Sentinels switched ${needless} times more than there were faults: what is written to the first of two new primaries is lost`,
  )
  const misses = missed(rows)
  say(misses.length === 0 ? 'every aim is reached' : `missed: ${misses.join('; ')}`)
  return {
    machine: { processors: availableParallelism(), load_average_before: before },
    clients,
    rows,
    ratios: ratios(rows),
    sentinel_needless_switches: needless,
    wanted,
    missed: misses,
  }
}
