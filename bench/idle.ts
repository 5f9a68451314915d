/**
 * What Larder costs when nothing happens: 9 and 49 groups of 1 + 2 nodes and a Memcached cluster of 3, beside what their engines
 * themselves cost at rest.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startTestService, type TestService } from '../e2e/support/service.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { median, round } from './support/figures.ts'
import { createGroups, createMemcached } from './support/groups.ts'
import { processorSeconds, residentMegabytes } from './support/proc.ts'

const settleMs = 10_000
const roundMs = 15_000

/** The process that serves what no engine binds; null where the kernel does it all. */
const endpointProcess = (service: TestService): number | null => {
  const report = join(service.home, 'endpoints', 'report.json')
  return existsSync(report) ? (JSON.parse(readFileSync(report, 'utf8')) as { pid: number }).pid : null
}

interface Sample {
  readonly larder: number
  readonly endpoints: number
  readonly engines: number
}

const used = (pids: { larder: number; endpoints: number | null; engines: readonly number[] }): Sample => ({
  larder: processorSeconds(pids.larder),
  endpoints: pids.endpoints === null ? 0 : processorSeconds(pids.endpoints),
  engines: pids.engines.reduce((sum, pid) => sum + processorSeconds(pid), 0),
})

interface Size {
  readonly groups: number
  readonly wanted: { readonly larder_cpu_percent: number; readonly larder_memory_mb: number }
}

/** Groups of three nodes each, and a Memcached cluster of three. */
const sizes: readonly Size[] = [
  { groups: 9, wanted: { larder_cpu_percent: 1, larder_memory_mb: 150 } },
  { groups: 49, wanted: { larder_cpu_percent: 3, larder_memory_mb: 250 } },
]

const measure = async ({ groups, wanted }: Size, { rounds, say, signal }: BenchmarkOptions) => {
  await using service = await startTestService()
  await createGroups(
    service,
    Array.from({ length: groups }, (_, index) => `idle-${index}`),
    3,
  )
  await createMemcached(service, 'idle-memcached', 3)
  const engines = (await service.nodes()).flatMap((node) => (node.pid === null ? [] : [node.pid]))
  const pids = { larder: service.pid(), endpoints: endpointProcess(service), engines }
  say(`${engines.length} nodes; ${settleMs / 1000} s to settle, then ${rounds} times ${roundMs / 1000} s`)
  await delay(settleMs, undefined, { signal })
  const percents: Sample[] = []
  for (let index = 0; index < rounds; index += 1) {
    const before = used(pids)
    const began = performance.now()
    await delay(roundMs, undefined, { signal })
    const after = used(pids)
    const percent = (a: number, b: number): number => ((b - a) / (performance.now() - began)) * 100_000
    percents.push({
      larder: percent(before.larder, after.larder),
      endpoints: percent(before.endpoints, after.endpoints),
      engines: percent(before.engines, after.engines),
    })
  }
  const asked = performance.now()
  service.larder('status')
  const statusMs = performance.now() - asked
  const resident = engines.reduce((sum, pid) => sum + residentMegabytes(pid), 0)
  const figures = {
    nodes: engines.length,
    larder_cpu_percent: round(median(percents.map(({ larder }) => larder)), 2),
    larder_memory_mb: round(residentMegabytes(pids.larder), 1),
    endpoint_process_cpu_percent: pids.endpoints === null ? null : round(median(percents.map(({ endpoints }) => endpoints)), 2),
    endpoint_process_memory_mb: pids.endpoints === null ? null : round(residentMegabytes(pids.endpoints), 1),
    engines_cpu_percent: round(median(percents.map((sample) => sample.engines)), 2),
    engines_memory_mb: round(resident, 1),
    status_command_ms: round(statusMs, 0),
    wanted,
  }
  const { larder_cpu_percent: percent, larder_memory_mb: memory } = wanted
  say(
    `Larder             ${figures.larder_cpu_percent} % of a core, ${figures.larder_memory_mb} MB (wanted: ${percent} %, ${memory} MB)`,
  )
  say(`endpoint process   ${figures.endpoint_process_cpu_percent ?? '-'} %, ${figures.endpoint_process_memory_mb ?? '-'} MB`)
  say(`all engines        ${figures.engines_cpu_percent} %, ${figures.engines_memory_mb} MB`)
  say(`larder status      ${figures.status_command_ms} ms`)
  return figures
}

export const runIdle = async (options: BenchmarkOptions) => {
  const rows: Awaited<ReturnType<typeof measure>>[] = []
  for (const size of sizes) rows.push(await measure(size, options))
  return { rounds: options.rounds, rows }
}
