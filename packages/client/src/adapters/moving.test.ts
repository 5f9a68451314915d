/** Slots that move under load, and nodes that come, go, and are other ones at the same address. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Logger } from '@valkey/valkey-glide'
import { type Connect, run, script } from '../connection/connection.ts'
import { slotOf } from '../connection/slot.ts'
import { isCacheError } from '../errors.ts'
import { openServers, until } from '../testing/servers.ts'
import { addNode, clusterArgs, idOf, move } from '../testing/slots.ts'
import { connectGlide } from './glide.ts'
import { connectIoredis } from './ioredis.ts'
import { connectNodeRedis } from './node-redis.ts'

Logger.init('off')

const both = script("redis.call('INCR', KEYS[1]) return redis.call('INCR', KEYS[2])")
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

for (const [name, connect] of [
  ['@redis/client', connectNodeRedis],
  ['ioredis', connectIoredis],
  ['GLIDE', connectGlide],
] as const satisfies readonly (readonly [string, Connect])[]) {
  test(`${name}: while slots move, also to a shard that had none, nothing fails and nothing is done twice`, async () => {
    await using servers = await openServers()
    const nodes = await servers.cluster(2)
    const [a, b] = nodes
    // Not that it becomes a replica when it has nothing any longer.
    const c = await servers.start([...clusterArgs, '--cluster-allow-replica-migration', 'no'])
    assert.ok(a && b)
    await addNode(nodes, c)
    await c.command('CLUSTER', 'SET-CONFIG-EPOCH', '9').catch(() => undefined) // it has taken one by itself
    // Whose slots are the first shard's.
    const tags = Array.from({ length: 400 }, (_, index) => `m${index}`)
      .filter((tag) => slotOf(`{${tag}}`) < 8_000)
      .slice(0, 4)
    const connection = await connect({ url: a.url, commandTimeout: 2_000 })
    const expected = new Map<string, number>()
    let isDone = false
    let calls = 0
    const epochs = new Set<string>()
    const load = async (tag: string) => {
      while (!isDone) {
        const key = `{${tag}}:${calls % 5}`
        const other = `{${tag}}:s${calls % 3}`
        calls += 1
        const answers = await connection.send([
          { key, args: ['INCR', key] },
          { key, args: ['GET', key] },
          run(both, [other, `${other}:x`]),
        ])
        for (const { epoch } of answers) epochs.add(epoch)
        expected.set(key, (expected.get(key) ?? 0) + 1)
        expected.set(other, (expected.get(other) ?? 0) + 1)
        expected.set(`${other}:x`, (expected.get(`${other}:x`) ?? 0) + 1)
      }
    }
    try {
      const loads = tags.map(load)
      const failed = Promise.all(loads)
      failed.catch(() => undefined) // below
      for (const [target, source] of [
        [c, a],
        [b, c],
        [a, b],
      ] as const)
        for (const tag of tags) {
          await Promise.race([
            failed,
            move(
              slotOf(`{${tag}}`),
              source,
              target,
              [a, b, c].filter((one) => one !== source && one !== target),
              () => pause(3),
            ),
          ])
          await pause(20)
        }
      isDone = true
      await failed
      for (const [key, times] of expected) {
        const [answer] = await connection.send([{ key, args: ['GET', key] }])
        assert.equal(Number(answer?.value), times, key)
      }
      assert.ok(calls > 50, `${calls} calls`)
      const own = [...epochs].filter((epoch) => !epoch.includes('~'))
      assert.equal(own.length, 3, 'each shard has its own epoch')
      assert.ok(epochs.size > own.length, 'and another one while a slot is on its way')
    } finally {
      isDone = true
      await connection.close()
    }
  })

  test(`${name}: what a node answers that a key is on its way to has that node’s epoch, too, and its errors are told as they are`, async () => {
    await using servers = await openServers()
    const [a, b] = await servers.cluster(2)
    assert.ok(a && b)
    const key = Array.from({ length: 100 }, (_, index) => `e${index}`).find((one) => slotOf(one) < 8_000) ?? ''
    const slot = String(slotOf(key))
    const connection = await connect({ url: a.url, commandTimeout: 300 })
    const epoch = async () => (await connection.send([{ key, args: ['GET', key] }]))[0]?.epoch ?? ''
    try {
      await b.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', await idOf(a))
      await a.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', await idOf(b))
      await connection.send([{ key, args: ['SET', key, 'text'] }])
      const before = await epoch()
      await assert.rejects(connection.send([{ key, args: ['LPUSH', key, 'x'] }]), (error: unknown) =>
        isCacheError(error, 'refused'),
      )
      // One of two keys is there: nobody can do both, for as long as it lasts.
      await a.command('SET', `{${key}}x`, '1').catch(() => undefined)
      await b.kill()
      await assert.rejects(epoch(), (error: unknown) => isCacheError(error, 'unavailable'))
      await b.restart()
      await b.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', await idOf(a)).catch(() => undefined) // it has remembered
      let after = ''
      await until('it answers', () =>
        epoch().then(
          (now) => {
            after = now
            return true
          },
          () => false,
        ),
      )
      assert.notEqual(after, before)
    } finally {
      await connection.close()
    }
  })

  test(`${name}: a shard’s failover is followed, and the old primary, which is a replica now, is not taken for one`, async () => {
    await using servers = await openServers()
    const [a, b] = await servers.cluster(3, 1)
    assert.ok(a && b)
    const connection = await connect({ url: b.url })
    const key = Array.from({ length: 100 }, (_, index) => `f${index}`).find((one) => slotOf(one) < 5_000) ?? ''
    const ask = () =>
      connection.send([{ key, args: ['INCR', key] }]).then(
        ([answer]) => answer ?? null,
        () => null,
      )
    try {
      const before = await ask()
      await a.kill()
      await until('the replica is asked', async () => {
        const now = await ask()
        return now !== null && now.epoch !== before?.epoch
      })
      await a.restart()
      await until('it follows', async () => /role:slave/.test(String(await a.command('INFO', 'replication'))))
      for (let turn = 0; turn < 50; turn += 1) assert.notEqual(await ask(), null)
    } finally {
      await connection.close()
    }
  })

  test(`${name}: another cluster’s node at the address of one that was taken out is not believed`, async () => {
    await using servers = await openServers()
    const nodes = await servers.cluster(3)
    const [a, b, c] = nodes
    const strangers = await servers.cluster(2)
    assert.ok(a && b && c)
    const connection = await connect({ url: b.url })
    const key = Array.from({ length: 100 }, (_, index) => `g${index}`).find((one) => slotOf(one) < 5_000) ?? ''
    const slot = String(slotOf(key))
    const set = (value: string) => connection.send([{ key, args: ['SET', key, value] }])
    try {
      await set('one')
      await a.command('FLUSHALL')
      await a.command('CLUSTER', 'RESET', 'HARD')
      await a.command('CLUSTER', 'SAVECONFIG')
      await a.kill()
      await a.restart()
      await addNode(strangers, a)
      const id = await idOf(a)
      for (const node of [a, ...strangers]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', id)
      assert.equal(await a.command('SET', key, 'theirs'), 'OK')
      // Nobody has the slot until the group has given it to another one.
      for (let turn = 0; turn < 50; turn += 1) {
        await assert.rejects(set('ours'), (error: unknown) => isCacheError(error, 'unavailable'))
        await pause(20)
      }
      const next = await idOf(b)
      for (const node of [b, c]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', next)
      await until('the other one is asked', () =>
        set('ours').then(
          () => true,
          () => false,
        ),
      )
      assert.equal(await b.command('GET', key), 'ours')
      assert.equal(await a.command('GET', key), 'theirs')
    } finally {
      await connection.close()
    }
  })

  test(`${name}: all nodes away, and back at their addresses or behind the one that was given`, async () => {
    await using servers = await openServers()
    const nodes = await servers.cluster(2)
    const connection = await connect({ url: nodes[0]?.url ?? '' })
    const ask = () =>
      connection.send(['a', 'b', 'c', 'd'].map((key) => ({ key, args: ['SET', key, 'x'] }))).then(
        () => true,
        () => false,
      )
    try {
      assert.ok(await ask())
      await Promise.all(nodes.map((node) => node.kill()))
      await until('it has noticed', async () => !(await ask()))
      for (let turn = 0; turn < 20; turn += 1) {
        assert.equal(await ask(), false)
        await pause(20)
      }
      await Promise.all(nodes.map((node) => node.restart()))
      await until('it answers', ask)
    } finally {
      await connection.close()
    }
  })
}
