/** The cookies of the middleware for Hono. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, it } from 'node:test'
import { Hono } from 'hono'
import { connectNodeRedis } from '../adapters/node-redis.ts'
import type { Connection } from '../connection/connection.ts'
import { isCacheError } from '../errors.ts'
import { openServers, type Server, type Servers, until } from '../testing/servers.ts'
import { createSessions, type HonoSession, type HonoSessionOptions, honoSessions } from './index.ts'

const [secret, older] = [
  'a secret that has more than thirty-two characters',
  'another one, which has been in use for long enough',
]

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
const open = (options: Partial<HonoSessionOptions> = {}) => {
  spaces += 1
  const namespace = options.namespace ?? `hono${spaces}`
  const app = new Hono<{ Variables: { session: HonoSession } }>()
  app.use(honoSessions(connection, { secrets: [secret], namespace, ...options }))
  app.get('/set/:name/:value', (context) => {
    context.get('session').data[context.req.param('name')] = context.req.param('value')
    return context.text('ok')
  })
  app.get('/all', (context) => context.json(context.get('session').data))
  app.get('/bad', (context) => {
    context.get('session').data = null as never
    return context.text('ok')
  })
  app.get('/throw', (context) => {
    context.get('session').data['thrown'] = 'yes'
    throw new Error('of the application')
  })
  app.onError((error, context) => context.text(error.message, 500))
  /** The answer, and what the browser sends from then on. */
  const ask = async (path: string, cookie = '') => {
    const response = await app.request(path, { headers: { cookie } })
    const [line] = response.headers.getSetCookie()
    return { status: response.status, text: await response.text(), line, cookie: line?.split(';')[0] ?? cookie }
  }
  return { ask, namespace }
}

it('the cookie is for the server alone, signed, and lives as long as the session', async () => {
  const { ask } = open({ ttl: 1_500 })
  const { line, cookie } = await ask('/set/user/7')
  assert.match(line ?? '', /^sid=[\w-]{32}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure; Max-Age=2$/)
  assert.deepEqual(JSON.parse((await ask('/all', cookie)).text), { user: '7' })
})

it('an id that a browser has made up is never taken, signed or not', async () => {
  const { ask, namespace } = open()
  const id = 'i'.repeat(32)
  const signed = (by: string) => `sid=${id}.${createHmac('sha256', by).update(id).digest('base64url')}`
  await createSessions(connection, { namespace }).set(id, { user: 'somebody' }, null)
  for (const cookie of [`sid=${id}`, `sid=${id}.`, 'sid=.', 'sid=', `sid=.${id}`, signed('another secret'), `sid=${id}.é`])
    assert.equal((await ask('/all', cookie)).text, '{}', cookie)
  assert.equal((await ask('/all', signed(secret))).text, '{"user":"somebody"}')
  await createSessions(connection, { namespace }).destroy(id)
  const { cookie } = await ask('/set/user/8', signed(secret))
  assert.ok(!cookie.includes(id), 'one that was signed once, and has ended, is not used again')
})

it('a cookie of another path or domain does not hide the right one', async () => {
  const { ask } = open()
  const { cookie } = await ask('/set/user/7')
  assert.equal((await ask('/all', `sid=forged.signature; other=1; ${cookie}`)).text, '{"user":"7"}')
})

it('the cookie is given anew when the end of the session moves, and only then', async () => {
  const { ask } = open({ ttl: 1_000, touchAfter: 0.3 })
  const { cookie } = await ask('/set/user/7')
  assert.equal((await ask('/all', cookie)).line, undefined)
  assert.equal((await ask('/set/seen/1', cookie)).line, undefined)
  await until('it is given anew', async () => {
    const { line, text } = await ask('/all', cookie)
    assert.equal(text, '{"user":"7","seen":"1"}')
    return line?.startsWith(`${cookie};`) === true
  })
  assert.equal((await ask('/all', cookie)).line, undefined)
})

it('a cookie that an older secret has signed is signed by the first one', async () => {
  const namespace = 'rotation'
  const { cookie } = await open({ namespace, secrets: [older] }).ask('/set/user/7')
  const both = open({ namespace, secrets: [secret, older] })
  const { cookie: renewed } = await both.ask('/all', cookie)
  assert.notEqual(renewed, cookie)
  assert.equal((await open({ namespace }).ask('/all', renewed)).text, '{"user":"7"}')
  assert.equal((await open({ namespace }).ask('/all', cookie)).text, '{}')
})

it('what is no session is refused, and the session stays as it was', async () => {
  const { ask } = open()
  const { cookie } = await ask('/set/user/7')
  const { status, text } = await ask('/bad', cookie)
  assert.equal(status, 500)
  assert.match(text, /expected a session to be an object, found null/)
  assert.equal((await ask('/all', cookie)).text, '{"user":"7"}')
  assert.equal((await ask('/throw', cookie)).text, 'of the application')
  assert.equal((await ask('/all', cookie)).text, '{"user":"7","thrown":"yes"}')
})

it('what makes no cookie is refused at the start', () => {
  for (const options of [
    { secrets: [] },
    { secrets: secret as unknown as string[] },
    { secrets: [secret, 'short'] },
    { cookie: 'a b' },
    { cookie: '' },
    { path: '/; Domain=example.com' },
    { path: 'relative' },
    { sameSite: 'None', secure: false },
    { cookie: '__Host-sid', secure: false },
    { ttl: 0 },
  ] as const satisfies readonly Partial<HonoSessionOptions>[])
    assert.throws(
      () => honoSessions(connection, { secrets: [secret], ...options }),
      (error: unknown) => isCacheError(error, 'usage'),
      JSON.stringify(options),
    )
})
