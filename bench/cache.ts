/**
 * The application library beside what one would take instead, on one server, with the same values: hits in the process, hits on the server, a stampede on one key from
 * several processes.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { openServers } from '../packages/client/src/testing/servers.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { nearContestants, remoteContestants, type StampedeName, stampedeContestants } from './support/caches.ts'
import { inTurn, median, pairedRatio, round } from './support/figures.ts'
import type { HitsTask, HitsTurn } from './support/hits.ts'
import { createTally } from './support/tally.ts'

const mostMs = 200_000
const herd = { processes: 4, callers: 1_000, loadMs: 100 } as const
const herdWorker = fileURLToPath(new URL('support/stampede.ts', import.meta.url))
const hitsWorker = fileURLToPath(new URL('support/hits.ts', import.meta.url))

interface Contestant {
  readonly kind: HitsTask['kind']
  readonly name: string
  turn(): Promise<HitsTurn>
  end(): void
}

/** In a process of its own. */
const openContestant = async (url: string, kind: HitsTask['kind'], name: string): Promise<Contestant> => {
  const child = fork(hitsWorker, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const says = <T>(): Promise<T> =>
    new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`the process of ${name} ended with ${code}`))
      child.once('exit', ended)
      child.once('message', (message) => {
        child.off('exit', ended)
        resolve(message as T)
      })
    })
  const task: HitsTask = { url, kind, contestant: name }
  const ready = says<'ready'>()
  child.send(task)
  await ready
  return {
    kind,
    name,
    turn: () => {
      const result = says<HitsTurn>()
      child.send('turn')
      return result
    },
    end: () => void child.kill('SIGKILL'),
  }
}

const stampede = async (url: string, contestant: StampedeName, turn: number): Promise<number> => {
  const children = Array.from({ length: herd.processes }, () =>
    fork(herdWorker, { stdio: ['ignore', 'inherit', 'ignore', 'ipc'] }),
  )
  try {
    const says = <T>(child: (typeof children)[number]): Promise<T> =>
      new Promise((resolve, reject) => {
        child.once('message', (message) => resolve(message as T))
        child.once('exit', (code) => reject(new Error(`a process of the stampede ended with ${code}`)))
      })
    const ready = children.map((child) => says<'ready'>(child))
    const task = { url, contestant, key: `herd:${turn}`, callers: herd.callers / herd.processes, loadMs: herd.loadMs }
    for (const child of children) child.send(task)
    await Promise.all(ready)
    const done = children.map((child) => says<number>(child))
    for (const child of children) child.send('go')
    return (await Promise.all(done)).reduce((sum, loads) => sum + loads, 0)
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
}

export const runCache = async ({ rounds, say, signal }: BenchmarkOptions) => {
  await using servers = await openServers()
  const server = await servers.start()
  const began = performance.now()
  const isOver = (): boolean => signal.aborted || performance.now() - began > mostMs
  const rates = createTally()
  const times = createTally()
  const contestants: Contestant[] = []
  const open = async (kind: HitsTask['kind'], names: readonly { readonly name: string }[]): Promise<void> => {
    for (const { name } of names) contestants.push(await openContestant(server.url, kind, name))
  }
  let done = 0
  try {
    await open('remote', remoteContestants)
    await open('near', nearContestants)
    for (; done < rounds && (done === 0 || !isOver()); done += 1)
      for (const { kind, name, turn } of inTurn(contestants, done)) {
        const { perSecond, p99 } = await turn()
        rates.add(`${kind} ${name}`, perSecond)
        times.add(`${kind} ${name}`, p99)
      }
  } finally {
    for (const { end } of contestants) end()
  }

  const loads = createTally()
  for (let turn = 0; turn < Math.min(3, rounds); turn += 1)
    for (const name of Object.keys(stampedeContestants) as StampedeName[]) loads.add(name, await stampede(server.url, name, turn))

  const remoteRows = remoteContestants.map(({ name }) => ({
    name,
    per_s: round(median(rates.of(`remote ${name}`)), 0),
    p99_ms: round(median(times.of(`remote ${name}`)), 2),
    larder_times_this: round(pairedRatio(rates.of('remote larder'), rates.of(`remote ${name}`)), 2),
  }))
  const nearRows = nearContestants.map(({ name }) => ({
    name,
    per_s: round(median(rates.of(`near ${name}`)), 0),
    microseconds: round(1e6 / median(rates.of(`near ${name}`)), 2),
    p99_microseconds: round(1_000 * median(times.of(`near ${name}`)), 2),
    larder_times_this: round(pairedRatio(rates.of('near larder'), rates.of(`near ${name}`)), 2),
  }))
  const herdRows = Object.keys(stampedeContestants).map((name) => ({
    name,
    loads: median(loads.of(name)),
    most: Math.max(...loads.of(name)),
  }))
  say(`${done} rounds, medians; each in a process of its own; 1,000 keys of 270 bytes as JSON, 50 at once`)
  say('hits on the server                    a second   p99 ms   larder is so many times')
  for (const row of remoteRows)
    say(
      `  ${row.name.padEnd(32)}${String(row.per_s).padStart(12)}${String(row.p99_ms).padStart(9)}${String(row.larder_times_this).padStart(12)}`,
    )
  say('hits in the process                   a second       µs   p99 µs   larder is so many times')
  for (const row of nearRows) {
    const columns = `${String(row.microseconds).padStart(9)}${String(row.p99_microseconds).padStart(9)}${String(row.larder_times_this).padStart(12)}`
    say(`  ${row.name.padEnd(32)}${String(row.per_s).padStart(12)}${columns}`)
  }
  say(`one key, ${herd.callers} callers in ${herd.processes} processes, a load of ${herd.loadMs} ms: loads`)
  for (const row of herdRows) say(`  ${row.name.padEnd(32)}${String(row.loads).padStart(12)} (at most ${row.most})`)
  return {
    rounds: done,
    wanted: { remote: 'equal to the fastest', near: '2 times bentocache', stampede: 1 },
    remote: remoteRows,
    near: nearRows,
    stampede: herdRows,
  }
}
