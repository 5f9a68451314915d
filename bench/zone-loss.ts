/**
 * The scale of it: groups of one primary and two replicas over three zones, and one zone lost at once: until the last group takes writes at its
 * primary endpoint, and until all of them are whole again. The worst case first: all primaries stand in the zone that is lost, as they do in a
 * home in which nobody said where to put them. Then the same beside busy processes.
 *
 * `--only "150 nodes: killed, all primaries in it, beside"` makes that size alone.
 */
import { execFile } from 'node:child_process'
import { freemem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ModifyReplicationGroupCommand } from '@aws-sdk/client-elasticache'
import { startTestService, type TestService } from '../e2e/support/service.ts'
import { signalEngine } from '../e2e/support/signals.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { create, endpointOf, isWhole, openWatcher, type Seen, type Watcher } from './support/failover-groups.ts'
import { openSteps, type StepReader } from './support/failover-steps.ts'
import { median, round } from './support/figures.ts'
import { openLightWriter } from './support/light-writers.ts'
import { startLoad } from './support/load.ts'
import { residentMegabytes } from './support/proc.ts'
import { until } from './support/waiting.ts'

const main = fileURLToPath(new URL('../packages/service/src/main.ts', import.meta.url))
const sizes = [20, 60, 120, 150, 200]
const nodesOfGroup = 3
const createdAtOnce = 6
const writtenEveryMs = 20
const deadlineMs = 120_000
/** Looking at everything costs time that the service needs. */
const lookedAtEveryMs = 200
/** What an engine takes at most here, before it is given anything. */
const megabytesOfNode = 20
const zones = ['us-east-1a', 'us-east-1b', 'us-east-1c'] as const
const lostZone = zones[0]

interface Kind {
  readonly name: string
  /** Where the primary of a group stands before the zone is lost. */
  readonly primaryZone: (index: number) => string
  readonly drill: boolean
  /** Processes that do nothing but take the processor. */
  readonly busy: number
}
const kinds: readonly Kind[] = [
  { name: 'killed, all primaries in it', primaryZone: () => lostZone, drill: false, busy: 0 },
  { name: 'killed, all primaries in it, beside 8 busy', primaryZone: () => lostZone, drill: false, busy: 8 },
  {
    name: 'killed, a third of them in it',
    primaryZone: (index) => zones[index % zones.length] ?? lostZone,
    drill: false,
    busy: 0,
  },
  { name: 'larder zone down, all in it', primaryZone: () => lostZone, drill: true, busy: 0 },
]

interface Bench extends BenchmarkOptions {
  readonly service: TestService
  readonly watcher: Watcher
  readonly reader: StepReader
}

const nodeIn = ({ spec }: Seen, zone: string): string => {
  const node = spec.shards[0]?.nodes.find((each) => each.zone === zone)
  if (node === undefined) throw new Error(`expected a node of ${spec.id} in ${zone}`)
  return node.id
}
const primaryIn = (seen: Seen, zone: string): boolean => seen.state.shards['0001']?.primary === nodeIn(seen, zone)

/** Groups that have been found whole are not asked again until all are; then all are asked once more. */
const untilAllWhole = async ({ watcher, signal }: Bench): Promise<void> => {
  const found = new Set<string>()
  const isDone = async (): Promise<boolean> => {
    const seen = await watcher.all()
    for (const each of seen) if (!found.has(each.spec.id) && (await isWhole(each))) found.add(each.spec.id)
    if (found.size < seen.length) return false
    found.clear()
    return (await Promise.all((await watcher.all()).map(isWhole))).every(Boolean)
  }
  await until('all groups are whole', isDone, { signal, deadlineMs, everyMs: lookedAtEveryMs })
}

const grow = async (bench: Bench, from: number, to: number): Promise<void> => {
  const needed = (to - from) * nodesOfGroup * megabytesOfNode
  if (freemem() / 2 ** 20 < needed) throw new Error(`expected ${needed} MB to be free for ${to * nodesOfGroup} nodes`)
  for (let next = from; next < to; ) {
    const end = Math.min(next + createdAtOnce, to)
    for (; next < end; next += 1) await create(bench.service, { id: `zone-${next}`, shards: null, replicas: nodesOfGroup - 1 })
    await untilAllWhole(bench)
  }
}

/** By planned switches, a few at a time. */
const place = async (bench: Bench, { primaryZone }: Kind): Promise<void> => {
  const { service, watcher } = bench
  const api = service.client()
  try {
    const elsewhere = (await watcher.all()).filter((seen) => !primaryIn(seen, primaryZone(indexOf(seen))))
    for (const seen of elsewhere) {
      const heir = nodeIn(seen, primaryZone(indexOf(seen)))
      const input = { ReplicationGroupId: seen.spec.id, PrimaryClusterId: heir, ApplyImmediately: true }
      await api.send(new ModifyReplicationGroupCommand(input))
    }
  } finally {
    api.destroy()
  }
  await untilAllWhole(bench)
}
const indexOf = ({ spec }: Seen): number => Number(spec.id.slice('zone-'.length))

