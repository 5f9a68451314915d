/** The stores of express-session and @fastify/session, as the two call them, and as an application may. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import session from 'express-session'
import { connectGlide } from '../adapters/glide.ts'
import { connectIoredis } from '../adapters/ioredis.ts'
import { connectNodeRedis } from '../adapters/node-redis.ts'
import type { Connection } from '../connection/connection.ts'
import { isCacheError } from '../errors.ts'
import { openServers, type Server, type Servers, until } from '../testing/servers.ts'
import { createExpressStore, createFastifyStore } from './index.ts'

type Callback = (error?: unknown, value?: unknown) => void
type Fields = Record<string, unknown>

const called = (work: (callback: Callback) => void): Promise<unknown> =>
  new Promise((resolve, reject) =>
    work((error, value) => (error === null || error === undefined ? resolve(value) : reject(error))),
  )

let servers: Servers
let server: Server
let connection: Connection
before(async () => {
  servers = await openServers()
  server = await servers.start()
  connection = await connectNodeRedis({ url: server.url })
})
after(async () => {
  await connection.close()
  await servers[Symbol.asyncDispose]()
})

let spaces = 0
const openExpress = (on = connection) => {
  spaces += 1
  const store = createExpressStore(session, on, { namespace: `express${spaces}` })
  const get = (id: string) => called((callback) => store.get(id, callback)) as Promise<Fields | null>
  const set = (id: string, data: object) => called((callback) => store.set(id, data, callback))
  const touch = (id: string, data: object) => called((callback) => store.touch(id, data, callback))
  const destroy = (id: string) => called((callback) => store.destroy(id, callback))
  /** What a request has. */
  const request = async (id: string): Promise<Fields> => {
    const data = await get(id)
    assert.ok(data)
    return store.createSession({ sessionID: id, sessionStore: store } as never, data as never) as unknown as Fields
  }
  return { store, get, set, touch, destroy, request }
}
const cookie = (maxAge: number) => ({ originalMaxAge: maxAge, expires: new Date(Date.now() + maxAge), httpOnly: true, path: '/' })
const fieldsOf = (data: Fields | null): Fields => {
  const { cookie: _, ...fields } = data ?? {}
  return fields
}

