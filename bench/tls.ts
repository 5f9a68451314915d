/**
 * GET, SET and the setting up of connections under TLS: through the primary endpoint of a group, and beside it the same engine with the same configuration and
 * certificate, started by hand.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CreateReplicationGroupCommand,
  DescribeReplicationGroupsCommand,
  ModifyReplicationGroupCommand,
} from '@aws-sdk/client-elasticache'
import { type StatusNode, startTestService, type TestService, until } from '../e2e/support/service.ts'
import { openCatalog } from '../packages/service/src/engines/catalog.ts'
import { engineTool } from '../packages/service/src/engines/tools.ts'
import { type Place, untilDone } from './support/asking.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { type ByHand, openByHand } from './support/by-hand.ts'
import { inTurn, median, pairedRatio, round } from './support/figures.ts'
import { replicated } from './support/groups.ts'
import { onOtherProcessor, pin } from './support/pinning.ts'
import { runTool } from './support/tool.ts'

const id = 'tls'
const mostMs = 120_000
const toolDeadlineMs = 60_000

/** About half a second to a second each. */
const loads = [
  { name: 'SET', test: 'set', shape: ['-c', '50', '-n', '40000'] },
  { name: 'GET', test: 'get', shape: ['-c', '50', '-n', '40000'] },
  { name: 'SET, 16 at once', test: 'set', shape: ['-c', '50', '-P', '16', '-n', '300000'] },
  { name: 'GET, 16 at once', test: 'get', shape: ['-c', '50', '-P', '16', '-n', '300000'] },
  // Each command over a connection of its own: a whole handshake.
  { name: 'new connections', test: 'ping_mbulk', shape: ['-c', '10', '-k', '0', '-n', '1000'] },
] as const

interface Target {
  readonly name: 'Larder' | 'by hand' | 'preferred'
  readonly place: Place
}

interface Client {
  readonly tool: readonly string[]
  readonly authority: string
}

const measure = async ({ tool, authority }: Client, { place }: Target, load: (typeof loads)[number]): Promise<number> => {
  const at = ['-h', place.address, '-p', String(place.port), '--tls', '--cacert', authority]
  const shape = [...load.shape, '-d', '100', '-r', '10000', '-t', load.test, '--csv']
  const { stdout } = await runTool([...tool, ...at, ...shape], { deadlineMs: toolDeadlineMs })
  const rate = Number(/^"(?:SET|GET|PING)[^"]*","([0-9.]+)"/m.exec(stdout)?.[1])
  if (!(rate > 0)) throw new Error(`expected the rate of ${load.name}, found ${stdout}`)
  return rate
}

const available = (service: TestService): Promise<Place> =>
  until('the group available', async () => {
    const client = service.client()
    const { ReplicationGroups: [group] = [] } = await client.send(
      new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }),
    )
    client.destroy()
    const { Address: address = '', Port: port = 0 } = group?.NodeGroups?.[0]?.PrimaryEndpoint ?? {}
    return group?.Status === 'available' ? { address, port } : undefined
  })

const create = async (service: TestService): Promise<{ readonly primary: Place; readonly node: StatusNode }> => {
  const client = service.client()
  await client.send(
    new CreateReplicationGroupCommand({ ...replicated(id, 1, 'cache.t4g.small'), TransitEncryptionEnabled: true }),
  )
  client.destroy()
  const primary = await available(service)
  const [node] = await service.nodes()
  if (node === undefined) throw new Error('expected a node')
  return { primary, node }
}

