/**
 * A board of a million members beside redis-rank, on one server, by turns: who is around a member, a member's rank, the first ten, a new score. redis-rank has ordinal ranks alone,
 * with equals by name, and keeps no data: so a board of this library stands beside it twice, with the options that come closest to that, and with those that it has by itself.
 */
import { Redis } from 'ioredis'
import { Leaderboard as RankBoard } from 'redis-rank'
import { connectNodeRedis } from '../packages/client/src/index.ts'
import { createLeaderboard, type LeaderboardOptions } from '../packages/client/src/leaderboards/index.ts'
import { openServers, type Server } from '../packages/client/src/testing/servers.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { inTurn, median, pairedRatio, percentile, round } from './support/figures.ts'
import { createTally } from './support/tally.ts'

const members = 1_000_000
const packet = 1_000
const loops = 50
const requests = 2_500
/** In a round, by turns: short ones, so that other work on the machine meets all alike. */
const turns = 4
const sides = 5
const mostMs = 150_000

interface Contestant {
  readonly name: Name
  fill(entries: readonly { readonly id: string; readonly score: number }[]): Promise<unknown>
  readonly operations: Readonly<Record<Operation, (id: string, turn: number) => Promise<{ readonly length: number }>>>
  close(): Promise<unknown>
}
type Name = 'alike' | 'default' | 'redis-rank'
const ours = ['alike', 'default'] as const
const optionsOf: Readonly<Record<(typeof ours)[number], Omit<LeaderboardOptions, 'name'>>> = {
  alike: { ranks: 'ordinal', ties: 'name' },
  default: {},
}
const operations = ['around a member', 'rank of a member', 'first ten', 'new score'] as const
type Operation = (typeof operations)[number]
/** Rows of each answer, so that nobody is fast by answering less. */
const rows: Readonly<Record<Operation, number>> = {
  'around a member': 2 * sides + 1,
  'rank of a member': 1,
  'first ten': 10,
  'new score': 1,
}

const openLarder = async (url: string, name: (typeof ours)[number]): Promise<Contestant> => {
  const connection = await connectNodeRedis({ url, commandTimeout: 10_000 })
  const board = createLeaderboard(connection, { name, ...optionsOf[name] })
  return {
    name,
    fill: (entries) => board.submitMany(entries),
    operations: {
      'around a member': (id) => board.around(id, sides),
      'rank of a member': (id) => board.get(id).then((row) => (row === null ? [] : [row])),
      'first ten': () => board.top(10),
      'new score': (id, turn) => board.submit(id, turn).then((done) => [done]),
    },
    close: () => connection.close(),
  }
}

const openRank = async (url: string): Promise<Contestant> => {
  const client = new Redis(url)
  const board = new RankBoard(client, 'rank', { sortPolicy: 'high-to-low', updatePolicy: 'best' })
  return {
    name: 'redis-rank',
    fill: (entries) => board.update(entries.map(({ id, score }) => ({ id, value: score }))),
    operations: {
      'around a member': (id) => board.around(id, sides),
      'rank of a member': (id) => board.find(id).then((row) => (row === null ? [] : [row])),
      'first ten': () => board.top(10),
      'new score': (id, turn) => board.updateOne(id, turn).then((done) => [done]),
    },
    close: async () => client.disconnect(),
  }
}

const idOf = (index: number): string => `player:${index}`
/** Spread over the board, the same for everybody. */
const chosen = (turn: number): number => (turn * 7_919_333 + 12_345) % members
/** Processor time of the server, seconds. */
const serverTime = async (server: Server): Promise<number> => {
  const info = String(await server.command('INFO', 'cpu'))
  return ['used_cpu_sys', 'used_cpu_user'].reduce(
    (sum, name) => sum + Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1]),
    0,
  )
}
const usedBytes = async (server: Server): Promise<number> =>
  Number(/^used_memory:(\d+)/m.exec(String(await server.command('INFO', 'memory')))?.[1])

export const runLeaderboards = async ({ rounds, say, signal }: BenchmarkOptions) => {
  await using servers = await openServers()
  const server = await servers.start()
  const contestants = [await openLarder(server.url, 'alike'), await openLarder(server.url, 'default'), await openRank(server.url)]
  const rates = createTally()
  const times = createTally()
  const work = createTally()
  const bytes = new Map<string, number>()
  let done = 0
  try {
    for (const { name, fill } of contestants) {
      const before = await usedBytes(server)
      for (let from = 0; from < members && !signal.aborted; from += packet)
        await fill(
          Array.from({ length: packet }, (_, index) => ({
            id: idOf(from + index),
            score: 1 + (((from + index) * 31) % 500_000),
          })),
        )
      bytes.set(name, round(((await usedBytes(server)) - before) / members, 0))
    }
    const began = performance.now()
    for (; done < rounds && (done === 0 || (!signal.aborted && performance.now() - began < mostMs)); done += 1)
      for (const { operation, turn: slice } of operations.flatMap((operation) =>
        Array.from({ length: turns }, (_, turn) => ({ operation, turn: done * turns + turn })),
      ))
        for (const { name, operations: by } of inTurn(contestants, slice)) {
          let next = slice * requests
          const each: number[] = []
          const before = await serverTime(server)
          const from = performance.now()
          await Promise.all(
            Array.from({ length: loops }, async () => {
              for (let turn = 0; turn < requests / loops; turn += 1) {
                const request = next++
                const start = performance.now()
                const { length } = await by[operation](idOf(chosen(request)), 500_000 + request)
                each.push(performance.now() - start)
                if (operation !== 'around a member' ? length !== rows[operation] : length <= sides)
                  throw new Error(`expected ${rows[operation]} rows of ${name} for "${operation}", found ${length}`)
              }
            }),
          )
          rates.add(`${operation} ${name}`, (1_000 * requests) / (performance.now() - from))
          work.add(`${operation} ${name}`, (1e6 * ((await serverTime(server)) - before)) / requests)
          times.add(`${operation} ${name}`, percentile(each, 0.99))
        }
  } finally {
    await Promise.all(contestants.map(({ close }) => close()))
  }
  const names = contestants.map(({ name }) => name)
  const by = (value: (name: Name) => number) => Object.fromEntries(names.map((name) => [name, value(name)]))
  const figures = operations.map((operation) => {
    const of = (tally: typeof rates, name: Name) => tally.of(`${operation} ${name}`)
    return {
      what: operation,
      per_s: by((name) => round(median(of(rates, name)), 0)),
      ratio: Object.fromEntries(ours.map((name) => [name, round(pairedRatio(of(rates, name), of(rates, 'redis-rank')), 2)])),
      server_microseconds: by((name) => round(median(of(work, name)), 1)),
      p99_ms: by((name) => round(median(of(times, name)), 2)),
    }
  })
  say(`${done} rounds, medians; ${members} members, ${loops} requests at once; alike: ${JSON.stringify(optionsOf.alike)}`)
  const line = (what: string, values: readonly (string | number)[]) =>
    say(`${what.padEnd(18)}${values.map((value) => String(value).padStart(11)).join('')}`)
  line('', ['a second', '', '', 'ratio', '', 'server µs', '', '', 'p99 ms'])
  line('', [...names, ...ours, ...names, ...names])
  for (const { what, ...row } of figures)
    line(what, [row.per_s, row.ratio, row.server_microseconds, row.p99_ms].flatMap(Object.values<number>))
  say(`bytes a member on the server: ${names.map((name) => `${name} ${bytes.get(name)}`).join(', ')}`)
  return { rounds: done, members, bytes_per_member: Object.fromEntries(bytes), rows: figures }
}
