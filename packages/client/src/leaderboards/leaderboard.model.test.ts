/** Leaderboards on every engine and on a cluster, against an array that is sorted, whatever is done and by whatever rules. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { connectNodeRedis } from '../adapters/node-redis.ts'
import type { Connection } from '../connection/connection.ts'
import { engines, openServers, type Servers } from '../testing/servers.ts'
import { createLeaderboard, type Leaderboard, type LeaderboardOptions } from './leaderboard.ts'
import type { Entry, Row, Update } from './rows.ts'

interface Member {
  readonly id: string
  score: number
  /** When it got its score. */
  since: number
  data: unknown
}
type Rules = Required<Pick<LeaderboardOptions, 'order' | 'update' | 'ranks' | 'ties' | 'most' | 'shards'>>

const bytesOf = (text: string): Buffer => Buffer.from(text)
const shardOf = (id: string, shards: number): number => createHash('sha1').update(id).digest().readUInt32BE(0) % shards

/** As it should be: an array. */
const createModel = ({ order, update, ranks, ties, most, shards }: Rules) => {
  const members = new Map<string, Member>()
  let clock = 0
  const sign = order === 'high' ? -1 : 1
  const sorted = (): readonly Member[] =>
    [...members.values()].sort((a, b) => {
      const byTime = ties === 'first' ? a.since - b.since : ties === 'latest' ? b.since - a.since : 0
      return (
        (a.score === b.score ? 0 : sign * a.score < sign * b.score ? -1 : 1) || byTime || bytesOf(a.id).compare(bytesOf(b.id))
      )
    })
  const better = (all: readonly Member[], one: Member): readonly Member[] =>
    all.filter(({ score }) => sign * score < sign * one.score)
  const rankOf = (all: readonly Member[], one: Member): number => {
    if (ranks === 'ordinal') return all.indexOf(one) + 1
    const ahead = better(all, one)
    return 1 + (ranks === 'dense' ? new Set(ahead.map(({ score }) => score)).size : ahead.length)
  }
  const submit = ({ id, score, data }: Entry): Update => {
    clock += 1
    const known = members.get(id)
    let next = score + 0
    if (known !== undefined && update === 'sum') next = known.score + score
    if (known !== undefined && update === 'best' && sign * score >= sign * known.score) next = known.score
    const changed = next !== known?.score
    const member = known ?? { id, score: next, since: clock, data: undefined }
    if (changed) [member.score, member.since] = [next, clock]
    if (data !== undefined) member.data = data
    members.set(id, member)
    return { id, score: next, changed }
  }
  return {
    submitMany: (entries: readonly Entry[]): readonly Update[] => {
      const updates = entries.map(submit)
      if (most > 0)
        for (let shard = 0; shard < shards; shard += 1)
          for (const { id } of sorted()
            .filter((one) => shardOf(one.id, shards) === shard)
            .slice(most))
            members.delete(id)
      return updates
    },
    remove: (ids: readonly string[]): number => ids.filter((id) => members.delete(id)).length,
    clear: () => members.clear(),
    rows: (): readonly Row[] => {
      const all = sorted()
      return all.map((one) => ({ id: one.id, score: one.score, rank: rankOf(all, one), data: one.data }))
    },
    percentile: (id: string): number | null => {
      const [all, one] = [sorted(), members.get(id)]
      return one === undefined ? null : (100 * (all.length - better(all, one).length)) / all.length
    },
    /** The last one in the order who is in that percentile. */
    scoreAt: (percentile: number): number | null => {
      const all = sorted()
      return all.findLast((_, place) => place === 0 || (100 * (all.length - place)) / all.length >= percentile)?.score ?? null
    },
  }
}

/** The last two stand the other way round in UTF-16 than in bytes. */
const ids = [
  'a',
  'b',
  'c',
  'd',
  '__proto__',
  'constructor',
  'a:b',
  'line\nend',
  'nul\0',
  '0000000000000000:a',
  'é',
  '\uffee',
  '😀',
]
const score = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: -2, max: 3 }) },
  fc.constantFrom(0, -0, 0.1, 0.2, 0.3, -0.5, 5e-324, -5e-324, 1e-310, 1 / 3),
  fc.constantFrom(2 ** 53, 2 ** 53 - 1, 2 ** 53 - 2, -(2 ** 53), 1e300, -1e300),
)
const data = fc.option(
  fc.json({ maxDepth: 1 }).map((text): unknown => JSON.parse(JSON.stringify(JSON.parse(text)))), // JSON has no -0
  { nil: undefined },
)
const someIds = fc.uniqueArray(fc.constantFrom(...ids), { minLength: 1, maxLength: 5 })
const entries = fc.uniqueArray(fc.record({ id: fc.constantFrom(...ids), score, data }), {
  selector: ({ id }) => id,
  minLength: 1,
  maxLength: 6,
})
const operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('submit' as const), entries }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), ids: someIds }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('merge' as const), entries, limit: fc.nat({ max: 8 }) }) },
)
const rules = fc
  .record({
    order: fc.constantFrom('high' as const, 'low' as const),
    update: fc.constantFrom('best' as const, 'last' as const, 'sum' as const),
    ranks: fc.constantFrom('competition' as const, 'dense' as const, 'ordinal' as const),
    ties: fc.constantFrom('first' as const, 'latest' as const, 'name' as const),
    most: fc.constantFrom(0, 0, 1, 4),
    shards: fc.constantFrom(1, 1, 4),
  })
  .map((given): Rules => ({ ...given, shards: given.ranks === 'dense' ? 1 : given.shards }))
