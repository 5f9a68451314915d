/** Boards of several shards, and of several engines and clients. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { connectGlide } from '../adapters/glide.ts'
import { connectIoredis } from '../adapters/ioredis.ts'
import { connectNodeRedis } from '../adapters/node-redis.ts'
import type { Connection } from '../connection/connection.ts'
import { engines, openServers, type Server, type Servers, until } from '../testing/servers.ts'
import { createLeaderboard } from './leaderboard.ts'

describe('leaderboards over shards', () => {
  let servers: Servers
  let nodes: readonly Server[]
  let connection: Connection
  before(async () => {
    servers = await openServers()
    nodes = await servers.cluster(2)
    connection = await connectNodeRedis({ url: nodes[0]?.url ?? '', commandTimeout: 10_000 })
  })
  after(async () => {
    await connection.close()
    await servers[Symbol.asyncDispose]()
  })

  const members = 30_000
  /** Few scores, so that equals stand on both sides of every page. */
  const all = Array.from({ length: members }, (_, index) => ({
    id: `m${(index * 7_919) % members}`,
    score: Math.floor(index / 400),
    ...(index % 3 === 0 ? { data: index } : {}),
  }))

  for (const ranks of ['competition', 'ordinal'] as const)
    it(`give any page of a board, however far down, with ${ranks} ranks`, async () => {
      let trips = 0
      const counting: Connection = {
        ...connection,
        send: (commands, options) => {
          trips += 1
          return connection.send(commands, options)
        },
      }
      const board = createLeaderboard<number>(counting, { name: `deep ${ranks}`, ranks, ties: 'name', shards: 3 })
      for (let from = 0; from < members; from += 1_000) await board.submitMany(all.slice(from, from + 1_000))
      const sorted = [...all].sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
      const rows = sorted.map(({ id, score, data }, place) => ({
        id,
        score,
        rank: ranks === 'ordinal' ? place + 1 : 1 + Math.floor(place / 400) * 400,
        data,
      }))
      for (const [number, size] of [
        [2, 1_000],
        [3, 1_000],
        [9, 1_000],
        [29, 997],
        [30, 1_000],
        [31, 1_000],
        [2_001, 1],
        [17_003, 1],
        [members, 1],
        [members + 1, 1],
      ] as const) {
        trips = 0
        assert.deepEqual(await board.page(number, size), rows.slice((number - 1) * size, number * size), `page ${number}`)
        const most = number * size <= 2_000 ? 1 : 9
        assert.ok(trips <= most, `${trips} round trips for page ${number}`)
      }
      const within = rows.filter(({ score }) => score >= 10 && score <= 60)
      for (const [offset, count] of [
        [0, 1_000],
        [1_500, 1_000],
        [9_999, 10],
        [within.length - 5, 100],
        [within.length, 100],
      ] as const)
        assert.deepEqual(await board.byScore(10, 60, { offset, count }), within.slice(offset, offset + count), `from ${offset}`)
      for (const percentile of [0, 12.5, 50, 99.9, 100]) {
        const last = rows.findLast((_, place) => place === 0 || (100 * (members - place)) / members >= percentile)
        assert.equal(await board.scoreAt(percentile), last?.score)
      }
    })

  it('are taken in by another board as a whole', async () => {
    const from = createLeaderboard<number>(connection, { name: 'deep ordinal', ranks: 'ordinal', ties: 'name', shards: 3 })
    const board = createLeaderboard<number>(connection, { name: 'all of it', ranks: 'ordinal', ties: 'name' })
    assert.equal(await board.merge(from), members)
    assert.equal(await board.size(), members)
    assert.deepEqual(await board.page(20, 1_000), await from.page(20, 1_000))
  })

  it('write nothing where they are only read', async () => {
    const board = createLeaderboard(connection, { name: 'read', shards: 8 })
    await board.submitMany(Array.from({ length: 100 }, (_, index) => ({ id: `${index}`, score: index % 3, data: index })))
    const changes = async () => {
      const told = await Promise.all(nodes.map((node) => node.command('INFO', 'persistence')))
      return told.map((text) => /^rdb_changes_since_last_save:(\d+)/m.exec(String(text))?.[1])
    }
    const before = await changes()
    await board.getMany(['1', '2', 'nobody'])
    await board.around('50', 5)
    await board.percentile('50')
    await board.scoreAt(50)
    await board.byScore(0, 1)
    await board.page(2, 10)
    await board.get('7')
    assert.deepEqual(await changes(), before)
  })
})