/** The files of the node, with another address, folder and socket. */
const startByHand = async (service: TestService, node: StatusNode, hand: ByHand): Promise<{ place: Place; pid: number }> => {
  const engine = openCatalog(process.env).find('valkey', node.version)
  const cli = engine === null ? null : engineTool(engine, 'cli', process.env)
  if (engine === null || cli === null) throw new Error(`expected valkey ${node.version} with its client`)
  const [from, folder] = [join(service.home, 'nodes', 'us-east-1', node.id), join(hand.folder, 'node')]
  const place = { address: hand.address(), port: node.port }
  mkdirSync(folder)
  for (const file of ['tls.crt', 'tls.key', 'ca.crt']) cpSync(join(from, file), join(folder, file))
  const text = readFileSync(join(from, 'node.conf'), 'utf8').replace(/^unixsocket .*$/m, `unixsocket ${join(folder, 's')}`)
  const own = text
    .replaceAll(from, folder)
    .replaceAll(new RegExp(`${node.address.replaceAll('.', '\\.')}\\b`, 'g'), place.address)
  writeFileSync(join(folder, 'node.conf'), own)
  const pid = hand.start([...engine.command, join(folder, 'node.conf')], folder)
  await untilDone('an answer of the engine by hand', async () => {
    const { stdout } = await runTool([...cli, '-s', join(folder, 's'), 'PING'], { deadlineMs: toolDeadlineMs })
    return stdout.includes('PONG')
  })
  return { place, pid }
}

export const runTls = async ({ rounds, say, signal }: BenchmarkOptions) => {
  await using service = await startTestService()
  await using hand = openByHand()
  const { primary, node } = await create(service)
  const byHand = await startByHand(service, node, hand)
  pin([node.pid, byHand.pid])
  const engine = openCatalog(process.env).find('valkey', node.version)
  const tool = engine === null ? null : engineTool(engine, 'benchmark', process.env)
  if (tool === null) throw new Error(`expected valkey ${node.version} with its benchmark program`)
  const authority = join(hand.folder, 'authority.crt')
  writeFileSync(authority, service.larder('ca'))
  const client: Client = { tool: onOtherProcessor(tool), authority }
  const targets: readonly Target[] = [
    { name: 'Larder', place: primary },
    { name: 'by hand', place: byHand.place },
  ]
  const rates = new Map<string, number[]>()
  const add = async (target: Target, load: (typeof loads)[number], name: string): Promise<void> => {
    signal.throwIfAborted()
    const key = `${load.name} ${name}`
    rates.set(key, [...(rates.get(key) ?? []), await measure(client, target, load)])
  }
  for (const load of loads) for (const target of targets) await measure(client, target, load) // warms up
  const began = performance.now()
  let done = 0
  for (; done < rounds && (done === 0 || performance.now() - began < mostMs); done += 1)
    for (const load of loads) for (const target of inTurn(targets, done)) await add(target, load, target.name)

  const api = service.client()
  const mode = { ReplicationGroupId: id, TransitEncryptionMode: 'preferred', ApplyImmediately: true } as const
  await api.send(new ModifyReplicationGroupCommand(mode))
  api.destroy()
  await available(service)
  for (let turn = 0; turn < Math.min(rounds, 3); turn += 1)
    for (const load of loads) await add({ name: 'preferred', place: primary }, load, 'preferred')

  const of = (load: (typeof loads)[number], name: Target['name']): readonly number[] => rates.get(`${load.name} ${name}`) ?? []
  const rows = loads.map((load) => ({
    what: load.name,
    by_hand_per_s: round(median(of(load, 'by hand')), 0),
    larder_per_s: round(median(of(load, 'Larder')), 0),
    ratio: round(pairedRatio(of(load, 'Larder'), of(load, 'by hand'))),
    preferred_ratio: round(median(of(load, 'preferred')) / median(of(load, 'by hand'))),
  }))
  say(`valkey ${node.version} under TLS, 50 connections, 100 bytes, ${done} rounds, medians`)
  say(`${''.padEnd(18)}${['by hand/s', 'Larder/s', 'ratio', 'while preferred'].map((name) => name.padStart(16)).join('')}`)
  for (const row of rows)
    say(
      `${row.what.padEnd(18)}${[row.by_hand_per_s, row.larder_per_s, row.ratio, row.preferred_ratio].map((value) => String(value).padStart(16)).join('')}`,
    )
  return { rounds: done, wanted: { ratio: 0.97 }, rows }
}