describe('the store of express-session', () => {
  it('knows what a session was read as that the application itself has asked for', async () => {
    const { get, set } = openExpress()
    await set('s', { cookie: cookie(60_000), user: 1, flash: 'hello' })
    const data = await get('s')
    assert.ok(data)
    delete data['flash']
    await set('s', data)
    assert.deepEqual(fieldsOf(await get('s')), { user: 1 })
    await set('copy', data)
    assert.deepEqual(fieldsOf(await get('copy')), { user: 1 }, 'what is copied to another id is a new session')
  })

  it('takes what one request stores twice at once in that order, and not for two requests', async () => {
    const { get, set, request } = openExpress()
    await set('s', { cookie: cookie(60_000), step: 0, gone: true })
    const data = await request('s')
    const first = Object.assign(data, { step: 1 })
    const stored = [set('s', first)]
    delete data['gone']
    Object.assign(data, { step: 0 })
    stored.push(set('s', data))
    Object.assign(data, { step: 9, later: 'not stored' })
    await Promise.all(stored)
    assert.deepEqual(fieldsOf(await get('s')), { step: 0 })
  })

  it('does not end a session that is stored in a handler, after it was touched for longer than its first cookie lasted', async () => {
    const { set, touch, request } = openExpress()
    const life = 400
    const first = cookie(life)
    await set('s', { cookie: first, user: 1 })
    await until('the first cookie is over', async () => {
      const data = await request('s')
      const own = data['cookie'] as { maxAge: number; originalMaxAge: number }
      own.maxAge = own.originalMaxAge // as the session does at the end of a request
      await touch('s', data)
      return first.expires.getTime() < Date.now()
    })
    const data = await request('s')
    await set('s', Object.assign(data, { saved: true }))
    await delay(20)
    assert.deepEqual(fieldsOf(await request('s')), { user: 1, saved: true })
  })

  it('does not write a session whose cookie has lost a millisecond, and does where it was given another age', async () => {
    const { store, set, request } = openExpress()
    await set('s', { cookie: cookie(60_000), user: 1 })
    const versionOf = async () => {
      const [key] = (await server.command('KEYS', `express${spaces}:*:s`)) as readonly string[]
      return String(await server.command('GETRANGE', key ?? '', '0', '12'))
    }
    const before = await versionOf()
    const data = await request('s')
    const own = data['cookie'] as { maxAge: number; originalMaxAge: number }
    own.originalMaxAge = 59_999
    await called((callback) => store.set('s', data, callback))
    assert.equal(await versionOf(), before)
    own.originalMaxAge = 30_000
    await called((callback) => store.set('s', data, callback))
    assert.notEqual(await versionOf(), before)
  })

  it('leaves a session as it was read where nobody else has changed it, and hides what it knows about it', async () => {
    const { set, get, request } = openExpress()
    await set('s', { cookie: null, list: [{ at: new Date(0) }] })
    const data = await get('s')
    assert.deepEqual(Object.keys(data ?? {}), ['cookie', 'list'])
    assert.deepEqual(structuredClone(data), { cookie: null, list: [{ at: '1970-01-01T00:00:00.000Z' }] })
    await set('t', { cookie: cookie(60_000), a: 1 })
    assert.deepEqual(Object.keys(await request('t')).sort(), ['a', 'cookie'])
  })

  it('says what is no session, to the callback', async () => {
    const { store, set } = openExpress()
    const circular: Fields = {}
    circular['self'] = circular
    for (const data of [null, 'text', [], circular, { toJSON: () => undefined }] as unknown as readonly object[])
      await assert.rejects(set('s', data), (error: unknown) => error instanceof TypeError || isCacheError(error, 'usage'))
    await assert.rejects(
      called((callback) => store.get('', callback)),
      (error: unknown) => isCacheError(error, 'usage'),
    )
    store.set('s', circular) // without a callback nobody is told
  })

  it('does not make a rejection of what a callback throws', () => {
    const code = `
      import { answer } from ${JSON.stringify(new URL('bases.ts', import.meta.url).href)}
      process.on('uncaughtException', (error, origin) => console.log(error.message, origin))
      answer(Promise.resolve(1), () => { throw new Error('one') }, (value) => value)
      answer(Promise.reject(new Error('no')), (error) => { throw error }, (value) => value)`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', timeout: 30_000 })
    assert.equal(stdout, 'one uncaughtException\nno uncaughtException\n')
  })
})

describe('the store of @fastify/session', () => {
  /** As @fastify/session does: fields are copied into an object of its own. */
  const open = () => {
    spaces += 1
    const store = createFastifyStore(connection, { namespace: `fastify${spaces}` })
    const set = (id: string, data: object) => called((callback) => store.set(id, data, callback))
    const request = async (id: string): Promise<Fields> => {
      const found = (await called((callback) => store.get(id, callback))) as Fields | null
      assert.ok(found)
      return { ...found }
    }
    return { set, request }
  }
  const plain = (data: Fields): unknown => JSON.parse(JSON.stringify(data))

  it('takes what one request stores twice at once in that order', async () => {
    const { set, request } = open()
    await set('s', { step: 0, gone: true })
    const data = await request('s')
    const stored = [set('s', Object.assign(data, { step: 1 }))]
    delete data['gone']
    stored.push(set('s', Object.assign(data, { step: 0 })))
    await Promise.all(stored)
    assert.deepEqual(plain(await request('s')), { step: 0 })
  })

  it('takes no word for what a session was read as but its own', async () => {
    const { set, request } = open()
    await set('s', { user: 1 })
    const [a, b] = [await request('s'), await request('s')]
    await set('s', { ...a, by: 'a' })
    await set('s', { ...b, 'larder:read': { session: { text: '{"user":1}', version: 'x' } }, own: 'b' })
    assert.deepEqual(plain(await request('s')), { user: 1, by: 'a', own: 'b' })
    assert.ok(structuredClone(await request('s')))
  })
})