const pidsIn = (seen: readonly Seen[], zone: string): readonly number[] =>
  seen.flatMap((each) => each.state.nodes[nodeIn(each, zone)]?.process?.pid ?? [])

/** In a process of its own: the writers go on in this one. */
const larderZone = async (service: TestService, what: 'up' | 'down'): Promise<void> => {
  await promisify(execFile)(process.execPath, [main, 'zone', what, lostZone], { env: service.environment, timeout: deadlineMs })
}

/** All in milliseconds. */
interface Loss {
  readonly affected: number
  readonly medianGap: number
  readonly worstGap: number
  /** From the fault until the last group took a write. */
  readonly lastBack: number
  readonly lastDecided: number
  readonly lastPromoted: number
  /** From the fault, or from `zone up`. */
  readonly whole: number
}

const lose = async (bench: Bench, kind: Kind): Promise<Loss> => {
  const { service, watcher, reader, signal } = bench
  signal.throwIfAborted()
  await place(bench, kind)
  const seen = await watcher.all()
  const affected = seen.filter((each) => primaryIn(each, lostZone))
  const writers = affected.map((each) => openLightWriter(endpointOf(each), writtenEveryMs))
  const allGoOn = (): boolean => writers.every((writer) => writer.goesOn)
  try {
    await until('all writers write', allGoOn, { signal, deadlineMs })
    const pids = pidsIn(seen, lostZone)
    using _load = startLoad({ busy: kind.busy, rules: 0 })
    reader.skip()
    const from = Date.now()
    let began = performance.now()
    for (const writer of writers) writer.mark()
    if (kind.drill) await larderZone(service, 'down')
    else for (const pid of pids) signalEngine(service.home, pid, 'SIGKILL')
    for (const writer of writers) writer.struck()
    await until('all groups write again', allGoOn, { signal, deadlineMs })
    if (kind.drill) {
      began = performance.now()
      await larderZone(service, 'up')
    }
    await untilAllWhole(bench)
    const whole = performance.now() - began
    const gaps = writers.map((writer) => writer.longest())
    const steps = affected.map((each) => reader.steps(each.spec.id, from))
    return {
      affected: affected.length,
      medianGap: median(gaps.map(({ gapMs }) => gapMs)),
      worstGap: Math.max(...gaps.map(({ gapMs }) => gapMs)),
      lastBack: Math.max(...gaps.map(({ backMs }) => backMs)),
      lastDecided: Math.max(...steps.map(({ decidedMs }) => decidedMs ?? 0)),
      lastPromoted: Math.max(...steps.map(({ promotedMs }) => promotedMs ?? 0)),
      whole,
    }
  } finally {
    for (const writer of writers) writer[Symbol.dispose]()
  }
}

const columns = ['nodes', 'primaries', 'median', 'longest', 'decided', 'promoted', 'last back', 'whole', 'service MB'] as const

export const runZoneLoss = async (options: BenchmarkOptions) => {
  const { rounds, only, say, signal } = options
  await using service = await startTestService({ ownSession: true })
  await using watcher = openWatcher(service, signal)
  const bench: Bench = { ...options, service, watcher, reader: openSteps(service.home) }
  const rows: Readonly<Record<string, string | number>>[] = []
  let groups = 0
  say(
    `one zone of three is lost; medians of ${rounds} rounds, in milliseconds: median and longest gap between acknowledged writes of the groups`,
  )
  say('whose primary was lost; from the fault until the service had decided on and promoted the last new primary, until the last')
  say('group took a write, and until all groups were whole (after a drill: from zone up on)')
  say(`${''.padEnd(44)}${columns.map((name) => name.padStart(11)).join('')}`)
  for (const size of sizes) {
    const chosen = kinds.filter(({ name }) => `${size} nodes: ${name}`.includes(only))
    if (chosen.length === 0) continue
    const wanted = Math.ceil(size / nodesOfGroup)
    await grow(bench, groups, wanted)
    groups = wanted
    for (const kind of chosen) {
      const losses: Loss[] = []
      for (let turn = 0; turn < rounds; turn += 1) losses.push(await lose(bench, kind))
      const middle = (figure: keyof Loss): number => round(median(losses.map((loss) => loss[figure])), 0)
      const row = {
        what: kind.name,
        nodes: groups * nodesOfGroup,
        primaries_lost: middle('affected'),
        median_gap_ms: middle('medianGap'),
        longest_gap_ms: middle('worstGap'),
        last_decided_ms: middle('lastDecided'),
        last_promoted_ms: middle('lastPromoted'),
        last_back_ms: middle('lastBack'),
        whole_ms: middle('whole'),
        service_mb: round(residentMegabytes(service.pid()), 0),
      }
      rows.push({ ...row, last_back_worst_ms: round(Math.max(...losses.map(({ lastBack }) => lastBack)), 0) })
      const [name, ...values] = Object.values(row)
      say(`${String(name).padEnd(44)}${values.map((value) => String(value).padStart(11)).join('')}`)
    }
  }
  return { rounds, rows }
}
