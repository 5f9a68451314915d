/**
 * GET and SET through the endpoints of a group of one primary and one replica, beside the same engine with the same
 * configuration and the same replica, started by hand. Both sides are measured in turn, in one state of the machine; the engine by
 * hand is measured before the group exists and after it is gone too, when Larder makes the kernel track no connection.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CreateReplicationGroupCommand,
  DeleteReplicationGroupCommand,
  DescribeReplicationGroupsCommand,
} from '@aws-sdk/client-elasticache'
import { type StatusNode, startTestService, type TestService, until } from '../e2e/support/service.ts'
import { openCatalog } from '../packages/service/src/engines/catalog.ts'
import { engineTool } from '../packages/service/src/engines/tools.ts'
import type { InstalledEngine } from '../packages/service/src/ports/catalog.ts'
import { command, type Place, untilDone } from './support/asking.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { type ByHand, openByHand } from './support/by-hand.ts'
import { inTurn, median, pairedRatio, round } from './support/figures.ts'
import { replicated } from './support/groups.ts'
import { onOtherProcessor, pin } from './support/pinning.ts'
import { processorNanoseconds } from './support/proc.ts'
import { runTool } from './support/tool.ts'

const id = 'data-path'
const nodeType = 'cache.t4g.small'
const toolDeadlineMs = 30_000
/** Commands of one measurement: about half a second each. */
const loads = [
  { name: 'p1', pipeline: 1, commands: 50_000 },
  { name: 'p16', pipeline: 16, commands: 600_000 },
] as const
type Load = (typeof loads)[number]

interface Target {
  readonly name: 'primary endpoint' | 'reader endpoint' | 'node' | 'by hand' | 'by hand, replica'
  readonly place: Place
  /** Process that answers there. */
  readonly pid: number
  readonly commands: readonly ('GET' | 'SET')[]
}

interface Measured {
  readonly perSecond: number
  /** Processor time of the engine: other work on the machine touches it far less than the rate. */
  readonly microsecondsPerCommand: number
}

/** By `<command> <load> <target>`, one value for each round. */
type Rates = Map<string, Measured[]>
const rateKey = (what: string, load: Load, target: Target['name']): string => `${what} ${load.name} ${target}`

/** Does any rule on this machine make the kernel track connections? Null where that cannot be seen. */
const isTracking = (): boolean | null => {
  const { status, stdout } = spawnSync('nft', ['list', 'ruleset'], { encoding: 'utf8' })
  return status === 0 ? /type nat|ct state|masquerade/.test(stdout) : null
}

const measure = async (tool: readonly string[], target: Target, what: 'GET' | 'SET', load: Load): Promise<Measured> => {
  const at = ['-h', target.place.address, '-p', String(target.place.port)]
  const shape = ['-c', '50', '-P', String(load.pipeline), '-n', String(load.commands), '-d', '100', '-r', '10000']
  const before = processorNanoseconds(target.pid)
  const { stdout } = await runTool([...tool, ...at, ...shape, '-t', what.toLowerCase(), '--csv'], { deadlineMs: toolDeadlineMs })
  const rate = Number(new RegExp(`^"${what}[^"]*","([0-9.]+)"`, 'm').exec(stdout)?.[1])
  if (!(rate > 0)) throw new Error(`expected the rate of ${what}, found ${stdout}`)
  const used = processorNanoseconds(target.pid) - before
  return { perSecond: rate, microsecondsPerCommand: used / load.commands / 1_000 }
}

interface Course {
  readonly rounds: number
  /** On a busy machine no further round is begun after this long; one always is. */
  readonly mostMs: number
  readonly signal: AbortSignal
}

/** Returns how many rounds it were. */
const measureAll = async (tool: readonly string[], targets: readonly Target[], course: Course, rates: Rates): Promise<number> => {
  const began = performance.now()
  for (let turn = 0; turn < course.rounds; turn += 1) {
    if (turn > 0 && performance.now() - began > course.mostMs) return turn
    for (const load of loads)
      for (const what of ['SET', 'GET'] as const)
        for (const target of inTurn(targets, turn)) {
          course.signal.throwIfAborted()
          if (!target.commands.includes(what)) continue
          const key = rateKey(what, load, target.name)
          rates.set(key, [...(rates.get(key) ?? []), await measure(tool, target, what, load)])
        }
  }
  return course.rounds
}