const question = fc.record({
  size: fc.integer({ min: 1, max: 5 }),
  before: fc.nat({ max: 3 }),
  after: fc.nat({ max: 3 }),
  bounds: fc.tuple(
    fc.oneof(score, fc.constant(Number.NEGATIVE_INFINITY)),
    fc.oneof(score, fc.constant(Number.POSITIVE_INFINITY)),
  ),
  offset: fc.nat({ max: 3 }),
  count: fc.nat({ max: 4 }),
  ids: fc.array(fc.constantFrom(...ids, 'nobody'), { maxLength: 8 }),
  percentiles: fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1, maxLength: 3 }),
})

type Model = ReturnType<typeof createModel>
const agree = async (board: Leaderboard, model: Model, asked: typeof question extends fc.Arbitrary<infer Q> ? Q : never) => {
  const rows = model.rows()
  assert.deepEqual(await board.top(100), rows)
  assert.equal(await board.size(), rows.length)
  for (let page = 1; page <= 1 + Math.ceil(rows.length / asked.size); page += 1)
    assert.deepEqual(await board.page(page, asked.size), rows.slice((page - 1) * asked.size, page * asked.size))
  assert.deepEqual(
    await board.getMany(asked.ids),
    asked.ids.map((id) => rows.find((row) => row.id === id) ?? null),
  )
  for (const id of asked.ids) {
    const at = rows.findIndex((row) => row.id === id)
    const around = at < 0 ? [] : rows.slice(Math.max(0, at - asked.before), at + asked.after + 1)
    assert.deepEqual(await board.around(id, asked.before, asked.after), around)
    assert.equal(await board.percentile(id), model.percentile(id))
  }
  const [lowest, highest] = asked.bounds
  const within = rows.filter((row) => row.score >= lowest && row.score <= highest)
  assert.deepEqual(await board.byScore(lowest, highest), within)
  const { offset, count } = asked
  assert.deepEqual(await board.byScore(lowest, highest, { offset, count }), within.slice(offset, offset + count))
  for (const percentile of [0, 50, 100, ...asked.percentiles, ...rows.map(({ id }) => model.percentile(id) ?? 0)])
    assert.equal(await board.scoreAt(percentile), model.scoreAt(percentile), `percentile ${percentile}`)
}

const places = [...engines.map(({ engine, version }) => `${engine} ${version}`), 'a cluster']
for (const [index, place] of places.entries())
  describe(`leaderboards on ${place}`, () => {
    let servers: Servers
    let connection: Connection
    let boards = 0
    before(async () => {
      servers = await openServers()
      const [first] = index < engines.length ? [await servers.start([], engines[index])] : await servers.cluster(3)
      connection = await connectNodeRedis({ url: first?.url ?? '', commandTimeout: 5_000 })
    })
    after(async () => {
      await connection.close()
      await servers[Symbol.asyncDispose]()
    })

    it('are the array that they should be', async () => {
      await fc.assert(
        fc.asyncProperty(
          rules,
          fc.array(operation, { minLength: 1, maxLength: 14 }),
          question,
          async (given, operations, asked) => {
            boards += 1
            const [name, other] = [`board ${boards}`, `other ${boards}`]
            const board = createLeaderboard(connection, { name, ...given })
            const model = createModel(given)
            // Which shard's clock is ahead, of those that are asked at once, is not known.
            const atOnce = given.shards > 1 && given.ties !== 'name' ? 1 : 6
            for (const step of operations)
              if (step.do === 'submit')
                for (let from = 0; from < step.entries.length; from += atOnce) {
                  const some = step.entries.slice(from, from + atOnce)
                  assert.deepEqual(await board.submitMany(some), model.submitMany(some))
                }
              else if (step.do === 'remove') assert.equal(await board.remove(...step.ids), model.remove(step.ids))
              else if (step.do === 'clear') {
                await board.clear()
                model.clear()
              } else {
                const source = { order: 'high', update: 'last', ranks: 'ordinal', ties: 'name', most: 0, shards: 4 } as const
                const from = createLeaderboard(connection, { name: other, ...source })
                const fromModel = createModel(source)
                await from.submitMany(step.entries)
                fromModel.submitMany(step.entries)
                const taken = fromModel.rows().slice(0, Math.min(step.limit, atOnce))
                assert.equal(await board.merge(from, Math.min(step.limit, atOnce)), taken.length)
                if (taken.length > 0) model.submitMany(taken)
                await from.clear()
              }
            await agree(board, model, asked)
            assert.equal(await board.remove(...ids), model.rows().length)
            const left = await connection.send(
              [...Array(given.shards).keys()].map((shard) => {
                const prefix = `board:${name}`
                const tag = `${prefix}:{${prefix}:${shard}}`
                const keys = ['order', 'ids', 'members', 'names', 'data', 'distinct', 'counts'].map((key) => `${tag}:${key}`)
                return { key: `${tag}:order`, args: ['EXISTS', ...keys] }
              }),
            )
            assert.deepEqual(
              left.map(({ value }) => value),
              Array(given.shards).fill(0),
            )
          },
        ),
        { numRuns: index === 0 ? 200 : 80 },
      )
    })
  })
