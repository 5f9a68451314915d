/**
 * Time from nothing to a client's first successful command, by the API and by a script that starts and joins the same engines.
 * A client of the API creates the group, asks for its endpoint every 10 ms, and connects as soon as it is told; after a script it connects at once.
 */

import { randomInt } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  CreateCacheClusterCommand,
  CreateReplicationGroupCommand,
  DeleteCacheClusterCommand,
  DeleteReplicationGroupCommand,
  DescribeCacheClustersCommand,
  DescribeReplicationGroupsCommand,
  type ElastiCacheClient,
  type Endpoint,
} from '@aws-sdk/client-elasticache'
import { startTestService, until } from '../e2e/support/service.ts'
import { openCatalog } from '../packages/service/src/engines/catalog.ts'
import { engineTool } from '../packages/service/src/engines/tools.ts'
import { readCommandLine } from '../packages/service/src/host/proc.ts'
import type { Catalog } from '../packages/service/src/ports/catalog.ts'
import { line, type Place, untilDone, writeAndRead, writeToShards } from './support/asking.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { median, percentile, round } from './support/figures.ts'
import { replicated } from './support/groups.ts'
import { runTool } from './support/tool.ts'

const askEveryMs = 10
const scriptDeadlineMs = 60_000

interface Shape {
  readonly name: string
  readonly nodes: number
  readonly wantedMs: number
  readonly script: string
  readonly engine: 'valkey' | 'memcached'
  /** Sends the request. */
  readonly create: (client: ElastiCacheClient, id: string) => Promise<unknown>
  /** What the client is to connect to; empty while it is not told yet. */
  readonly places: (client: ElastiCacheClient, id: string) => Promise<readonly Place[]>
  /** The first command (of each shard, of each node). */
  readonly use: (places: readonly Place[]) => Promise<boolean>
  readonly isAvailable: (client: ElastiCacheClient, id: string) => Promise<boolean>
  readonly remove: (client: ElastiCacheClient, id: string) => Promise<unknown>
}

const placesOf = (endpoints: readonly (Endpoint | undefined)[]): readonly Place[] =>
  endpoints.flatMap((at) => (at?.Address === undefined || at.Port === undefined ? [] : [{ address: at.Address, port: at.Port }]))

const group = async (client: ElastiCacheClient, id: string) =>
  (await client.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }))).ReplicationGroups?.[0]

const cluster = async (client: ElastiCacheClient, id: string) =>
  (await client.send(new DescribeCacheClustersCommand({ CacheClusterId: id, ShowCacheNodeInfo: true }))).CacheClusters?.[0]

const groupShape = {
  engine: 'valkey',
  isAvailable: async (client: ElastiCacheClient, id: string) => (await group(client, id))?.Status === 'available',
  remove: (client: ElastiCacheClient, id: string) => client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id })),
} as const

const every = async (places: readonly Place[], use: (place: Place) => Promise<boolean>): Promise<boolean> =>
  places.length > 0 && (await Promise.all(places.map(use))).every(Boolean)

const shapes: readonly Shape[] = [
  {
    ...groupShape,
    name: '1 primary, 2 replicas',
    nodes: 3,
    wantedMs: 2_000,
    script: 'replicated.sh',
    create: (client, id) => client.send(new CreateReplicationGroupCommand(replicated(id, 3))),
    places: async (client, id) => placesOf([(await group(client, id))?.NodeGroups?.[0]?.PrimaryEndpoint]),
    use: (places) => every(places.slice(0, 1), writeAndRead),
  },
  {
    ...groupShape,
    name: '3 shards of 2',
    nodes: 6,
    wantedMs: 3_000,
    script: 'sharded.sh',
    create: (client, id) => {
      const { NumCacheClusters: _all, ...rest } = replicated(id, 2)
      return client.send(new CreateReplicationGroupCommand({ ...rest, NumNodeGroups: 3, ReplicasPerNodeGroup: 1 }))
    },
    places: async (client, id) => placesOf([(await group(client, id))?.ConfigurationEndpoint]),
    use: (places) => every(places.slice(0, 1), (place) => writeToShards(place, 3)),
  },
  {
    engine: 'memcached',
    name: 'Memcached, 3 nodes',
    nodes: 3,
    wantedMs: 1_000,
    script: 'memcached.sh',
    create: (client, id) =>
      client.send(
        new CreateCacheClusterCommand({
          CacheClusterId: id,
          Engine: 'memcached',
          CacheNodeType: 'cache.t4g.micro',
          NumCacheNodes: 3,
        }),
      ),
    places: async (client, id) => {
      const nodes = (await cluster(client, id))?.CacheNodes ?? []
      const places = placesOf(nodes.map((node) => node.Endpoint))
      return places.length === 3 ? places : []
    },
    use: (places) => every(places, async (place) => (await line(place, 'set first 0 0 5\r\nvalue\r\n')) === 'STORED'),
    isAvailable: async (client, id) => (await cluster(client, id))?.CacheClusterStatus === 'available',
    remove: (client, id) => client.send(new DeleteCacheClusterCommand({ CacheClusterId: id })),
  },
]

