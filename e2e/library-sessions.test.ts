/** Sessions and leaderboards of the application library on groups of Larder with TLS, by each client, while a primary dies: what was acknowledged by the replicas is there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Logger } from '@valkey/valkey-glide'
import { connectGlide } from '../packages/client/src/adapters/glide.ts'
import { connectIoredis } from '../packages/client/src/adapters/ioredis.ts'
import { type Connect, type Connection, connectNodeRedis } from '../packages/client/src/index.ts'
import { createLeaderboard } from '../packages/client/src/leaderboards/index.ts'
import { createSessions } from '../packages/client/src/sessions/index.ts'
import { create } from './support/groups.ts'
import { whereIs } from './support/library.ts'
import { startTestService, until } from './support/service.ts'
import { signalEngine } from './support/signals.ts'

Logger.init('off')

const clients: readonly (readonly [string, Connect])[] = [
  ['@redis/client', connectNodeRedis],
  ['ioredis', connectIoredis],
  ['GLIDE', connectGlide],
]

/** Sessions of one client, and a board of its own. */
const using = (name: string, connection: Connection) => {
  const sessions = createSessions(connection, { namespace: `sessions-${name}` })
  const board = createLeaderboard(connection, { name: `board-${name}`, shards: 4 })
  const ids = Array.from({ length: 20 }, (_, index) => `s${index}`)
  return {
    fill: async (): Promise<void> => {
      for (const id of ids) {
        await sessions.set(id, { user: id }, null)
        await board.submit(id, Number(id.slice(1)))
      }
      await sessions.destroy('s0')
      // All that was sent before on the connection to that shard.
      for (const id of [...ids, ...ids.map((one) => `board ${one}`)])
        await connection.send([{ key: id, args: ['WAIT', '1', '2000'] }], { timeout: 3_000 })
    },
    /** Nothing that was acknowledged is missing, and who has logged out is out. Rejects while nobody answers. */
    check: async (): Promise<void> => {
      assert.equal(await sessions.get('s0'), null)
      for (const id of ids.slice(1)) {
        const found = await sessions.get(id)
        assert.ok(found, `${id} is there`)
        const { user } = found.data
        assert.equal(user, id)
        const stored = await sessions.set(id, { user, seen: true }, found)
        assert.equal(stored.kind, 'stored')
      }
      assert.equal(
        (await sessions.set('s0', { user: 'late' }, { data: {}, text: '{}', version: 'x', left: 1 })).kind,
        'destroyed',
      )
      assert.deepEqual(
        (await board.top(3)).map(({ id, rank }) => [id, rank]),
        [
          ['s19', 1],
          ['s18', 2],
          ['s17', 3],
        ],
      )
      assert.equal(await board.size(), ids.length)
    },
    close: () => connection.close(),
  }
}

for (const shards of [null, 2])
  test(`sessions and leaderboards on a group ${shards === null ? 'without' : 'in'} cluster mode live on when a primary dies`, async () => {
    await using service = await startTestService()
    const id = 'state'
    await create(service, id, {
      ...(shards === null ? { NumCacheClusters: 3 } : { NumNodeGroups: shards, ReplicasPerNodeGroup: 1 }),
      TransitEncryptionEnabled: true,
    })
    const found = await whereIs(service, id)
    const tls = { ca: service.larder('ca') }
    const all = await Promise.all(clients.map(async ([name, connect]) => using(name, await connect({ ...found, tls }))))
    try {
      await Promise.all(all.map(({ fill }) => fill()))
      const primary = (await service.nodes()).find(({ role }) => role === 'primary')
      signalEngine(service.home, primary?.pid, 'SIGKILL')
      await until(
        'another primary',
        async () => (await service.nodes()).find((node) => node.id === primary?.id)?.role === 'replica',
      )
      for (const { check } of all) {
        let last: unknown
        const works = await until(
          'it answers',
          () =>
            check().then(
              () => 'as it should',
              (error: unknown) => {
                last = error
                // What is wrong does not become right.
                return error instanceof assert.AssertionError ? 'not as it should' : undefined
              },
            ),
          10_000,
        )
        assert.equal(works, 'as it should', String(last))
      }
    } finally {
      await Promise.all(all.map(({ close }) => close()))
    }
  })
