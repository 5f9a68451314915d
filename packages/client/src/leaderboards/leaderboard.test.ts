/** Leaderboards on real servers: what the model does not show. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { connectNodeRedis } from '../adapters/node-redis.ts'
import type { Connection } from '../connection/connection.ts'
import { isCacheError } from '../errors.ts'
import { openServers, type Server, type Servers } from '../testing/servers.ts'
import { createLeaderboard, type LeaderboardOptions, submitToAll } from './leaderboard.ts'
import { bytesOf } from './rows.ts'

const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']
const usage = (work: () => unknown) =>
  assert.rejects(
    async () => work(),
    (error: unknown) => isCacheError(error, 'usage'),
  )

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
          for (const key of ['members', 'data', 'counts'])
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
    })

    for (const ties of ['first', 'name'] as const)
      it(`ends with all its keys at once, also those that come later, and whatever \`keep\` says by then, where equals stand by ${ties}`, async () => {
        const now = Date.UTC(2100, 1, 10)
        const options = { period: 'monthly', ranks: 'dense', ties, shards: 1, now: () => now } as const
        const board = open(options)
        const name = `board ${boards}`
        const keys = async () => {
          const all = await Promise.all(
            nodes.map((node) => node.command('KEYS', `board:${name}:*`) as Promise<readonly string[]>),
          )
          return all.flat().map(String)
        }
        const ends = async (): Promise<readonly number[]> => {
          const all = (await keys()).map((key) => ({ key, args: ['PEXPIRETIME', key] }))
          return [...new Set((await connection.send(all)).map(({ value }) => Number(value)))]
        }
        await board.submit('a', 1)
        assert.deepEqual(await ends(), [Date.UTC(2100, 3, 1)])
        const before = (await keys()).length
        await board.submit('a', 1, { of: 'a' })
        assert.equal((await keys()).length, before + 1)
        assert.deepEqual(await ends(), [Date.UTC(2100, 3, 1)])
        await createLeaderboard(connection, { ...options, name, keep: 12 }).submit('a', 0)
        assert.deepEqual(await ends(), [Date.UTC(2101, 2, 1)])
        await board.at(Date.UTC(2001, 1, 1)).submit('a', 1, { of: 'a' })
        assert.equal(await board.at(Date.UTC(2001, 1, 1)).size(), 0)
        assert.equal((await keys()).length, before + 1)
      })

    it('puts whoever comes later behind, also where the clock of the server has gone back', async () => {
      const board = open()
      await board.submit('a', 1)
      const prefix = `board:board ${boards}`
      // As after a failover to a server whose clock is a day behind.
      const ahead = `local old = redis.call('HGET', KEYS[1], '')
        redis.call('HSET', KEYS[1], '', struct.pack('>I7', struct.unpack('>I7', old) + 86400000000) .. string.sub(old, 8))
        return redis.call('HGET', KEYS[1], '')`
      const key = `${prefix}:{${prefix}:0}:members`
      const [later] = await connection.send([{ key, args: ['EVAL', ahead, '1', key] }])
      await board.submit('z', 1)
      await board.submit('b', 1)
      assert.deepEqual(
        (await board.top(3)).map(({ id }) => id),
        ['a', 'z', 'b'],
      )
      const times = await connection.send(['z', 'b', ''].map((id) => ({ key, args: ['HGET', key, id] })))
      const [before, z, b, last] = [later, ...times].map((answer) => bytesOf(answer?.value).toString('hex').slice(0, 14))
      assert.deepEqual([before, z, b], [before, z, b].toSorted())
      assert.equal(new Set([before, z, b]).size, 3)
      assert.equal(last, b)
    })

    it('begins anew where the server has evicted a part of it, and says nothing of what is left', async () => {
      for (const ties of ['first', 'name'] as const)
        for (const ranks of ['competition', 'dense', 'ordinal'] as const)
          for (const lost of ['order', 'ids', 'members', 'distinct', 'counts']) {
            const board = open({ ties, ranks, update: 'sum' })
            await board.submitMany(ids.map((id, index) => ({ id, score: index, data: `old ${id}` })))
            const prefix = `board:board ${boards}`
            const key = `${prefix}:{${prefix}:0}:${lost}`
            const [deleted] = await connection.send([{ key, args: ['DEL', key] }])
            if (deleted?.value === 0) continue
            const rows = await board.top(100)
            assert.ok(rows.length === 0 || rows.length === ids.length)
            for (const id of ids) {
              const row = await board.get(id)
              if (row !== null)
                assert.deepEqual(
                  row,
                  rows.find((one) => one.id === id),
                )
              for (const one of await board.around(id, 1)) assert.ok(ids.includes(one.id))
            }
            await board.submit('b', 7)
            await board.submit('c', 7)
            const second = ranks === 'ordinal' ? 2 : 1
            assert.deepEqual(
              await board.top(100),
              [
                { id: 'b', score: 7, rank: 1, data: undefined },
                { id: 'c', score: 7, rank: second, data: undefined },
              ],
              `${ties} ${ranks} ${lost}`,
            )
            assert.deepEqual(await board.getMany(['a', 'c']), [null, { id: 'c', score: 7, rank: second, data: undefined }])
          }
    })

    it('refuses a sum that no double can hold, and changes nothing', async () => {
      for (const ties of ['first', 'name'] as const) {
        const board = open({ update: 'sum', ties, ranks: 'dense' })
        await board.submit('a', Number.MAX_VALUE, 'kept')
        await usage(() =>
          board.submitMany([
            { id: 'b', score: 1 },
            { id: 'a', score: Number.MAX_VALUE, data: 'lost' },
          ]),
        )
        assert.deepEqual(await board.top(3), [{ id: 'a', score: Number.MAX_VALUE, rank: 1, data: 'kept' }])
        assert.deepEqual(await board.submit('a', -Number.MAX_VALUE), { id: 'a', score: 0, changed: true })
      }
    })

    it('takes a thousand members at once, and gives two thousand with their data', async () => {
      for (const ties of ['first', 'name'] as const)
        for (const shards of [1, 3]) {
          const board = open({ ties, shards, ranks: 'ordinal', most: 2_500 })
          const all = Array.from({ length: 3_000 }, (_, index) => ({ id: `${index}`, score: -index, data: { index } }))
          for (const from of [0, 1_000, 2_000]) await board.submitMany(all.slice(from, from + 1_000))
          assert.equal(await board.size(), shards === 1 ? 2_500 : 3_000)
          const found = await board.getMany(all.slice(0, 1_000).map(({ id }) => id))
          assert.deepEqual(
            found.map((row) => row?.rank),
            all.slice(0, 1_000).map((_, index) => index + 1),
          )
          assert.deepEqual(
            (await board.around('1200', 1_000)).map((row) => [row.id, row.rank, row.data]),
            all.slice(200, 2_201).map(({ id, data }, index) => [id, 201 + index, data]),
          )
          assert.equal(await board.remove(...all.slice(0, 1_000).map(({ id }) => id)), 1_000)
        }
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

    it('takes another one in as a whole, also where its period ends meanwhile', async () => {
      const day = 86_400_000
      let now = Date.UTC(2100, 0, 1)
      const daily = open({ period: 'daily', now: () => now })
      const other = open()
      for (const from of [0, 1_000])
        await other.submitMany(Array.from({ length: 1_000 }, (_, index) => ({ id: `${from + index}`, score: index })))
      const late: typeof other = {
        ...other,
        page: async (number, size) => {
          if (number === 2) now += day
          return other.page(number, size)
        },
      }
      assert.equal(await daily.merge(late), 2_000)
      assert.equal(await daily.at(now - day).size(), 2_000)
      assert.equal(await daily.size(), 0)
    })

    it('says what makes no sense, and changes nothing', async () => {
      const board = open()
      for (const score of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
        await usage(() => board.submit('a', score))
      await usage(() => board.submit('a', '1' as unknown as number))
      await usage(() => board.submit('', 1))
      await usage(() => board.submit('\ud800', 1))
      await usage(() => board.get('\udfff a'))
      for (const data of [1n, () => 1, { deep: { self: 1n } }]) await usage(() => board.submit('a', 1, data))
      await usage(() =>
        board.submitMany([
          { id: 'a', score: 1 },
          { id: 'a', score: 2 },
        ]),
      )
      await usage(() => board.submitMany(Array.from({ length: 1_001 }, (_, index) => ({ id: `${index}`, score: 1 }))))
      for (const count of [1_001, -1, 1.5, Number.NaN, '3' as unknown as number]) {
        await usage(() => board.top(count))
        await usage(() => board.page(1, count))
        await usage(() => board.around('a', count))
        await usage(() => board.around('a', 1, count))
        await usage(() => board.byScore(0, 1, { count }))
      }
      for (const number of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) await usage(() => board.page(number, 10))
      await usage(() => board.byScore(0, 1, { offset: -1 }))
      await usage(() => board.byScore(Number.NaN, 1))
      await usage(() => board.byScore('0' as unknown as number, 1))
      for (const percentile of [101, -1, Number.NaN]) await usage(() => board.scoreAt(percentile))
      for (const limit of [-1, 1.5, Number.NaN]) await usage(() => board.merge(open(), limit))
      await usage(() => open({ ranks: 'dense', shards: 2 }))
      for (const name of ['a{b}', '', '\ud800']) await usage(() => open({ name }))
      for (const wrong of [{ order: 'asc' }, { update: 'max' }, { ranks: 'olympic' }, { ties: 'last' }, { period: 'yearly' }])
        await usage(() => open(wrong as unknown as Partial<LeaderboardOptions>))
      const daily = open({ period: 'daily' })
      for (const moment of [Number.NaN, Number.POSITIVE_INFINITY, 8.64e15 + 1, new Date() as unknown as number])
        await usage(() => daily.at(moment).top(1))
      await usage(() => open({ period: 'daily', now: () => Number.NaN }).size())
      await usage(() => daily.at(8.64e15).submit('a', 1))
      assert.equal(await board.size(), 0)
      assert.equal(await board.get('a'), null)
      assert.equal(await board.percentile('a'), null)
      assert.equal(await board.scoreAt(50), null)
      assert.deepEqual(await board.getMany([]), [])
      assert.deepEqual(await board.page(Number.MAX_SAFE_INTEGER, 1), [])
      assert.deepEqual(await board.byScore(1, 0), [])
    })
  })
