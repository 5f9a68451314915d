/**
 * The application library beside what one would take instead, on one server, with the same values: hits in the process, hits on the server, a stampede on one key from
 * several processes.
 */
import { fork } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openServers } from '../packages/client/src/testing/servers.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { nearContestants, remoteContestants, type StampedeName, stampedeContestants } from './support/caches.ts'
import { inTurn, median, pairedRatio, percentile, round } from './support/figures.ts'
import { createTally } from './support/tally.ts'

const keys = 1_000
const loops = 50
const remoteReads = 40_000
const nearReads = 200_000
const timedReads = 20_000
const mostMs = 200_000
const herd = { processes: 4, callers: 1_000, loadMs: 100 } as const
const worker = fileURLToPath(new URL('support/stampede.ts', import.meta.url))

const stampede = async (url: string, contestant: StampedeName, turn: number): Promise<number> => {
  const children = Array.from({ length: herd.processes }, () => fork(worker, { stdio: ['ignore', 'inherit', 'ignore', 'ipc'] }))
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
  const value = (index: number) => ({ id: index, name: 'Ada Lovelace', roles: ['a', 'b'], text: 'x'.repeat(200) })
  const began = performance.now()
  const isOver = (): boolean => signal.aborted || performance.now() - began > mostMs

  const remote = await Promise.all(remoteContestants.map(async ({ name, open }) => ({ name, cache: await open(server.url) })))
  const near = await Promise.all(nearContestants.map(async ({ name, open }) => ({ name, cache: await open(server.url) })))
  const rates = createTally()
  const times = createTally()
  let done = 0
  try {
    for (const { cache } of remote) for (let key = 0; key < keys; key += 1) await cache.get(key, async () => value(key))
    for (const { cache } of near)
      for (let turn = 0; turn < 20; turn += 1) {
        await cache.get(7, async () => value(7))
        await delay(5)
      }
    for (; done < rounds && (done === 0 || !isOver()); done += 1) {
      for (const { name, cache } of inTurn(remote, done)) {
        let next = done
        const each: number[] = []
        const from = performance.now()
        await Promise.all(
          Array.from({ length: loops }, async () => {
            for (let turn = 0; turn < remoteReads / loops; turn += 1) {
              const key = next++ % keys
              const start = performance.now()
              await cache.get(key, () => Promise.reject(new Error('expected a hit')))
              each.push(performance.now() - start)
            }
          }),
        )
        rates.add(`remote ${name}`, (1_000 * remoteReads) / (performance.now() - from))
        times.add(`remote ${name}`, percentile(each, 0.99))
      }
      for (const { name, cache } of inTurn(near, done)) {
        const from = performance.now()
        for (let turn = 0; turn < nearReads; turn += 1) await cache.get(7, () => Promise.reject(new Error('expected a hit')))
        rates.add(`near ${name}`, (1_000 * nearReads) / (performance.now() - from))
        const each: number[] = []
        for (let turn = 0; turn < timedReads; turn += 1) {
          const start = performance.now()
          await cache.get(7, () => Promise.reject(new Error('expected a hit')))
          each.push(performance.now() - start)
        }
        times.add(`near ${name}`, percentile(each, 0.99))
      }
    }
  } finally {
    await Promise.all([...remote, ...near].map(({ cache }) => cache.close()))
  }

  const loads = createTally()
  for (let turn = 0; turn < Math.min(3, rounds); turn += 1)
    for (const name of Object.keys(stampedeContestants) as StampedeName[]) loads.add(name, await stampede(server.url, name, turn))

  const remoteRows = remote.map(({ name }) => ({
    name,
    per_s: round(median(rates.of(`remote ${name}`)), 0),
    p99_ms: round(median(times.of(`remote ${name}`)), 2),
    larder_times_this: round(pairedRatio(rates.of('remote larder'), rates.of(`remote ${name}`)), 2),
  }))
  const nearRows = near.map(({ name }) => ({
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
  say(`${done} rounds, medians; ${keys} keys of 270 bytes as JSON, ${loops} at once`)
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