const create = async (service: TestService): Promise<{ primary: Place; reader: Place; nodes: readonly StatusNode[] }> => {
  const client = service.client()
  try {
    await client.send(new CreateReplicationGroupCommand(replicated(id, 2, nodeType)))
    const found = await until('the group available', async () => {
      const { ReplicationGroups: [group] = [] } = await client.send(
        new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }),
      )
      return group?.Status === 'available' ? group.NodeGroups?.[0] : undefined
    })
    const place = (at: { Address?: string | undefined; Port?: number | undefined } | undefined): Place => ({
      address: at?.Address ?? '',
      port: at?.Port ?? 0,
    })
    return { primary: place(found.PrimaryEndpoint), reader: place(found.ReaderEndpoint), nodes: await service.nodes() }
  } finally {
    client.destroy()
  }
}

const remove = async (service: TestService): Promise<void> => {
  const client = service.client()
  try {
    await client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id }))
    await until('the group gone', async () => {
      const { ReplicationGroups: groups = [] } = await client.send(new DescribeReplicationGroupsCommand({}))
      return groups.length === 0
    })
  } finally {
    client.destroy()
  }
}

/** The configuration that Larder wrote for each node, with other addresses, folders and sockets. */
const copyConfigurations = (service: TestService, nodes: readonly StatusNode[], hand: ByHand): readonly Place[] => {
  const places = nodes.map((node) => ({ address: hand.address(), port: node.port }))
  nodes.forEach((node, index) => {
    const folder = join(hand.folder, String(index))
    mkdirSync(folder)
    let text = readFileSync(join(service.home, 'nodes', 'us-east-1', node.id, 'node.conf'), 'utf8')
    text = text.replace(/^unixsocket .*$/m, `unixsocket ${join(folder, 's')}`).replace(/^dir .*$/m, `dir ${folder}`)
    nodes.forEach((other, at) => {
      text = text.replaceAll(new RegExp(`${other.address.replaceAll('.', '\\.')}\\b`, 'g'), places[at]?.address ?? '')
    })
    writeFileSync(join(folder, 'node.conf'), text)
  })
  return places
}

/** Resolves with their process ids. */
const startByHand = async (engine: InstalledEngine, hand: ByHand, places: readonly Place[]): Promise<readonly number[]> => {
  const pids: number[] = []
  for (const [index, place] of places.entries()) {
    const folder = join(hand.folder, String(index))
    pids.push(hand.start([...engine.command, join(folder, 'node.conf')], folder))
    await untilDone(`an answer of ${place.address}`, async () => (await command(place, 'PING')) === 'PONG')
  }
  for (const place of places.slice(1)) {
    await untilDone(`${place.address} in sync`, async () =>
      String(await command(place, 'INFO', 'replication')).includes('master_link_status:up'),
    )
  }
  pin(pids)
  return pids
}

