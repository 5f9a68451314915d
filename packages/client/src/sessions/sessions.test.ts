/** Sessions on real servers. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connectNodeRedis } from '../adapters/node-redis.ts'
import type { Connection } from '../connection/connection.ts'
import { isCacheError } from '../errors.ts'
import { engines, openServers, type Server, type Servers, until } from '../testing/servers.ts'
import { createSessions, type Session, type SessionsOptions } from './sessions.ts'

for (const kind of ['single', 'cluster'] as const)
  describe(`sessions on ${kind === 'cluster' ? 'a cluster' : 'one server'}`, () => {
    let servers: Servers
    let nodes: readonly Server[]
    let connection: Connection
    before(async () => {
      servers = await openServers()
      nodes = kind === 'cluster' ? await servers.cluster(3) : [await servers.start()]
      connection = await connectNodeRedis({ url: nodes[0]?.url ?? '' })
    })
    after(async () => {
      await connection.close()
      await servers[Symbol.asyncDispose]()
    })
    let spaces = 0
    const open = (options: SessionsOptions = {}) => {
      spaces += 1
      const namespace = `test${spaces}`
      // Two instances of a back end.
      return [
        createSessions(connection, { namespace, ...options }),
        createSessions(connection, { namespace, ...options }),
      ] as const
    }
    const callsOf = async (command: string): Promise<number> => {
      let calls = 0
      for (const node of nodes) {
        const text = String(await node.command('INFO', 'commandstats'))
        calls += Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(text)?.[1] ?? 0)
      }
      return calls
    }
    const read = async (sessions: ReturnType<typeof createSessions>, id: string): Promise<Session> => {
      const session = await sessions.get(id)
      assert.ok(session)
      return session
    }

    it('keeps what is set for everybody, until its time is over', async () => {
      const [one, other] = open()
      assert.equal(await one.get('none'), null)
      await one.set('s', { user: 1, list: [{ a: 'é' }] }, null)
      assert.deepEqual((await other.get('s'))?.data, { user: 1, list: [{ a: 'é' }] })
      await one.set('short', { a: 1 }, null, { ttl: 30 })
      await delay(50)
      assert.equal(await other.get('short'), null)
      assert.equal(await other.touch('short'), false)
    })

    it('loses neither of two changes that were made at once', async () => {
      const [one, other] = open()
      await one.set('s', { user: 1 }, null)
      const [a, b] = [await read(one, 's'), await read(other, 's')]
      await one.set('s', { ...a.data, cart: ['x'] }, a)
      const stored = await other.set('s', { ...b.data, language: 'en' }, b)
      assert.ok(stored.kind === 'stored')
      assert.deepEqual(stored.session.data, { user: 1, cart: ['x'], language: 'en' })
      assert.deepEqual((await read(one, 's')).data, stored.session.data)
    })

    it('loses nothing when a request stores what it has a second time, after it was merged', async () => {
      const [one, other] = open()
      await one.set('s', {}, null)
      const [a, b] = [await read(one, 's'), await read(other, 's')]
      await other.set('s', { b: 1 }, b)
      const first = await one.set('s', { a: 1 }, a)
      assert.ok(first.kind === 'stored')
      const second = await one.set('s', { a: 1, c: 1 }, first.base)
      assert.ok(second.kind === 'stored')
      assert.deepEqual((await read(other, 's')).data, { a: 1, b: 1, c: 1 })
      const third = await one.set('s', { c: 1 }, second.base)
      assert.ok(third.kind === 'stored')
      assert.deepEqual((await read(other, 's')).data, { b: 1, c: 1 })
    })

    it('takes the later change of one field, or refuses it', async () => {
      const [one, other] = open()
      await one.set('s', { n: 1 }, null)
      const [a, b] = [await read(one, 's'), await read(other, 's')]
      await one.set('s', { n: 2 }, a)
      await other.set('s', { n: 3 }, b)
      assert.deepEqual((await read(one, 's')).data, { n: 3 })
      const [strict, same] = open({ conflict: 'refuse' })
      await strict.set('s', { n: 1, m: 1 }, null)
      const [c, d] = [await read(strict, 's'), await read(same, 's')]
      await strict.set('s', { n: 2, m: 1 }, c)
      await assert.rejects(
        same.set('s', { n: 3, m: 1 }, d),
        (error: unknown) => isCacheError(error, 'conflict') && /changed n/.test(error.message),
      )
      await same.set('s', { n: 1, m: 2 }, d)
      assert.deepEqual((await read(strict, 's')).data, { n: 2, m: 2 })
    })

    it('loses none of many changes that are made at once', async () => {
      const [one, other] = open()
      await one.set('s', {}, null)
      const base = await read(one, 's')
      await Promise.all(
        Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? one : other).set('s', { [`field${index}`]: index }, base)),
      )
      assert.equal(Object.keys((await read(one, 's')).data).length, 8)
    })

    it('loses none of a crowd of changes, by several back ends', async () => {
      const stores = [...open(), createSessions(connection, { namespace: `test${spaces}` })]
      const [one] = stores
      assert.ok(one)
      await one.set('s', {}, null)
      const base = await read(one, 's')
      await Promise.all(Array.from({ length: 90 }, (_, index) => stores[index % 3]?.set('s', { [`field${index}`]: index }, base)))
      assert.equal(Object.keys((await read(one, 's')).data).length, 90)
    })

    it('does not bring back what was destroyed, by a slow request', async () => {
      const [one, other] = open({ tombstone: 60_000 })
      await one.set('s', { user: 1 }, null)
      const slow = await read(other, 's')
      await one.destroy('s')
      assert.equal((await other.set('s', { ...slow.data, seen: true }, slow)).kind, 'destroyed')
      assert.equal((await other.set('s', { user: 1 }, null)).kind, 'destroyed')
      assert.equal(await other.touch('s'), false)
      assert.equal(await one.get('s'), null)
      const [short] = open({ tombstone: 20 })
      await short.set('s', {}, null)
      await short.destroy('s')
      await delay(40)
      assert.equal((await short.set('s', { old: true }, slow)).kind, 'destroyed', 'it was read as something that is not there')
      assert.equal((await short.set('s', { new: true }, null)).kind, 'stored')
    })

    it('writes a touch only when a part of the time has passed', async () => {
      const [one, other] = open({ ttl: 2_000, touchAfter: 0.2 })
      await one.set('s', {}, null)
      await read(other, 's')
      const before = (await callsOf('evalsha')) + (await callsOf('eval'))
      for (let turn = 0; turn < 20; turn += 1) for (const each of [one, other]) assert.equal(await each.touch('s'), true)
      assert.equal((await callsOf('evalsha')) + (await callsOf('eval')), before)
      await delay(500)
      assert.equal(await one.touch('s'), true)
      await delay(1_700)
      assert.notEqual(await one.get('s'), null, 'it was prolonged')
    })

    it('writes no touch for a cookie that counts down, but one for a shorter time', async () => {
      const [one, other] = open()
      await one.set('s', {}, null, { ttl: 3_600_000 })
      await read(other, 's')
      const before = await callsOf('pexpire')
      for (const each of [one, other]) assert.equal(await each.touch('s', 3_600_000 - 900), true)
      assert.equal(await callsOf('pexpire'), before)
      await one.touch('s', 60_000)
      assert.equal(await callsOf('pexpire'), before + 1)
      await until('the other one has seen it', async () => (await read(other, 's')).left <= 60_000)
      await other.touch('s', 3_600_000)
      await until('the first one has seen that', async () => (await read(one, 's')).left > 60_000)
    })

    it('asks for the end of a session once for the requests that come together', async () => {
      const [one, other] = open({ ttl: 60_000 })
      await one.set('s', {}, null)
      const before = await callsOf('pttl')
      for (let turn = 0; turn < 10; turn += 1) for (const each of [one, other]) assert.ok((await read(each, 's')).left > 50_000)
      const asked = (await callsOf('pttl')) - before
      assert.ok(asked >= 1 && asked <= 10, `${asked} times`)
      await until('it is asked for again', async () => {
        await read(one, 's')
        return (await callsOf('pttl')) > before + asked
      })
    })

    it('leaves the list and the end alone when a session is changed soon after', async () => {
      const [one, other] = open({ ttl: 2_000, touchAfter: 0.2 })
      await one.set('s', { n: 0 }, null)
      let session = await read(other, 's')
      const before = await callsOf('zadd')
      for (let n = 1; n <= 10; n += 1) {
        const stored = await other.set('s', { n }, session)
        assert.ok(stored.kind === 'stored')
        session = stored.base
      }
      assert.equal(await callsOf('zadd'), before)
      assert.ok(session.left <= 2_000 && session.left > 0)
      await delay(500)
      const stored = await other.set('s', { n: 11 }, await read(other, 's'))
      assert.ok(stored.kind === 'stored' && stored.session.left === 2_000)
      assert.equal(await callsOf('zadd'), before + 1)
      await delay(1_700)
      assert.deepEqual((await read(one, 's')).data, { n: 11 }, 'it was prolonged')
      // Another time than the one that it has counts at once, also where it is merged with the change of somebody who wanted another one.
      const [a, b] = [await read(one, 's'), await read(other, 's')]
      await one.set('s', { n: 12 }, a, { ttl: 60_000 })
      assert.ok((await read(one, 's')).left > 2_000)
      await other.set('s', { n: 11, m: 1 }, b)
      assert.deepEqual((await read(one, 's')).data, { n: 12, m: 1 })
      const [own] = open({ namespace: `test${spaces}` })
      assert.ok((await read(own, 's')).left <= 2_000)
    })

    it('counts, lists and clears, without what has ended', async () => {
      const [one, other] = open({ buckets: 4 })
      await one.set('gone', {}, null, { ttl: 20 })
      for (let index = 0; index < 700; index += 1) await (index % 2 === 0 ? one : other).set(`s${index}`, { index }, null)
      await delay(40)
      assert.equal(await one.length(), 700)
      const listed = new Map<string, unknown>()
      for await (const { id, data } of other.all()) listed.set(id, data['index'])
      assert.equal(listed.size, 700)
      assert.equal(listed.get('s333'), 333)
      await one.destroy('s1')
      assert.equal(await one.length(), 699)
      const slow = await read(one, 's2')
      await other.clear()
      assert.equal(await one.length(), 0)
      assert.equal((await one.set('s2', {}, slow)).kind, 'destroyed')
      for await (const each of one.all()) assert.fail(each.id)
    })

    it('seals what it stores, for keys that are changed one after the other', async () => {
      const [old, next] = ['old', 'next'].map((id) => ({ id, key: randomBytes(32) }))
      assert.ok(old && next)
      const namespace = 'sealed'
      const [first, both, last] = [[old], [next, old], [next]].map((keys) => createSessions(connection, { namespace, keys }))
      assert.ok(first && both && last)
      await first.set('s', { secret: 'a very secret text' }, null)
      const raw = async (id: string) => {
        for (const node of nodes)
          for (const key of (await node.command('KEYS', `${namespace}:*:${id}`)) as readonly string[])
            return { node, key, value: String(await node.command('GET', key)) }
        return assert.fail(id)
      }
      assert.doesNotMatch((await raw('s')).value, /secret/)
      const session = await read(both, 's')
      assert.deepEqual(session.data, { secret: 'a very secret text' })
      assert.equal(await last.get('s'), null, 'a key that is gone opens nothing')
      await both.set('s', { ...session.data, more: 1 }, session)
      assert.deepEqual((await read(last, 's')).data, { secret: 'a very secret text', more: 1 })
      // Neither can what was sealed for one session be put in the place of another, nor can it be changed, nor be left unsealed.
      await both.set('other', { admin: true }, null)
      const [own, other] = [await raw('s'), await raw('other')]
      for (const [value, why] of [
        [`1${'x'.repeat(12)}${Buffer.from('\u0000{"admin":true}').toString()}`, 'unsealed'],
        ['1short', 'no session'],
      ] as const) {
        await own.node.command('SET', own.key, value)
        assert.equal(await both.get('s'), null, why)
      }
      assert.equal(other.key.endsWith(':other'), true)
      if (own.node === other.node && kind === 'single') {
        await own.node.command('COPY', other.key, own.key, 'REPLACE')
        assert.equal(await both.get('s'), null, 'of another session')
      }
    })

    it('takes ids of every kind, and what is no session for none', async () => {
      const [one, other] = open()
      const ids = ['__proto__', 'constructor', '{a}b', '}{', 'a\u0000\r\n', ' ', '🙂', 'x'.repeat(100_000)]
      for (const [n, id] of ids.entries()) await one.set(id, { n }, null)
      for (const [n, id] of ids.entries()) assert.deepEqual((await read(other, id)).data, { n })
      const listed: string[] = []
      for await (const { id } of other.all()) listed.push(id)
      assert.deepEqual(listed.sort(), [...ids].sort())
      const large = { text: 'é'.repeat(3_000_000) }
      await one.set('large', large, null)
      assert.deepEqual((await read(other, 'large')).data, large)
      for (const id of ['large', ...ids]) await other.destroy(id)
      assert.equal(await one.length(), 0)
      await one.set('broken', { a: 1 }, null)
      const keys = await Promise.all(nodes.map((node) => node.command('KEYS', `test${spaces}:*:broken`)))
      const at = keys.findIndex((found) => Array.isArray(found) && found.length === 1)
      const [key] = keys[at] as readonly string[]
      for (const text of ['{"a":', 'null', '"text"', '[1]']) {
        await nodes[at]?.command('SET', String(key), `1${'x'.repeat(12)}\u0000${text}`)
        assert.equal(await one.get('broken'), null, text)
        for await (const each of one.all()) assert.fail(each.id)
      }
    })

    it('says what makes no sense', async () => {
      const [one] = open()
      const usage = (work: () => unknown) =>
        assert.rejects(
          async () => work(),
          (error: unknown) => isCacheError(error, 'usage'),
        )
      await usage(() => one.get(''))
      await usage(() => one.set('s', {}, null, { ttl: -1 }))
      await usage(() => one.set('s', {}, null, { ttl: 1e300 }))
      for (const data of [null, undefined, 'text', 7, [1]]) await usage(() => one.set('s', data as unknown as object, null))
      for (const options of [
        { ttl: 0 },
        { tombstone: 0 },
        { tombstone: Number.NaN },
        { conflict: 'mrege' as 'merge' },
        { buckets: 16_385 },
        { namespace: 7 as unknown as string },
      ])
        await usage(() => createSessions(connection, options))
      await usage(() => createSessions(connection, { touchAfter: 1 }))
      await usage(() => createSessions(connection, { keys: [{ id: 'short', key: Buffer.alloc(16) }] }))
      await usage(() => createSessions(connection, { namespace: 'a{b' }))
    })
  })

for (const engine of engines)
  it(`changes of ${engine.engine} ${engine.version} are compared, by a script where the server cannot do it by itself`, async () => {
    await using servers = await openServers()
    const server = await servers.start([], engine)
    const connection = await connectNodeRedis({ url: server.url })
    try {
      const [one, other] = [createSessions(connection), createSessions(connection)]
      const scripts = async (): Promise<number> => {
        const stats = String(await server.command('INFO', 'commandstats'))
        return Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(stats)?.[1] ?? 0)
      }
      const change = async (data: object): Promise<void> => {
        const stored = await one.set('s', data, await one.get('s'))
        assert.equal(stored.kind, 'stored')
        assert.deepEqual((await other.get('s'))?.data, data)
      }
      await one.set('s', { n: 0 }, null)
      await change({ n: 1 })
      const before = await scripts()
      for (let n = 2; n < 12; n += 1) await change({ n, text: 'é\u0000🙂' })
      const knows = await server.command('SET', 'other', 'b', 'IFEQ', 'a').then(
        () => true,
        () => false,
      )
      assert.equal((await scripts()) - before, knows ? 0 : 10)
      await change({ long: 'x'.repeat(2_000) })
      await change({ long: 'x'.repeat(2_000), n: 1 })
      assert.equal((await scripts()) - before, knows ? 1 : 12, 'what is long is not sent a second time')

      await change({ n: 0 })
      const [a, b, late] = [await one.get('s'), await other.get('s'), await other.get('s')]
      await one.set('s', { n: 0, a: 1 }, a)
      const stored = await other.set('s', { n: 0, b: 1 }, b)
      assert.ok(stored.kind === 'stored')
      assert.deepEqual(stored.session.data, { n: 0, a: 1, b: 1 })
      await other.set('s', { n: 0, b: 2 }, stored.base)
      assert.deepEqual((await one.get('s'))?.data, { n: 0, a: 1, b: 2 })
      await one.destroy('s')
      assert.equal((await other.set('s', { n: 1 }, late)).kind, 'destroyed')
      assert.equal(await one.get('s'), null)
    } finally {
      await connection.close()
    }
  })
