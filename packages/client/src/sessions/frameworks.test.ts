/** The stores in the frameworks that they are for: two instances of a back end, real requests, and what they lose with another store. */
import assert from 'node:assert/strict'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import { serve } from '@hono/node-server'
import { createClient } from '@redis/client'
import { RedisStore } from 'connect-redis'
import express from 'express'
import session from 'express-session'
import fastify from 'fastify'
import { Hono } from 'hono'
import { connectNodeRedis } from '../adapters/node-redis.ts'
import type { Connection } from '../connection/connection.ts'
import { openServers, type Server, type Servers } from '../testing/servers.ts'
import { createExpressStore, createFastifyStore, type HonoSession, honoSessions } from './index.ts'

const secret = 'a secret that has more than thirty-two characters'

/** One instance of a back end. `GET /set/NAME/VALUE?wait=MS` reads the session, waits, and changes one field. */
interface Instance {
  readonly url: string
  close(): Promise<void>
}

/** A browser: keeps cookies. */
const browser = () => {
  const cookies = new Map<string, string>()
  return {
    cookies,
    get: async (url: string): Promise<string> => {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const response = await fetch(url, { headers: { cookie, 'x-forwarded-proto': 'https' } })
      for (const line of response.headers.getSetCookie()) {
        const [name = '', value = ''] = (line.split(';')[0] ?? '').split(/=(.*)/s)
        cookies.set(name, value)
      }
      const text = await response.text()
      assert.ok(response.ok, `${response.status} ${text}`)
      return text
    },
  }
}

const listen = (handler: Parameters<typeof createServer>[1]): Promise<Instance> =>
  new Promise((resolve) => {
    const server: HttpServer = createServer(handler ?? (() => undefined))
    server.listen(0, '127.0.0.1', () =>
      resolve({
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        close: () =>
          new Promise((done) => {
            server.close(() => done())
            server.closeAllConnections()
          }),
      }),
    )
  })

/** Whoever comes first waits for the second, so that both have read before either writes. */
const createMeeting = () => {
  let waiting: (() => void) | null = null
  return async (wanted: boolean): Promise<void> => {
    if (!wanted) return
    if (waiting !== null) {
      waiting()
      waiting = null
      return
    }
    await new Promise<void>((resolve) => {
      waiting = resolve
    })
  }
}
type Meeting = ReturnType<typeof createMeeting>

const expressWith = (store: session.Store, meet: Meeting, options: Partial<session.SessionOptions> = {}): Promise<Instance> => {
  const app = express()
  app.use(session({ store, secret, resave: false, saveUninitialized: false, cookie: { maxAge: 60_000 }, ...options }))
  app.get('/set/:name/:value', async (request, response) => {
    await meet(request.query['meet'] !== undefined)
    Object.assign(request.session, { [request.params.name]: request.params.value })
    response.send('ok')
  })
  app.get('/all', (request, response) => {
    const { cookie: _, ...data } = request.session
    response.json(data)
  })
  app.get('/new', (request, response) => {
    request.session.regenerate(() => {
      Object.assign(request.session, { again: 'yes' })
      response.send('ok')
    })
  })
  app.get('/logout', (request, response) => {
    request.session.destroy(() => response.send('ok'))
  })
  return listen(app)
}

const fastifyWith = async (connection: Connection, meet: Meeting, options: object = {}): Promise<Instance> => {
  const app = fastify()
  await app.register(fastifyCookie)
  await app.register(fastifySession, {
    secret,
    cookie: { secure: false, maxAge: 60_000 },
    rolling: false,
    saveUninitialized: false,
    store: createFastifyStore(connection, { namespace: 'fastify' }),
    ...options,
  })
  const data = (from: object): Record<string, unknown> => {
    const { cookie: _, ...rest } = JSON.parse(JSON.stringify(from)) as Record<string, unknown>
    return rest
  }
  app.get<{ Params: { name: string; value: string }; Querystring: { meet?: string } }>('/set/:name/:value', async (request) => {
    await meet(request.query.meet !== undefined)
    Object.assign(request.session, { [request.params.name]: request.params.value })
    return 'ok'
  })
  app.get('/all', async (request) => data(request.session))
  app.get('/new', async (request) => {
    await request.session.regenerate()
    Object.assign(request.session, { again: 'yes' })
    return 'ok'
  })
  app.get('/logout', async (request) => {
    await request.session.destroy()
    return 'ok'
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return { url, close: () => app.close() }
}

const honoWith = (connection: Connection, meet: Meeting): Promise<Instance> => {
  const app = new Hono<{ Variables: { session: HonoSession } }>()
  app.use(honoSessions(connection, { secrets: [secret], secure: false, namespace: 'hono', ttl: 60_000 }))
  app.get('/set/:name/:value', async (context) => {
    await meet(context.req.query('meet') !== undefined)
    context.get('session').data[context.req.param('name')] = context.req.param('value')
    return context.text('ok')
  })
  app.get('/all', (context) => context.json(context.get('session').data))
  app.get('/new', (context) => {
    const current = context.get('session')
    current.regenerate()
    current.data = { again: 'yes' }
    return context.text('ok')
  })
  app.get('/logout', (context) => {
    context.get('session').destroy()
    return context.text('ok')
  })
  return new Promise((resolve) => {
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) =>
      resolve({
        url: `http://127.0.0.1:${port}`,
        close: () => new Promise((done) => void server.close(() => done())),
      }),
    )
  })
}

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

const frameworks: readonly (readonly [string, (meet: Meeting) => Promise<Instance>])[] = [
  ['express-session', (meet) => expressWith(createExpressStore(session, connection, { namespace: 'express' }), meet)],
  ['@fastify/session', (meet) => fastifyWith(connection, meet)],
  ['Hono', (meet) => honoWith(connection, meet)],
]

