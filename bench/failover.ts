/**
 * How long ordinary clients cannot write, and what they lose: killed, hung and switched primaries and a lost zone, beside three Sentinels at one
 * second and the engine's own election at a node timeout of one second. Both clients write in the same rounds.
 */
import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ModifyReplicationGroupCommand, TestFailoverCommand } from '@aws-sdk/client-elasticache'
import { startTestService, type TestService } from '../e2e/support/service.ts'
import { openElection, openSentinels, type Rival } from './failover-rivals.ts'
import { untilDone } from './support/asking.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { create, endpointOf, openWatcher, primaryOf, type Watcher, writtenSlot } from './support/failover-groups.ts'
import { type Library, libraries, openWriter, type Target, type Writer } from './support/failover-writers.ts'
import { percentile, round } from './support/figures.ts'

const main = fileURLToPath(new URL('../packages/service/src/main.ts', import.meta.url))
const settleMs = 200
const goOnDeadlineMs = 60_000
/** TestFailover is allowed 15 times a day. */
const mostTestFailovers = 14
const mostRivalRounds = 10
const wanted = {
  kill: { p50: 20, p99: 50 },
  hang: { p99: 1_500 },
  planned: { p99: 50, lost: 0 },
  sharded: { p99: 60 },
} as const

interface Row {
  readonly what: string
  readonly library: Library
  readonly gaps: number[]
  readonly firstErrors: number[]
  failed: number
  lost: number
}

/** One fault after the other, each with every writer watching. */
const measure = async (
  what: string,
  rounds: number,
  target: Target,
  signal: AbortSignal,
  fault: (turn: number) => Promise<unknown> | unknown,
  mend: () => Promise<void>,
): Promise<readonly Row[]> => {
  const writers: Writer[] = []
  try {
    for (const library of libraries) writers.push(await openWriter(library, target))
    const rows = writers.map(({ library }): Row => ({ what, library, gaps: [], firstErrors: [], failed: 0, lost: 0 }))
    for (let turn = 0; turn < rounds; turn += 1) {
      signal.throwIfAborted()
      for (const writer of writers) writer.mark()
      await untilDone('writes before the fault', async () => writers.every((writer) => writer.goesOn), goOnDeadlineMs)
      await delay(settleMs)
      for (const writer of writers) writer.mark()
      await fault(turn)
      for (const writer of writers) writer.struck()
      await delay(settleMs)
      await untilDone(
        'writes after the fault',
        async () => writers.every((writer) => writer.goesOn && writer.gap().ms > 0),
        goOnDeadlineMs,
      )
      await mend()
      await delay(settleMs)
      for (const [index, writer] of writers.entries()) {
        const row = rows[index]
        if (row === undefined) continue
        const gap = writer.gap()
        row.gaps.push(gap.ms)
        if (gap.firstErrorMs !== null) row.firstErrors.push(gap.firstErrorMs)
        row.failed += gap.failed
        row.lost += await writer.lost()
      }
    }
    return rows
  } finally {
    for (const writer of writers) await writer[Symbol.asyncDispose]()
  }
}

const figuresOf = (row: Row) => ({
  what: row.what,
  client: row.library,
  rounds: row.gaps.length,
  p50_ms: round(percentile(row.gaps, 0.5), 1),
  p99_ms: round(percentile(row.gaps, 0.99), 1),
  worst_ms: round(Math.max(...row.gaps), 1),
  first_error_p50_ms: row.firstErrors.length === 0 ? null : round(percentile(row.firstErrors, 0.5), 1),
  failed_writes: row.failed,
  lost_writes: row.lost,
})
type Figures = ReturnType<typeof figuresOf>

const text = (figures: Figures): string =>
  `${figures.what.padEnd(34)}${figures.client.padEnd(15)}${String(figures.rounds).padStart(4)}${String(figures.p50_ms).padStart(10)}${String(figures.p99_ms).padStart(10)}${String(figures.worst_ms).padStart(10)}${String(figures.failed_writes).padStart(9)}${String(figures.lost_writes).padStart(7)}`
const head = `${'what'.padEnd(34)}${'client'.padEnd(15)}${'n'.padStart(4)}${'p50 ms'.padStart(10)}${'p99 ms'.padStart(10)}${'worst ms'.padStart(10)}${'failed'.padStart(9)}${'lost'.padStart(7)}`

/** Beside the writers: they go on in this process. */
const larder = async (service: TestService, ...args: readonly string[]): Promise<void> => {
  await promisify(execFile)(process.execPath, [main, ...args], { env: service.environment, timeout: 60_000 })
}