interface Times {
  readonly toldMs: number
  readonly firstMs: number
  readonly availableMs: number
}

const isGone = async (shape: Shape, client: ElastiCacheClient, id: string): Promise<boolean> => {
  try {
    await shape.isAvailable(client, id)
    return false
  } catch (error) {
    if (error instanceof Error && error.name.endsWith('NotFoundFault')) return true
    throw error
  }
}

const byTheApi = async (shape: Shape, client: ElastiCacheClient, id: string): Promise<Times> => {
  const began = performance.now()
  await shape.create(client, id)
  let places = await shape.places(client, id)
  while (places.length === 0) {
    await delay(askEveryMs)
    places = await shape.places(client, id)
  }
  const toldMs = performance.now() - began
  await untilDone('the first command', () => shape.use(places))
  const firstMs = performance.now() - began
  await until('available', () => shape.isAvailable(client, id))
  const availableMs = performance.now() - began
  await shape.remove(client, id)
  await until('gone', () => isGone(shape, client, id))
  return { toldMs, firstMs, availableMs }
}

const endEngines = async (folder: string): Promise<void> => {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name, 'pid')
    if (!existsSync(file)) continue
    const pid = Number(readFileSync(file, 'utf8').trim())
    if (pid <= 1 || !readCommandLine(pid).includes(name)) continue // ended, or somebody else by now
    process.kill(pid, 'SIGKILL')
    await until(`the end of ${pid}`, () => !existsSync(`/proc/${pid}`))
  }
}

const byScript = async (shape: Shape, catalog: Catalog): Promise<number> => {
  const engine = catalog.list().find((entry) => entry.engine === shape.engine)
  if (engine === undefined) throw new Error(`expected ${shape.engine} on this machine`)
  const folder = mkdtempSync(join(tmpdir(), 'larder-bench-'))
  const prefix = `127.${randomInt(200, 250)}.${randomInt(0, 256)}`
  const addresses = Array.from({ length: shape.nodes }, (_, index) => `${prefix}.${index + 1}`)
  const environment = {
    ...process.env,
    SERVER: engine.command.join(' '),
    CLI: engineTool(engine, 'cli', process.env)?.join(' ') ?? '',
    FOLDER: folder,
    ADDRESSES: addresses.join(' '),
    RUN_AS: userInfo().username,
  }
  const places = addresses.map((address) => ({ address, port: shape.engine === 'memcached' ? 11211 : 6379 }))
  const script = fileURLToPath(new URL(`by-hand/${shape.script}`, import.meta.url))
  try {
    const began = performance.now()
    await runTool(['bash', script], { deadlineMs: scriptDeadlineMs, environment })
    await untilDone('the first command', () => shape.use(places))
    return performance.now() - began
  } finally {
    await endEngines(folder)
    rmSync(folder, { recursive: true, force: true })
  }
}

export const runProvisioning = async ({ rounds, only, say, signal }: BenchmarkOptions) => {
  await using service = await startTestService()
  const catalog = openCatalog(process.env)
  const client = service.client()
  say(`${rounds} rounds in turn; medians, in ms`)
  const rows = []
  for (const shape of shapes.filter(({ name }) => name.includes(only))) {
    const ours: Times[] = []
    const theirs: number[] = []
    for (let turn = 0; turn < rounds; turn += 1) {
      const api = async () => ours.push(await byTheApi(shape, client, `bench-${turn}`))
      const script = async () => theirs.push(await byScript(shape, catalog))
      signal.throwIfAborted()
      for (const each of turn % 2 === 0 ? [api, script] : [script, api]) await each()
    }
    const firsts = ours.map(({ firstMs }) => firstMs)
    const row = {
      what: shape.name,
      first_command_ms: round(median(firsts), 0),
      first_command_ms_worst: round(percentile(firsts, 1), 0),
      endpoint_told_ms: round(median(ours.map(({ toldMs }) => toldMs)), 0),
      available_ms: round(median(ours.map(({ availableMs }) => availableMs)), 0),
      script_ms: round(median(theirs), 0),
      ratio: round(median(firsts) / median(theirs), 2),
      wanted: { ratio: 1.5, first_command_ms: shape.wantedMs },
    }
    rows.push(row)
    say(
      `${shape.name.padEnd(22)} by the API ${row.first_command_ms} (worst ${row.first_command_ms_worst}; told its endpoint after ${row.endpoint_told_ms}, ` +
        `available after ${row.available_ms}); by script ${row.script_ms}; ratio ${row.ratio} (wanted: 1.5, ${shape.wantedMs} ms)`,
    )
  }
  client.destroy()
  return { rounds, rows }
}
