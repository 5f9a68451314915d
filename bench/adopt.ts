/** Larder is killed and started again while clients work on 10 groups of 1 + 2 nodes. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DescribeReplicationGroupsCommand } from '@aws-sdk/client-elasticache'
import { createClient } from '@redis/client'
import { startTestService, type TestService } from '../e2e/support/service.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { median, percentile, round } from './support/figures.ts'
import { createGroups } from './support/groups.ts'

const groups = Array.from({ length: 10 }, (_, index) => `adopt-${index}`)
const clientsOn = 5
const aliveMs = 500

interface Load extends AsyncDisposable {
  readonly commands: number
  readonly failures: readonly unknown[]
}

/** A client on the primary endpoint of each of the first groups, that counts up as fast as answers come. */
const startLoad = async (service: TestService): Promise<Load> => {
  const api = service.client()
  const { ReplicationGroups: found = [] } = await api.send(new DescribeReplicationGroupsCommand({}))
  api.destroy()
  const failures: unknown[] = []
  let commands = 0
  let going = true
  const work = found.slice(0, clientsOn).map(async (group) => {
    const at = group.NodeGroups?.[0]?.PrimaryEndpoint
    const client = createClient({ url: `redis://${at?.Address}:${at?.Port}` })
    client.on('error', (error: unknown) => failures.push(error))
    await client.connect()
    let counted = 0
    while (going) {
      try {
        counted += 1
        if ((await client.incr('counter')) !== counted) failures.push(new Error('a write was lost'))
        commands += 1
      } catch (error) {
        failures.push(error)
      }
      await delay(1) // the processors are for what is measured
    }
    client.destroy()
  })
  return {
    get commands() {
      return commands
    },
    failures,
    async [Symbol.asyncDispose]() {
      going = false
      await Promise.all(work)
    },
  }
}

const pidsOf = async (service: TestService): Promise<string> =>
  JSON.stringify((await service.nodes()).map(({ id, pid, status }) => [id, pid, status]))

/** When the service last did something to a group, in milliseconds since 1970; null: it found nothing to do. */
const lastStage = (service: TestService, since: number): number | null => {
  const lines = readFileSync(join(service.home, 'logs', 'larder.log'), 'utf8')
    .trim()
    .split('\n')
  const times = lines
    .map((text) => JSON.parse(text) as { time: string; message: string })
    .filter(({ message }) => message === 'a stage')
    .map(({ time }) => new Date(time).getTime())
    .filter((time) => time >= since)
  return times.length === 0 ? null : Math.max(...times)
}

const bareStart = (): number => {
  const began = performance.now()
  spawnSync(process.execPath, ['-e', '0'])
  return performance.now() - began
}

export const runAdopt = async ({ rounds, say, signal }: BenchmarkOptions) => {
  await using service = await startTestService()
  await createGroups(service, groups, 3)
  const before = await pidsOf(service)
  await using load = await startLoad(service)
  say(`${(await service.nodes()).length} nodes, clients on ${clientsOn} groups`)
  const ready: number[] = []
  const settled: number[] = []
  const bare: number[] = []
  for (let index = 0; index < rounds; index += 1) {
    signal.throwIfAborted()
    await service.kill()
    bare.push(bareStart())
    const began = performance.now()
    const since = Date.now()
    await service.start()
    ready.push(performance.now() - began)
    const readyAt = Date.now()
    await delay(aliveMs)
    settled.push(Math.max(0, (lastStage(service, since) ?? readyAt) - readyAt))
    if ((await pidsOf(service)) !== before)
      throw new Error(`nodes are not as before: ${await pidsOf(service)}, before: ${before}`)
  }
  const figures = {
    rounds,
    nodes: (await service.nodes()).length,
    start_to_ready_ms: round(median(ready), 0),
    start_to_ready_ms_worst: round(percentile(ready, 1), 0),
    ready_to_last_group_settled_ms: round(median(settled), 0),
    bare_node_start_ms: round(median(bare), 0),
    engines_restarted: 0,
    commands: load.commands,
    failed_commands: load.failures.length,
    wanted: { start_to_ready_ms: 1_000, engines_restarted: 0, failed_commands: 0 },
  }
  say(
    `process start to ready           ${figures.start_to_ready_ms} ms, worst ${figures.start_to_ready_ms_worst} ms (wanted: 1000 ms)`,
  )
  say(
    `ready to last group settled      ${figures.ready_to_last_group_settled_ms} ms; ready is said when every group was looked at`,
  )
  say(`an empty program of the runtime  ${figures.bare_node_start_ms} ms`)
  say(`engines restarted 0, commands ${figures.commands}, failed ${figures.failed_commands}`)
  for (const failure of load.failures.slice(0, 3)) say(`  ${String(failure)}`)
  return figures
}
