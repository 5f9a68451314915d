/** Leaderboards on real servers, against an array that is sorted. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { connectNodeRedis } from '../adapters/node-redis.ts'
import type { Connection } from '../connection.ts'
import { isCacheError } from '../errors.ts'
import { openServers, type Server, type Servers } from '../testing/servers.ts'
import { createLeaderboard, type LeaderboardOptions, submitToAll } from './leaderboard.ts'

interface Member {
  readonly id: string
  score: number
  /** When it got its score. */
  since: number
  data: unknown
}

/** As it should be: an array. */
const createModel = ({
  order = 'high',
  update = 'best',
  ranks = 'competition',
  ties = 'first',
  most = 0,
}: Partial<LeaderboardOptions>) => {
  const members = new Map<string, Member>()
  let clock = 0
  const sign = order === 'high' ? -1 : 1
  const sorted = (): readonly Member[] =>
    [...members.values()].sort((a, b) => {
      const byTime = ties === 'first' ? a.since - b.since : ties === 'latest' ? b.since - a.since : 0
      return sign * (a.score - b.score) || byTime || (a.id < b.id ? -1 : 1)
    })
  const rankOf = (all: readonly Member[], one: Member): number => {
    if (ranks === 'ordinal') return all.indexOf(one) + 1
    const better = all.filter((other) => sign * other.score < sign * one.score)
    return 1 + (ranks === 'dense' ? new Set(better.map(({ score }) => score)).size : better.length)
  }
  return {
    submit: (id: string, score: number, data?: unknown): void => {
      clock += 1
      const known = members.get(id)
      let next = score
      if (known !== undefined && update === 'sum') next = known.score + score
      if (known !== undefined && update === 'best' && sign * score >= sign * known.score) next = known.score
      if (known === undefined) members.set(id, { id, score: next, since: clock, data })
      else if (next !== known.score) [known.score, known.since] = [next, clock]
      const member = members.get(id)
      if (member !== undefined && data !== undefined) member.data = data
      if (most > 0) for (const one of sorted().slice(most)) members.delete(one.id)
    },
    remove: (id: string) => members.delete(id),
    rows: () => {
      const all = sorted()
      return all.map((one) => ({ id: one.id, score: one.score, rank: rankOf(all, one), data: one.data }))
    },
  }
}

const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']
const operation = fc.oneof(
  fc.record({
    do: fc.constant('submit' as const),
    id: fc.constantFrom(...ids),
    score: fc.oneof(fc.integer({ min: -3, max: 5 }), fc.constantFrom(0.1, 0.2, -0.5, 2 ** 53, 1e300)),
    data: fc.option(fc.record({ n: fc.integer() }, { noNullPrototype: true }), { nil: undefined }),
  }),
  fc.record({ do: fc.constant('remove' as const), id: fc.constantFrom(...ids) }),
)
const rules = fc.record({
  order: fc.constantFrom('high', 'low'),
  update: fc.constantFrom('best', 'last', 'sum'),
  ranks: fc.constantFrom('competition', 'dense', 'ordinal'),
  ties: fc.constantFrom('first', 'latest', 'name'),
  most: fc.constantFrom(0, 0, 4),
})

