/** Whoever can reach the port of the API, and has no key, floods it: the service lives, fails over as fast as ever, and answers who signs. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DescribeReplicationGroupsCommand, ElastiCacheClient } from '@aws-sdk/client-elasticache'
import { create, primaryOf } from './support/groups.ts'
import { keysOf } from './support/library.ts'
import { type StatusNode, startTestService, type TestService, until } from './support/service.ts'
import { startWriter, type Writer } from './support/writing.ts'

const program = fileURLToPath(new URL('./support/flood.ts', import.meta.url))
const floodSeconds = 60

class Flood implements AsyncDisposable {
  readonly #children: readonly ChildProcess[]
  constructor(children: readonly ChildProcess[]) {
    this.#children = children
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    await Promise.all(this.#children.map((child) => (child.exitCode ?? child.signalCode) === null && once(child, 'exit')))
  }
}

const startFlood = async (service: TestService, kinds: readonly string[]): Promise<Flood> => {
  const { port } = new URL(service.url())
  const children = kinds.map((kind) =>
    spawn(process.execPath, [program, kind, port, String(floodSeconds)], { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  await Promise.all(children.map((child) => once(child.stdout, 'data')))
  return new Flood(children)
}

const wholeNodes = (service: TestService, id: string): Promise<readonly StatusNode[]> =>
  until(
    `${id} at full health`,
    async () => {
      const nodes = (await service.nodes()).filter((node) => node.id.startsWith(`${id}-`))
      return nodes.length > 0 && nodes.every((node) => node.status === 'available' && node.pid !== null) && nodes
    },
    30_000,
  )

/** Milliseconds without a write, of each kill. */
const kills = async (service: TestService, id: string, writer: Writer, count: number): Promise<readonly number[]> => {
  const gaps: number[] = []
  for (let index = 0; index < count; index += 1) {
    const primary = (await wholeNodes(service, id)).find((node) => node.role === 'primary')
    assert.ok(primary?.pid)
    writer.reset()
    const before = writer.acknowledged.size
    process.kill(primary.pid, 'SIGKILL')
    await until('a new primary takes writes', () => writer.acknowledged.size > before + 50, 30_000)
    gaps.push(writer.gap())
  }
  return gaps
}

const median = (figures: readonly number[]): number => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? 0

const floods: readonly (readonly string[])[] = [['connections'], ['requests', 'requests'], ['pipelined', 'pipelined'], ['halves']]

test('a primary that is killed during a flood without signatures is replaced as without, and who signs is answered', async (context) => {
  await using service = await startTestService()
  const pid = service.pid()
  const group = await create(service, 'flooded', { NumCacheClusters: 2 })
  const { host, port } = primaryOf(group)
  await using writer = startWriter({ address: host, port })
  const without = median(await kills(service, 'flooded', writer, 3))
  context.diagnostic(`without a flood: ${Math.round(without)} ms`)
  // As every SDK does by itself, it tries three times.
  const client = new ElastiCacheClient({ endpoint: service.url(), region: 'us-east-1', credentials: await keysOf(service) })
  try {
    for (const kinds of floods) {
      await using _flood = await startFlood(service, kinds)
      for (let asked = 0; asked < 5; asked += 1) await client.send(new DescribeReplicationGroupsCommand({}))
      const gap = median(await kills(service, 'flooded', writer, 3))
      context.diagnostic(`${kinds.join(', ')}: ${Math.round(gap)} ms`)
      assert.ok(gap < 200 + 4 * without, `${gap} ms without a write during ${kinds.join(', ')}, ${without} ms without a flood`)
    }
  } finally {
    client.destroy()
  }
  assert.equal(service.pid(), pid)
})

test('with few descriptors the service outlives a flood, fails over meanwhile, and comes back to order', async () => {
  await using service = await startTestService({ openFiles: 160 })
  const pid = service.pid()
  const group = await create(service, 'few', { NumCacheClusters: 2 })
  const { host, port } = primaryOf(group)
  await using writer = startWriter({ address: host, port })
  {
    await using _flood = await startFlood(service, ['connections', 'requests'])
    await kills(service, 'few', writer, 2)
  }
  await wholeNodes(service, 'few')
  assert.equal(service.pid(), pid)
  process.kill(pid, 0)
  const client = service.client()
  await create(service, 'after', { NumCacheClusters: 1, AutomaticFailoverEnabled: false })
  client.destroy()
})