describe('leaderboards on another engine or by another client', () => {
  let servers: Servers
  before(async () => {
    servers = await openServers()
  })
  after(() => servers[Symbol.asyncDispose]())

  it('count each score once for dense ranks, also after the group has got a newer engine', async () => {
    const oldest = await servers.start([], engines.at(-1))
    const newest = await servers.start([], engines[0])
    const open = (connection: Connection) => createLeaderboard(connection, { name: 'dense', update: 'last', ranks: 'dense' })
    const first = await connectNodeRedis({ url: oldest.url })
    await open(first).submitMany(['a', 'b', 'c'].map((id, index) => ({ id, score: [0.1, 0.1, 1 / 3][index] ?? 0, data: id })))
    await first.close()
    await newest.command('REPLICAOF', oldest.address, String(oldest.port))
    await until('the newer one has it all', async () =>
      /master_link_status:up/.test(String(await newest.command('INFO', 'replication'))),
    )
    await newest.command('REPLICAOF', 'NO', 'ONE')
    const second = await connectNodeRedis({ url: newest.url })
    try {
      const board = open(second)
      for (const [id, score] of [
        ['c', 0.2],
        ['b', 0.2],
        ['a', -1],
      ] as const)
        await board.submit(id, score)
      assert.deepEqual(
        (await board.top(5)).map(({ id, rank, data }) => [id, rank, data]),
        [
          ['c', 1, 'c'],
          ['b', 1, 'b'],
          ['a', 2, 'a'],
        ],
      )
      assert.equal(await board.remove('a', 'b', 'c'), 3)
      assert.equal(Number(await newest.command('DBSIZE')), 0)
    } finally {
      await second.close()
    }
  })

  for (const [client, connect] of Object.entries({ ioredis: connectIoredis, GLIDE: connectGlide }))
    it(`are the same by ${client}`, async () => {
      const server = await servers.start()
      const connections = [await connect({ url: server.url }), await connectNodeRedis({ url: server.url })]
      try {
        for (const options of [
          {},
          { shards: 3 },
          { ties: 'name', ranks: 'ordinal' },
          { update: 'sum', ranks: 'dense' },
        ] as const) {
          const [board, same] = connections.map((connection) =>
            createLeaderboard(connection, { name: `race ${JSON.stringify(options).replaceAll(/[{}]/g, '')}`, ...options }),
          )
          assert.ok(board && same)
          await board.submit('é', 0.1, { name: 'ö' })
          await same.submit('😀', 0.1)
          assert.deepEqual(
            await board.submit('😀', 2 ** 53),
            await same.get('😀').then((row) => ({ id: '😀', score: row?.score, changed: true })),
          )
          for (const ask of [
            () => [board.top(3), same.top(3)],
            () => [board.around('é', 2), same.around('é', 2)],
            () => [board.getMany(['é', 'nobody']), same.getMany(['é', 'nobody'])],
            () => [board.byScore(0, 1), same.byScore(0, 1)],
            () => [board.percentile('é'), same.percentile('é')],
            () => [board.scoreAt(50), same.scoreAt(50)],
            () => [board.size(), same.size()],
          ]) {
            const [one, other] = await Promise.all(ask())
            assert.deepEqual(one, other)
          }
          assert.deepEqual(
            (await board.top(3)).map(({ id, data }) => [id, data]),
            [
              ['😀', undefined],
              ['é', { name: 'ö' }],
            ],
          )
        }
      } finally {
        await Promise.all(connections.map((connection) => connection.close()))
      }
    })
})
