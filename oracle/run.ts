/**
 * `npm run oracle -- --reads N --seed S`: processes read and write through the cache and straight to PostgreSQL, with pauses at every step, evictions, and connections that
 * are cut. A value that is older than the last invalidation that had returned before the read began is stale. The last line is one JSON object.
 */
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Client } from 'pg'
import { openServers, type Servers } from '../packages/client/src/testing/servers.ts'
import type { ContestantName } from './contestants.ts'
import { disturb, type Shard } from './disturb.ts'
import { startPostgres } from './postgres.ts'
import { randomFrom } from './random.ts'
import type { Assignment, Report } from './worker.ts'

const processes = 4
const items = 40
/** A source that is asked each time is never stale. */
const leastHits = 0.3
const worker = fileURLToPath(new URL('worker.ts', import.meta.url))

interface Game {
  readonly name: string
  /** Each process, by its turn, has one of these. */
  readonly contestants: readonly ContestantName[]
  /** Of the reads. Rivals are given fewer: they need not many. */
  readonly share: number
  /** Shards with a replica each, of which primaries die; else one server. */
  readonly shards?: number
}
const games: readonly Game[] = [
  { name: 'larder', contestants: ['larder near', 'larder', 'larder near', 'larder near by ioredis'], share: 1 },
  {
    name: 'larder cluster',
    contestants: ['larder near', 'larder by GLIDE', 'larder near, replicas', 'larder near by ioredis'],
    share: 0.25,
    shards: 3,
  },
  { name: 'bentocache', contestants: ['bentocache'], share: 0.2 },
  { name: 'cache-aside', contestants: ['cache-aside'], share: 0.2 },
]

const play = (assignment: Assignment, signal: AbortSignal): Promise<Report> =>
  new Promise((resolve, reject) => {
    // Told to end before there was a process that could be ended.
    signal.throwIfAborted()
    // Rivals complain of each connection that is cut.
    const complaints = assignment.contestant.startsWith('larder') ? 'inherit' : 'ignore'
    const child = fork(worker, { stdio: ['ignore', 'inherit', complaints, 'ipc'] })
    const end = (): void => void child.kill('SIGKILL')
    signal.addEventListener('abort', end, { once: true })
    let report: Report | null = null
    child.once('message', (message) => {
      report = message as Report
    })
    child.once('error', reject)
    child.once('exit', (code, by) => {
      signal.removeEventListener('abort', end)
      if (report === null) reject(new Error(`a process of the run ended with ${code ?? by} and without a report`))
      else resolve(report)
    })
    child.send(assignment)
  })

/** So little that servers evict by themselves too. In a cluster each needs more for itself. */
const memoryAlone = '3mb'
const memoryInCluster = '5mb'
const evicting = (memory: string): readonly string[] => ['--maxmemory', memory, '--maxmemory-policy', 'allkeys-random']

const startShards = async (servers: Servers, count: number | undefined): Promise<readonly Shard[]> => {
  if (count === undefined) return [{ primary: await servers.start(evicting(memoryAlone)), replica: null, memory: memoryAlone }]
  const nodes = await servers.cluster(count, 1, [...evicting(memoryInCluster), '--repl-backlog-size', '16kb'])
  return nodes.slice(0, count).flatMap((primary, index) => {
    const replica = nodes[count + index]
    return replica === undefined ? [] : [{ primary, replica, memory: memoryInCluster }]
  })
}

const prepare = async (databaseUrl: string): Promise<void> => {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query('DROP TABLE IF EXISTS items')
  await client.query('CREATE TABLE items (id int PRIMARY KEY, version bigint NOT NULL)')
  await client.query('INSERT INTO items SELECT i, 1 FROM generate_series(0, $1::int - 1) AS i', [items])
  await client.end()
}

const total = (reports: readonly Report[], name: 'reads' | 'writes' | 'failedWrites' | 'stale' | 'hits'): number =>
  reports.reduce((sum, report) => sum + report[name], 0)