const unsharded = async (
  service: TestService,
  watcher: Watcher,
  { rounds, signal }: BenchmarkOptions,
  show: (rows: readonly Row[]) => void,
) => {
  const id = 'plain'
  await create(service, { id, shards: null, replicas: 2 })
  const whole = (): Promise<void> => watcher.untilWhole([id])
  await untilDone('the group is there', async () => (await watcher.group(id)).state.primaryEndpoint !== null)
  await whole()
  const seen = await watcher.group(id)
  const target: Target = { kind: 'endpoint', place: endpointOf(seen) }
  const signalPrimary = async (name: NodeJS.Signals): Promise<void> => {
    process.kill(primaryOf(await watcher.group(id)).pid, name)
  }
  show(await measure('killed primary', rounds, target, signal, () => signalPrimary('SIGKILL'), whole))
  show(await measure('hung primary', rounds, target, signal, () => signalPrimary('SIGSTOP'), whole))
  const api = service.client()
  const ask = async (turn: number): Promise<void> => {
    const { spec, state } = await watcher.group(id)
    const primary = state.shards['0001']?.primary
    const heir = spec.shards[0]?.nodes.find((node) => node.id !== primary)
    if (turn < mostTestFailovers) await api.send(new TestFailoverCommand({ ReplicationGroupId: id, NodeGroupId: '0001' }))
    else
      await api.send(
        new ModifyReplicationGroupCommand({ ReplicationGroupId: id, PrimaryClusterId: heir?.id, ApplyImmediately: true }),
      )
  }
  try {
    show(await measure('planned switch', rounds, target, signal, ask, whole))
  } finally {
    api.destroy()
  }
  let zone = ''
  const zoneDown = async (): Promise<void> => {
    const { spec, state } = await watcher.group(id)
    zone = spec.shards[0]?.nodes.find((node) => node.id === state.shards['0001']?.primary)?.zone ?? ''
    await larder(service, 'zone', 'down', zone)
  }
  const zoneUp = async (): Promise<void> => {
    await larder(service, 'zone', 'up', zone)
    await whole()
  }
  show(await measure('lost zone', rounds, target, signal, zoneDown, zoneUp))
}

const sharded = async (
  service: TestService,
  watcher: Watcher,
  shards: number,
  { rounds, signal }: BenchmarkOptions,
  show: (rows: readonly Row[]) => void,
) => {
  const id = `shards-${shards}`
  await create(service, { id, shards, replicas: 1 })
  const whole = (): Promise<void> => watcher.untilWhole([id])
  await untilDone('the group is there', async () => (await watcher.group(id)).state.configurationEndpoint !== null)
  await whole()
  const target: Target = { kind: 'cluster', places: [endpointOf(await watcher.group(id))] }
  const kill = async (): Promise<void> => {
    process.kill(primaryOf(await watcher.group(id)).pid, 'SIGKILL')
  }
  show(await measure(`killed primary, ${shards} shard${shards === 1 ? '' : 's'}`, rounds, target, signal, kill, whole))
}

const beside = async (
  open: () => Promise<Rival>,
  title: string,
  { rounds, signal }: BenchmarkOptions,
  show: (rows: readonly Row[]) => void,
): Promise<void> => {
  await using rival = await open()
  const most = Math.min(rounds, mostRivalRounds)
  const give = (name: NodeJS.Signals) => async (): Promise<void> => {
    process.kill((await rival.primary()).pid, name)
  }
  const mend = (): Promise<void> => rival.mend()
  show(await measure(`${title}: killed primary`, most, rival.target, signal, give('SIGKILL'), mend))
  if (rival.planned === null) return
  show(await measure(`${title}: hung primary`, most, rival.target, signal, give('SIGSTOP'), mend))
  show(await measure(`${title}: planned switch`, most, rival.target, signal, rival.planned, mend))
}

export const runFailover = async (options: BenchmarkOptions) => {
  const { say } = options
  const rows: Figures[] = []
  const show = (measured: readonly Row[]): void => {
    for (const figures of measured.map(figuresOf)) {
      rows.push(figures)
      say(text(figures))
    }
  }
  say(head)
  {
    await using service = await startTestService()
    await using watcher = openWatcher(service)
    await unsharded(service, watcher, options, show)
    for (const shards of [1, 2, 3, 6]) await sharded(service, watcher, shards, options, show)
  }
  await beside(openSentinels, 'Sentinel, 1 s', options, show)
  await beside(() => openElection(writtenSlot), 'own election, 1 s', options, show)
  const find = (what: string, client: Library): Figures | undefined =>
    rows.find((row) => row.what === what && row.client === client)
  const ratios = libraries.map((client) => {
    const [ours, theirs] = [find('killed primary', client), find('Sentinel, 1 s: killed primary', client)]
    return {
      client,
      kill_p50_times_shorter: ours === undefined || theirs === undefined ? null : round(theirs.p50_ms / ours.p50_ms, 0),
    }
  })
  for (const ratio of ratios)
    say(`${ratio.client}: a killed primary costs ${ratio.kill_p50_times_shorter} times less than with Sentinel`)
  return { rows, ratios, wanted }
}