for (const [name, connect] of [
  ['@redis/client', connectNodeRedis],
  ['ioredis', connectIoredis],
  ['GLIDE', connectGlide],
] as const)
  describe(`sessions by ${name}`, () => {
    it('loses no change, and brings nothing back', async () => {
      const own = await connect({ url: server.url })
      try {
        const { set, get, touch, request, destroy, store } = openExpress(own)
        await set('s', { cookie: cookie(60_000), user: 1 })
        const [a, b, late] = [await request('s'), await request('s'), await request('s')]
        await Promise.all([set('s', Object.assign(a, { a: 'é' })), set('s', Object.assign(b, { b: 2 }))])
        await touch('s', a)
        assert.deepEqual(fieldsOf(await get('s')), { user: 1, a: 'é', b: 2 })
        assert.equal(await called((callback) => store.length(callback)), 1)
        const listed = (await called((callback) => store.all(callback))) as readonly Fields[]
        assert.deepEqual(
          listed.map(({ id }) => id),
          ['s'],
        )
        await destroy('s')
        await set('s', Object.assign(late, { late: true }))
        assert.equal(await get('s'), null)
        await set('t', { cookie: cookie(60_000) })
        await called((callback) => store.clear(callback))
        assert.equal(await called((callback) => store.length(callback)), 0)
      } finally {
        await own.close()
      }
    })

    it('tells the callback, in time, that the server is silent, gone or full', async () => {
      const weak = await servers.start()
      const own = await connect({ url: weak.url, commandTimeout: 300 })
      const lost: unknown[] = []
      const note = (error: unknown): void => void lost.push(error)
      process.on('unhandledRejection', note)
      try {
        const { set, get, touch, destroy, request, store } = openExpress(own)
        await set('s', { cookie: cookie(60_000), user: 1 })
        const data = await request('s')

        await weak.command('CONFIG', 'SET', 'maxmemory', '1')
        await assert.rejects(set('s', Object.assign(data, { more: 1 })), (error: unknown) => isCacheError(error, 'refused'))
        await touch('s', { cookie: cookie(120_000) })
        await destroy('s')
        assert.equal(await get('s'), null, 'who logs out is out, also where no tombstone fits in')
        await set('s', Object.assign(data, { late: true }))
        await weak.command('CONFIG', 'SET', 'maxmemory', '0')
        await set('s', Object.assign(data, { late: true }))
        assert.equal(await get('s'), null)
        await set('t', { cookie: cookie(60_000) })
        const requests = await Promise.all(Array.from({ length: 20 }, () => request('t')))

        const all = async (state: string): Promise<void> => {
          const began = performance.now()
          const settled = await Promise.allSettled([
            get('t'),
            ...requests.flatMap((data, index) => [1, 2].map((turn) => set('t', Object.assign(data, { [`${index}`]: turn })))),
            touch('t', { cookie: cookie(3_600_000) }),
            destroy('t'),
            called((callback) => store.all(callback)),
            called((callback) => store.length(callback)),
            called((callback) => store.clear(callback)),
          ])
          for (const each of settled)
            assert.ok(each.status === 'rejected' && isCacheError(each.reason, 'unavailable'), `${state}: ${JSON.stringify(each)}`)
          assert.ok(performance.now() - began < 3_000, `${state}: it took ${performance.now() - began} ms`)
        }
        process.kill(weak.pid, 'SIGSTOP')
        try {
          await all('silent')
        } finally {
          process.kill(weak.pid, 'SIGCONT')
        }
        await weak.kill()
        await all('gone')
        await new Promise((resolve) => setImmediate(resolve))
        assert.deepEqual(lost, [])
      } finally {
        process.off('unhandledRejection', note)
        await own.close()
      }
    })
  })