for (const [name, start] of frameworks)
  describe(`sessions of ${name}`, () => {
    let one: Instance
    let other: Instance
    before(async () => {
      const meet = createMeeting()
      ;[one, other] = [await start(meet), await start(meet)]
    })
    after(() => Promise.all([one.close(), other.close()]))

    it('are the same at every instance, and everybody has his own', async () => {
      const [a, b] = [browser(), browser()]
      assert.equal(await a.get(`${one.url}/all`), '{}')
      assert.equal(a.cookies.size, 0, 'nothing is stored for who has nothing')
      await a.get(`${one.url}/set/user/ada`)
      assert.deepEqual(JSON.parse(await a.get(`${other.url}/all`)), { user: 'ada' })
      assert.equal(await b.get(`${other.url}/all`), '{}')
    })

    it('keep both of two changes that were made at once', async () => {
      const a = browser()
      await a.get(`${one.url}/set/user/ada`)
      await Promise.all([a.get(`${one.url}/set/cart/full?meet`), a.get(`${other.url}/set/language/en?meet`)])
      assert.deepEqual(JSON.parse(await a.get(`${one.url}/all`)), { user: 'ada', cart: 'full', language: 'en' })
    })

    it('do not come back after the logout, by a slow request', async () => {
      const a = browser()
      await a.get(`${one.url}/set/user/ada`)
      const cookies = new Map(a.cookies)
      const slow = browser()
      for (const [key, value] of cookies) slow.cookies.set(key, value)
      const request = slow.get(`${one.url}/set/seen/yes?meet`)
      const leave = async () => {
        await a.get(`${other.url}/logout`)
        // Another session, for the meeting alone.
        await browser().get(`${other.url}/set/x/y?meet`)
      }
      await Promise.all([request, leave()])
      const late = browser()
      for (const [key, value] of cookies) late.cookies.set(key, value)
      assert.equal(await late.get(`${other.url}/all`), '{}')
    })

    it('get another id when somebody logs in', async () => {
      const a = browser()
      await a.get(`${one.url}/set/user/ada`)
      const before = new Map(a.cookies)
      await a.get(`${other.url}/new`)
      assert.notDeepEqual(a.cookies, before)
      assert.deepEqual(JSON.parse(await a.get(`${one.url}/all`)), { again: 'yes' })
      const late = browser()
      for (const [key, value] of before) late.cookies.set(key, value)
      assert.equal(await late.get(`${one.url}/all`), '{}')
    })
  })

for (const [name, start] of [
  [
    'express-session, with resave and rolling',
    (meet: Meeting) => {
      const store = createExpressStore(session, connection, { namespace: 'rolling', touchAfter: 0.4 })
      return expressWith(store, meet, { resave: true, rolling: true, cookie: { maxAge: 1_500 } })
    },
  ],
  [
    '@fastify/session, with rolling',
    (meet: Meeting) => fastifyWith(connection, meet, { rolling: true, cookie: { secure: false, maxAge: 1_500 } }),
  ],
] as const)
  it(`${name}: a session lives on while it is read, and is not written for that`, async () => {
    const one = await start(createMeeting())
    try {
      const calls = async (command: string): Promise<number> => {
        const stats = String(await server.command('INFO', 'commandstats'))
        return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0)
      }
      const a = browser()
      await a.get(`${one.url}/set/user/ada`)
      // The cookie of @fastify/session has another field from its second request on.
      await a.get(`${one.url}/all`)
      const [sets, touches] = [await calls('set'), await calls('pexpire')]
      const began = performance.now()
      let reads = 0
      for (; performance.now() - began < 2_500; reads += 1) {
        assert.deepEqual(JSON.parse(await a.get(`${one.url}/all`)), { user: 'ada' })
        await delay(20)
      }
      assert.equal(await calls('set'), sets)
      const written = (await calls('pexpire')) - touches
      assert.ok(written >= 2 && written <= 30, `${written} touches in ${reads} requests`)
      await a.get(`${one.url}/set/cart/full`)
      assert.deepEqual(JSON.parse(await a.get(`${one.url}/all`)), { user: 'ada', cart: 'full' })
    } finally {
      await one.close()
    }
  })

it('connect-redis loses one of two changes that were made at once, and brings back who has logged out: these tests can see it', async () => {
  const client = createClient({ url: server.url, maintNotifications: 'disabled' })
  await client.connect()
  const meet = createMeeting()
  const open = () => expressWith(new RedisStore({ client: client as never, prefix: 'connect:' }), meet)
  const [one, other] = [await open(), await open()]
  try {
    const a = browser()
    await a.get(`${one.url}/set/user/ada`)
    await Promise.all([a.get(`${one.url}/set/cart/full?meet`), a.get(`${other.url}/set/language/en?meet`)])
    assert.equal(Object.keys(JSON.parse(await a.get(`${one.url}/all`)) as object).length, 2)
    const slow = browser()
    for (const [key, value] of a.cookies) slow.cookies.set(key, value)
    const late = browser()
    for (const [key, value] of a.cookies) late.cookies.set(key, value)
    const request = slow.get(`${one.url}/set/seen/yes?meet`)
    const leave = async () => {
      await a.get(`${other.url}/logout`)
      await browser().get(`${other.url}/set/x/y?meet`)
    }
    await Promise.all([request, leave()])
    assert.match(await late.get(`${other.url}/all`), /ada/)
  } finally {
    await Promise.all([one.close(), other.close()])
    client.destroy()
  }
})
