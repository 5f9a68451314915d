/**
 * `npm run oracle -- --reads N --seed S`: processes read and write through the cache and straight to PostgreSQL, with pauses at every step, evictions, and connections that
 * are cut. A value that is older than the last invalidation that had returned before the read began is stale. The last line is one JSON object.
 */
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Client } from 'pg'
import { openServers, type Server } from '../packages/client/src/testing/servers.ts'
import type { ContestantName } from './contestants.ts'
import { startPostgres } from './postgres.ts'
import { randomFrom } from './random.ts'
import type { Assignment, Report } from './worker.ts'

const processes = 4
const items = 40
const worker = fileURLToPath(new URL('worker.ts', import.meta.url))

/** Each process, by its turn, has one of these. Rivals are given fewer reads: they need not many. */
const games: readonly { readonly name: string; readonly contestants: readonly ContestantName[]; readonly share: number }[] = [
  { name: 'larder', contestants: ['larder near', 'larder', 'larder near', 'larder near'], share: 1 },
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

/** What is known of who has a near cache: two keys, which are lost by themselves too seldom. */
const members = ['cache:{near}:members', 'cache:{near}:clock'] as const

/** Cuts connections, drops keys, and holds the server up, until it is told to end. */
const disturb = async (server: Server, random: () => number, signal: AbortSignal): Promise<number> => {
  let times = 0
  while (!signal.aborted) {
    await delay(50 + random() * 250, undefined, { signal }).catch(() => undefined) // the end
    if (signal.aborted) break
    times += 1
    const what = random()
    if (what < 0.03) {
      const which = random()
      await server.command('DEL', ...(which < 0.4 ? members.slice(0, 1) : which < 0.8 ? members.slice(1) : members))
    } else if (what < 0.6) {
      for (let turn = 0; turn < 5; turn += 1) {
        const key = await server.command('RANDOMKEY')
        if (key !== null) await server.command('DEL', String(key))
      }
    } else if (what < 0.9) await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'MAXAGE', '1', 'SKIPME', 'yes')
    else {
      process.kill(server.pid, 'SIGSTOP')
      await delay(random() * 150)
      process.kill(server.pid, 'SIGCONT')
    }
  }
  return times
}

const prepare = async (databaseUrl: string): Promise<void> => {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query('DROP TABLE IF EXISTS items')
  await client.query('CREATE TABLE items (id int PRIMARY KEY, version bigint NOT NULL)')
  await client.query('INSERT INTO items SELECT i, 1 FROM generate_series(0, $1::int - 1) AS i', [items])
  await client.end()
}

const total = (reports: readonly Report[], name: 'reads' | 'writes' | 'failedWrites' | 'stale'): number =>
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
  try {
    await using database = await startPostgres()
    for (const [index, { name, contestants, share }] of games.entries()) {
      await using servers = await openServers()
      // Small, so that it evicts by itself too.
      const server = await servers.start(['--maxmemory', '3mb', '--maxmemory-policy', 'allkeys-random'])
      await prepare(database.url)
      const floors = join(folder, name)
      writeFileSync(floors, Buffer.alloc(items * processes * 8))
      const done = new AbortController()
      const disturbing = disturb(server, randomFrom(seed + 7_919 * index), AbortSignal.any([done.signal, ending.signal]))
      const began = performance.now()
      const each = Math.ceil((reads * share) / processes)
      const reports = await Promise.all(
        Array.from({ length: processes }, (_, own) =>
          play(
            {
              contestant: contestants[own % contestants.length] ?? 'larder',
              cacheUrl: server.url,
              databaseUrl: database.url,
              floors,
              processes,
              own,
              items,
              reads: each,
              deadlineMs: 60_000 + each * 4,
              seed: seed + 104_729 * index,
            },
            ending.signal,
          ),
        ),
      )
      done.abort()
      const disturbances = await disturbing
      results[name] = { reads: total(reports, 'reads'), stale: total(reports, 'stale') }
      const seconds = ((performance.now() - began) / 1_000).toFixed(1)
      console.log(
        `${name.padEnd(12)} ${total(reports, 'reads')} reads, ${total(reports, 'writes')} writes (${total(reports, 'failedWrites')} of them not told), ` +
          `${disturbances} disturbances, ${seconds} s: ${total(reports, 'stale')} stale`,
      )
      for (const { item, floor, found } of reports.flatMap(({ findings }) => findings).slice(0, 3))
        console.log(`  item ${item}: ${floor} was invalidated before the read began, ${found} was read`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const { larder = { reads: 0, stale: 0 }, ...rivals } = results
  console.log(JSON.stringify({ reads: larder.reads, stale: larder.stale, seed, ...rivals }))
  const seen = Object.values(rivals).every(({ stale }) => stale > 0)
  if (!seen) console.error('expected each rival to be found stale, which shows that this test can see it')
  return larder.stale === 0 && larder.reads >= reads && seen ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  // What was cut off complains too.
  if (ending.signal.aborted) console.error((ending.signal.reason as Error).message)
  else console.error(error instanceof TypeError ? error.message : error)
  process.exitCode = ending.signal.aborted ? 130 : 2
}
