/** Latency of Describe operations over HTTP with signatures, with 1, 100 and 1,000 groups of 1 + 2 nodes in a real store. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DescribeCacheClustersCommand, DescribeReplicationGroupsCommand, ElastiCacheClient } from '@aws-sdk/client-elasticache'
import { accessKeyId, secretAccessKey } from './support/api-server.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { median, percentile, round } from './support/figures.ts'

const sizes = [1, 100, 1_000] as const
const cases = {
  'page of groups': () => new DescribeReplicationGroupsCommand({ MaxRecords: 100 }),
  'group by id': () => new DescribeReplicationGroupsCommand({ ReplicationGroupId: 'group-0000' }),
  'page of clusters': () => new DescribeCacheClustersCommand({ MaxRecords: 100, ShowCacheNodeInfo: true }),
  'cluster by id': () => new DescribeCacheClustersCommand({ CacheClusterId: 'group-0000-001', ShowCacheNodeInfo: true }),
} as const
type Case = keyof typeof cases
const caseNames = Object.keys(cases) as Case[]
const warmUps = 50

interface Signed {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What the SDK would send. The same bytes may be sent again: a signature is good for minutes. */
const sign = async (url: string, name: Case): Promise<Signed> => {
  let signed: Signed | null = null
  const client = new ElastiCacheClient({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
    requestHandler: {
      handle: async (message: Signed) => {
        signed = { headers: message.headers, body: message.body }
        throw new Error('it is sent later')
      },
    },
  })
  const command = cases[name]()
  const sent = command instanceof DescribeReplicationGroupsCommand ? client.send(command) : client.send(command)
  await sent.catch((error: unknown) => {
    if (signed === null) throw error
  })
  client.destroy()
  if (signed === null) throw new Error('expected the SDK to send something')
  return signed
}

interface Answer {
  readonly ms: number
  readonly bytes: number
}

const ask = (url: string, agent: Agent, method: 'POST' | 'GET', path: string, { headers, body }: Signed): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const began = performance.now()
    const sent = request(new URL(path, url), { method, agent, headers }, (response) => {
      let bytes = 0
      let said = ''
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (response.statusCode !== 200) said += chunk.toString()
      })
      response.on('end', () =>
        response.statusCode === 200
          ? resolve({ ms: performance.now() - began, bytes })
          : reject(new Error(`expected 200, found ${response.statusCode}: ${said}`)),
      )
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })

const startServer = (file: string, groups: number): Promise<{ child: ChildProcess; url: string }> =>
  new Promise((resolve, reject) => {
    const program = fileURLToPath(new URL('support/api-server.ts', import.meta.url))
    const child = spawn(process.execPath, [program, file, String(groups)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes('\n')) resolve({ child, url: `http://127.0.0.1:${said.trim()}` })
    })
    child.once('exit', (code, signal) => reject(new Error(`the server ended with ${code ?? signal}`)))
  })

interface Measured {
  readonly ms: number[]
  bytes: number
}

export const runApi = async ({ rounds, say, signal }: BenchmarkOptions) => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-bench-'))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const servers: { size: number; child: ChildProcess; url: string }[] = []
  try {
    for (const size of sizes) servers.push({ size, ...(await startServer(join(folder, `${size}.db`), size)) })
    const health: number[] = []
    const empty: Signed = { headers: {}, body: '' }
    const measured = new Map<string, Measured>()
    const requests = await Promise.all(
      servers.flatMap(({ size, url }) => caseNames.map(async (name) => ({ size, name, url, signed: await sign(url, name) }))),
    )
    // One request after the other, all cases and sizes in turn, so that what drifts touches all.
    for (let turn = -warmUps; turn < rounds; turn += 1) {
      signal.throwIfAborted()
      for (const { size, name, url, signed } of requests) {
        const { ms, bytes } = await ask(url, agent, 'POST', '/', signed)
        if (turn < 0) continue
        const key = `${name} ${size}`
        const entry = measured.get(key) ?? { ms: [], bytes }
        entry.ms.push(ms)
        measured.set(key, entry)
      }
      const last = servers.at(-1)
      if (last !== undefined && turn >= 0) health.push((await ask(last.url, agent, 'GET', '/health', empty)).ms)
    }
    const rows = caseNames.flatMap((name) =>
      sizes.map((groups) => {
        const { ms, bytes } = measured.get(`${name} ${groups}`) ?? { ms: [], bytes: 0 }
        return { what: name, groups, p50_ms: round(median(ms), 2), p99_ms: round(percentile(ms, 0.99), 2), answer_bytes: bytes }
      }),
    )
    say(`${rounds} requests of each kind, one after the other, on connections that stay open`)
    for (const row of rows)
      say(
        `${row.what.padEnd(18)}${String(row.groups).padStart(5)} groups   p50 ${String(row.p50_ms).padStart(6)} ms   p99 ${String(row.p99_ms).padStart(6)} ms   ${row.answer_bytes} bytes`,
      )
    const healthP50 = round(median(health), 2)
    say(`/health, the least that an answer costs: p50 ${healthP50} ms`)
    const slowest = Math.max(...rows.map((row) => row.p99_ms))
    const p50 = (name: Case, groups: number): number =>
      rows.find((row) => row.what === name && row.groups === groups)?.p50_ms ?? Number.NaN
    const growth = Object.fromEntries(caseNames.map((name) => [name, round(p50(name, 1_000) / p50(name, 100), 2)]))
    say(
      `slowest p99 ${slowest} ms (wanted: under 10 ms); p50 with 1,000 groups beside 100, answers of one size: ${JSON.stringify(growth)}`,
    )
    return {
      rounds,
      slowest_p99_ms: slowest,
      health_p50_ms: healthP50,
      growth_100_to_1000: growth,
      wanted: { slowest_p99_ms: 10, growth: 1 },
      rows,
    }
  } finally {
    agent.destroy()
    for (const { child } of servers) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}