for (const kind of ['single', 'cluster'] as const)
  describe(`leaderboards on ${kind === 'cluster' ? 'a cluster' : 'one server'}`, () => {
    let servers: Servers
    let nodes: readonly Server[]
    let connection: Connection
    let boards = 0
    const open = (options: Partial<LeaderboardOptions> = {}) => {
      boards += 1
      return createLeaderboard<unknown>(connection, { name: `board ${boards}`, ...options })
    }
    before(async () => {
      servers = await openServers()
      nodes = kind === 'cluster' ? await servers.cluster(3) : [await servers.start()]
      connection = await connectNodeRedis({ url: nodes[0]?.url ?? '' })
    })
    after(async () => {
      await connection.close()
      await servers[Symbol.asyncDispose]()
    })

    for (const shards of [1, 4])
      it(`is the array that it should be, whatever is done, with ${shards} ${shards === 1 ? 'shard' : 'shards'}`, async () => {
        await fc.assert(
          fc.asyncProperty(rules, fc.array(operation, { minLength: 1, maxLength: 25 }), async (given, operations) => {
            const most = shards === 1 ? given.most : 0
            const ranks = shards > 1 && given.ranks === 'dense' ? 'competition' : given.ranks
            const options = { ...given, most, ranks, shards } as Partial<LeaderboardOptions>
            const [board, model] = [open(options), createModel(options)]
            for (const step of operations)
              if (step.do === 'submit') {
                await board.submit(step.id, step.score, step.data)
                model.submit(step.id, step.score, step.data)
              } else assert.equal(await board.remove(step.id), model.remove(step.id) ? 1 : 0)
            const rows = model.rows()
            assert.deepEqual(await board.top(100), rows)
            assert.equal(await board.size(), rows.length)
            assert.deepEqual(await board.page(2, 3), rows.slice(3, 6))
            assert.deepEqual(
              await board.getMany(ids),
              ids.map((id) => rows.find((row) => row.id === id) ?? null),
            )
            for (const id of ids.slice(0, 4)) {
              const at = rows.findIndex((row) => row.id === id)
              assert.deepEqual(await board.around(id, 2, 1), at < 0 ? [] : rows.slice(Math.max(0, at - 2), at + 2))
            }
            for (const [lowest, highest] of [
              [-1, 2],
              [0, 0],
              [Number.NEGATIVE_INFINITY, 0.1],
            ] as const) {
              const within = rows.filter(({ score }) => score >= lowest && score <= highest)
              assert.deepEqual(await board.byScore(lowest, highest), within)
              assert.deepEqual(await board.byScore(lowest, highest, { offset: 1, count: 2 }), within.slice(1, 3))
            }
            for (const percentile of [0, 25, 50, 90, 100]) {
              const place = Math.min(rows.length - 1, Math.floor(((100 - percentile) / 100) * rows.length))
              assert.equal(await board.scoreAt(percentile), rows[place]?.score ?? null, `percentile ${percentile}`)
            }
            for (const one of rows.slice(0, 3)) {
              const better = rows.filter(({ score }) => (given.order === 'high' ? score > one.score : score < one.score)).length
              assert.equal(await board.percentile(one.id), (100 * (rows.length - better)) / rows.length)
            }
            await board.clear()
            assert.deepEqual(await board.top(10), [])
          }),
          { numRuns: kind === 'single' ? 60 : 15 },
        )
      })

    it('loses none of many sums that are made at once, and answers each with its own', async () => {
      const board = open({ update: 'sum', shards: 3 })
      const others = await Promise.all([1, 2, 3].map(() => connectNodeRedis({ url: nodes[0]?.url ?? '' })))
      const name = `board ${boards}`
      const same = others.map((other) => createLeaderboard(other, { name, update: 'sum', shards: 3 }))
      await Promise.all(Array.from({ length: 300 }, (_, turn) => (same[turn % 3] ?? board).submit(ids[turn % 10] ?? '', 1)))
      assert.deepEqual(
        (await board.top(100)).map(({ score }) => score),
        Array(10).fill(30),
      )
      await Promise.all(others.map((other) => other.close()))
    })

    it('keeps the 53 bits of a score, and who was first among equals', async () => {
      const board = open({ ranks: 'ordinal' })
      const score = Number.MAX_SAFE_INTEGER
      await board.submitMany([
        { id: 'late', score: score - 1 },
        { id: 'z', score },
        { id: 'a', score },
      ])
      await board.submit('late', score)
      await board.submit('z', score)
      assert.deepEqual(
        (await board.top(3)).map(({ id, score: one }) => [id, one]),
        [
          ['z', score],
          ['a', score],
          ['late', score],
        ],
      )
    })

    it('keeps nothing of members that are gone', async () => {
      const board = open({ most: 2, ranks: 'dense' })
      for (const [index, id] of ids.entries()) await board.submit(id, index, { of: id })
      await board.remove('j')
      assert.deepEqual(await board.top(5), [{ id: 'i', score: 8, rank: 1, data: { of: 'i' } }])
      const prefix = `board:board ${boards}`
      const fields = async (): Promise<number> => {
        let sum = 0
        for (const node of nodes)
          for (const key of ['names', 'data', 'counts'])
            sum += Number(await node.command('HLEN', `${prefix}:{${prefix}:0}:${key}`).catch(() => 0)) // of another node
        return sum
      }
      // One in each, and the time of the latest name.
      assert.equal(await fields(), 4)
      await board.remove('i')
      assert.equal(await fields(), 0)
    })

    it('begins anew with each period, and the old ones end by themselves', async () => {
      const day = 86_400_000
      const start = Math.floor(Date.now() / day) * day + day / 2
      let now = start
      const daily = open({ period: 'daily', now: () => now, keep: 1 })
      const allTime = open({ update: 'sum' })
      await submitToAll([daily, allTime], [{ id: 'a', score: 5 }])
      now = start + day
      await submitToAll([daily, allTime], [{ id: 'a', score: 3 }])
      assert.deepEqual(
        (await daily.top(5)).map(({ score }) => score),
        [3],
      )
      assert.deepEqual(
        (await daily.at(start).top(5)).map(({ score }) => score),
        [5],
      )
      assert.deepEqual(
        (await allTime.top(5)).map(({ score }) => score),
        [8],
      )
      let ending = 0
      for (const node of nodes)
        for (const key of (await node.command('KEYS', `board:board ${boards - 1}:*:order`)) as readonly string[]) {
          const left = Number(await node.command('PTTL', key))
          assert.ok(left > 0 && left <= 3 * day, `${left}`)
          ending += 1
        }
      assert.equal(ending, 2)
    })

    it('takes another board in, as far as it is told to', async () => {
      const [one, other] = [open({ update: 'sum' }), open()]
      await one.submitMany([
        { id: 'a', score: 1 },
        { id: 'b', score: 5 },
      ])
      await other.submitMany([
        { id: 'b', score: 2, data: 'of b' },
        { id: 'c', score: 1 },
        { id: 'd', score: 0 },
      ])
      assert.equal(await one.merge(other, 2), 2)
      assert.deepEqual(await one.top(5), [
        { id: 'b', score: 7, rank: 1, data: 'of b' },
        { id: 'a', score: 1, rank: 2, data: undefined },
        { id: 'c', score: 1, rank: 2, data: undefined },
      ])
    })

    it('says what makes no sense, and changes nothing', async () => {
      const board = open()
      const usage = (work: () => unknown) =>
        assert.rejects(
          async () => work(),
          (error: unknown) => isCacheError(error, 'usage'),
        )
      for (const score of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
        await usage(() => board.submit('a', score))
      await usage(() => board.submit('', 1))
      await usage(() =>
        board.submitMany([
          { id: 'a', score: 1 },
          { id: 'a', score: 2 },
        ]),
      )
      await usage(() => board.top(1_001))
      await usage(() => board.page(0, 10))
      await usage(() => board.scoreAt(101))
      await usage(() => open({ ranks: 'dense', shards: 2 }))
      await usage(() => open({ name: 'a{b}' }))
      assert.equal(await board.size(), 0)
      assert.equal(await board.get('a'), null)
      assert.equal(await board.percentile('a'), null)
      assert.equal(await board.scoreAt(50), null)
    })
  })