const ending = new AbortController()
const stop = (name: NodeJS.Signals): void => ending.abort(new Error(`ended by ${name}`))
process.once('SIGINT', stop).once('SIGTERM', stop)

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: { reads: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
  })
  const [reads, seed] = [Number(values.reads), Number(values.seed)]
  if (!Number.isSafeInteger(reads) || reads < 1) throw new TypeError(`expected --reads to be 1 or more, found ${values.reads}`)
  if (!Number.isSafeInteger(seed)) throw new TypeError(`expected --seed to be a whole number, found ${values.seed}`)
  const folder = mkdtempSync(join(tmpdir(), 'larder-oracle-'))
  const results: Record<string, { reads: number; stale: number }> = {}
  let isCached = true
  try {
    await using database = await startPostgres()
    for (const [index, { name, contestants, share: part, shards: count }] of games.entries()) {
      await using servers = await openServers()
      const shards = await startShards(servers, count)
      const [first] = shards
      if (first === undefined) throw new Error(`expected servers for ${name}, found none`)
      const cacheUrl = first.primary.url
      await prepare(database.url)
      const floors = join(folder, name)
      writeFileSync(floors, Buffer.alloc(items * processes * 8))
      const done = new AbortController()
      const over = AbortSignal.any([done.signal, ending.signal])
      const disturbing = disturb(shards, randomFrom(seed + 7_919 * index), over)
      const began = performance.now()
      const each = Math.ceil((reads * part) / processes)
      const playing = Promise.all(
        Array.from({ length: processes }, (_, own) =>
          play(
            {
              contestant: contestants[own % contestants.length] ?? 'larder',
              cacheUrl,
              databaseUrl: database.url,
              floors,
              processes,
              own,
              items,
              reads: each,
              deadlineMs: 60_000 + each * 4,
              seed: seed + 104_729 * index,
            },
            over,
          ),
        ),
      )
      // A disturbance that fails ends the run.
      const reports = await Promise.race([playing, disturbing.then(() => playing)]).finally(() => done.abort())
      const { times, deaths } = await disturbing
      results[name] = { reads: total(reports, 'reads'), stale: total(reports, 'stale') }
      const seconds = ((performance.now() - began) / 1_000).toFixed(1)
      const share = Math.min(...reports.map((report) => report.hits / report.reads))
      const isOurs = name.startsWith('larder')
      if (isOurs && share < leastHits) {
        isCached = false
        console.error(
          `expected at least ${leastHits} of the reads of each process of ${name} to be hits, found ${share.toFixed(2)}: the source was asked instead`,
        )
      }
      console.log(
        `${name.padEnd(14)} ${total(reports, 'reads')} reads, ${total(reports, 'writes')} writes (${total(reports, 'failedWrites')} of them not told), ` +
          `${times} disturbances, ${deaths} of them deaths of a primary, ${seconds} s${isOurs ? `, ${share.toFixed(2)} hits or more` : ''}: ${total(reports, 'stale')} stale`,
      )
      for (const { item, floor, found } of reports.flatMap(({ findings }) => findings).slice(0, 3))
        console.log(`  item ${item}: ${floor} was invalidated before the read began, ${found} was read`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const own = Object.entries(results).filter(([name]) => name.startsWith('larder'))
  const rivals = Object.fromEntries(Object.entries(results).filter(([name]) => !name.startsWith('larder')))
  const larder = {
    reads: own.reduce((sum, [, { reads: some }]) => sum + some, 0),
    stale: own.reduce((sum, [, { stale: some }]) => sum + some, 0),
  }
  console.log(JSON.stringify({ ...larder, seed, ...rivals }))
  const seen = Object.values(rivals).every(({ stale }) => stale > 0)
  if (!seen) console.error('expected each rival to be found stale, which shows that this test can see it')
  return larder.stale === 0 && larder.reads >= reads && seen && isCached ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  // What was cut off complains too.
  if (ending.signal.aborted) console.error((ending.signal.reason as Error).message)
  else console.error(error instanceof TypeError ? error.message : error)
  process.exitCode = ending.signal.aborted ? 130 : 2
}