export const runDataPath = async ({ rounds, say, signal }: BenchmarkOptions) => {
  await using service = await startTestService()
  await using hand = openByHand()
  const first = await create(service)
  const version = first.nodes[0]?.version ?? ''
  const engine = openCatalog(process.env).find('valkey', version)
  const tool = engine === null ? null : engineTool(engine, 'benchmark', process.env)
  if (engine === null || tool === null) throw new Error(`expected valkey ${version} with its benchmark program`)
  const places = copyConfigurations(service, first.nodes, hand)
  await remove(service)
  const [primaryPid = 0, replicaPid = 0] = await startByHand(engine, hand, places)
  const [primary, replica] = places
  if (primary === undefined || replica === undefined) throw new Error('expected two engines by hand')
  const byHand: readonly Target[] = [{ name: 'by hand', place: primary, pid: primaryPid, commands: ['GET', 'SET'] }]
  const client = onOtherProcessor(tool)

  const warmUp: Course = { rounds: 1, mostMs: 0, signal }
  const alone: Rates = new Map()
  const trackedAlone = isTracking()
  const halves = [Math.ceil(rounds / 2), Math.ceil(rounds / 2)] as const
  await measureAll(client, byHand, warmUp, new Map()) // warms up
  await measureAll(client, byHand, { rounds: halves[0], mostMs: 20_000, signal }, alone)

  const group = await create(service)
  pin(group.nodes.map((node) => node.pid))
  const own = group.nodes.find((node) => node.role === 'primary')
  const other = group.nodes.find((node) => node.role === 'replica')
  if (own?.pid == null || other?.pid == null) throw new Error('expected a primary and a replica')
  const targets: readonly Target[] = [
    { name: 'primary endpoint', place: group.primary, pid: own.pid, commands: ['GET', 'SET'] },
    ...byHand,
    { name: 'node', place: own, pid: own.pid, commands: ['GET', 'SET'] },
    { name: 'reader endpoint', place: group.reader, pid: other.pid, commands: ['GET'] },
    { name: 'by hand, replica', place: replica, pid: replicaPid, commands: ['GET'] },
  ]
  const rates: Rates = new Map()
  const tracked = isTracking()
  await measureAll(client, targets, warmUp, new Map())
  const done = await measureAll(client, targets, { rounds, mostMs: 90_000, signal }, rates)
  await remove(service)
  await measureAll(client, byHand, { rounds: halves[1], mostMs: 20_000, signal }, alone)

  const of = (from: Rates, what: string, load: Load, name: Target['name'], figure: keyof Measured = 'perSecond') =>
    (from.get(rateKey(what, load, name)) ?? []).map((measured) => measured[figure])
  const rows = loads.flatMap((load) =>
    (['GET', 'SET'] as const).map((what) => {
      const hand50 = of(rates, what, load, 'by hand')
      const endpoint = of(rates, what, load, 'primary endpoint')
      const reader = of(rates, what, load, 'reader endpoint')
      const untracked = median(of(alone, what, load, 'by hand'))
      const time = (name: Target['name']) => of(rates, what, load, name, 'microsecondsPerCommand')
      return {
        what,
        pipeline: load.pipeline,
        by_hand_per_s: round(median(hand50), 0),
        by_hand_before_and_after_per_s: round(untracked, 0),
        primary_endpoint: round(pairedRatio(endpoint, hand50)),
        node: round(pairedRatio(of(rates, what, load, 'node'), hand50)),
        reader_endpoint: reader.length === 0 ? null : round(pairedRatio(reader, of(rates, what, load, 'by hand, replica'))),
        primary_endpoint_by_processor_time: round(pairedRatio(time('by hand'), time('primary endpoint'))),
        primary_endpoint_beside_before_and_after: round(median(endpoint) / untracked),
        primary_endpoint_beside_before_and_after_by_processor_time: round(
          median(of(alone, what, load, 'by hand', 'microsecondsPerCommand')) / median(time('primary endpoint')),
        ),
      }
    }),
  )
  say(`valkey ${version}, 50 connections, 100 bytes, 1 primary and 1 replica on both sides, ${done} rounds, medians`)
  say(`connections tracked while the group exists: ${tracked ?? 'not known'}; before and after: ${trackedAlone ?? 'not known'}`)
  say('each column is a share of the engine by hand in the same round; the last three: by the engine’s processor')
  say('time, beside the engine by hand before and after the group, and that by processor time')
  const columns = ['by hand/s', 'primary ep.', 'node', 'reader ep.', 'by time', 'without', 'by time']
  say(`${''.padEnd(16)}${columns.map((name) => name.padStart(13)).join('')}`)
  for (const row of rows) {
    const values = [
      row.by_hand_per_s,
      row.primary_endpoint,
      row.node,
      row.reader_endpoint ?? '-',
      row.primary_endpoint_by_processor_time,
      row.primary_endpoint_beside_before_and_after,
      row.primary_endpoint_beside_before_and_after_by_processor_time,
    ]
    say(`${`${row.what}, ${row.pipeline} at once`.padEnd(16)}${values.map((value) => String(value).padStart(13)).join('')}`)
  }
  const worst = Math.min(...rows.map((row) => row.primary_endpoint))
  say(`primary endpoint: at least ${worst} of the engine by hand (wanted: 0.97)`)
  return {
    rounds: done,
    tracked,
    tracked_before_and_after: trackedAlone,
    primary_endpoint_worst: worst,
    wanted: { primary_endpoint: 0.97 },
    rows,
  }
}
