/**
 * `npm run example`: PostgreSQL, a Valkey server (or the one of CACHE_URL) and two processes of the shop; then a visitor who is served by both. Says what he sees, and ends.
 * Ctrl-C ends it earlier; nothing is left behind.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { startPostgres } from '../../oracle/postgres.ts'
import { openServers } from '../../packages/client/src/testing/servers.ts'

const program = fileURLToPath(new URL('server.ts', import.meta.url))

interface Shop extends AsyncDisposable {
  readonly url: string
}

const readyDeadlineMs = 20_000

const urlWhenReady = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('a process of the shop was not ready in time')), readyDeadlineMs)
    child.once('error', reject)
    child.once('exit', (code, by) => reject(new Error(`a process of the shop ended with ${code ?? by}`)))
    child.stdout?.on('data', (bytes: Buffer) => {
      const url = /ready (\S+)/.exec(bytes.toString())?.[1]
      if (url === undefined) return
      clearTimeout(late)
      resolve(url)
    })
  })

const startShop = async (cacheUrl: string, databaseUrl: string): Promise<Shop> => {
  const env = { ...process.env, CACHE_URL: cacheUrl, DATABASE_URL: databaseUrl }
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('close', resolve))
  const end = async (): Promise<void> => {
    child.kill('SIGTERM')
    await ended
  }
  try {
    return { url: await urlWhenReady(child), [Symbol.asyncDispose]: end }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

/** A visitor with his cookies. */
const visitor = (shops: readonly Shop[], signal: AbortSignal) => {
  let cookie = ''
  const send = async (shop: Shop, method: string, path: string, body?: unknown): Promise<string> => {
    const response = await fetch(`${shop.url}${path}`, {
      method,
      signal,
      headers: { cookie, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
    const from = response.headers.get('from')
    const words = [`process ${shops.indexOf(shop) + 1}`, method.padEnd(4), path.padEnd(17), await response.text()]
    return `  ${words.join('  ')}${from === null ? '' : `  from ${from}`}`
  }
  return {
    ask: async (...request: Parameters<typeof send>): Promise<void> => console.log(await send(...request)),
    askAtOnce: async (...requests: readonly Parameters<typeof send>[]): Promise<void> => {
      for (const line of await Promise.all(requests.map((request) => send(...request)))) console.log(line)
    },
  }
}

const prepare = async (databaseUrl: string): Promise<void> => {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query('CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, price int NOT NULL)')
  await client.query("INSERT INTO products VALUES (1, 'a jar of jam', 4), (2, 'a round of cheese', 23)")
  await client.end()
}

const visit = async (one: Shop, other: Shop, signal: AbortSignal): Promise<void> => {
  const { ask, askAtOnce } = visitor([one, other], signal)

  console.log('A product is loaded once for both processes; who asks again has it in its own memory (the near cache).')
  await ask(one, 'GET', '/products/2')
  await ask(other, 'GET', '/products/2')
  await ask(other, 'GET', '/products/2')

  console.log('The basket is in the session, which both processes share. Two requests at once change it: both changes are kept.')
  await ask(one, 'POST', '/basket/2')
  await askAtOnce([one, 'POST', '/basket/1'], [other, 'POST', '/basket/2'])
  await ask(other, 'GET', '/basket')

  console.log('Process 1 changes a price in PostgreSQL and invalidates its tag. Process 2 had the old one in its memory.')
  await visitor([one, other], signal).ask(one, 'PUT', '/products/2/price', { price: 19 })
  await ask(other, 'GET', '/products/2')
  await ask(other, 'GET', '/basket')

  console.log('Who logs out at one process is logged out at the other.')
  await ask(one, 'POST', '/logout')
  await ask(other, 'GET', '/basket')

  console.log('What process 2 has counted:')
  await ask(other, 'GET', '/counters')
}

const main = async (signal: AbortSignal): Promise<void> => {
  await using database = await startPostgres()
  signal.throwIfAborted()
  await using servers = await openServers()
  const cacheUrl = process.env['CACHE_URL'] ?? (await servers.start()).url
  await prepare(database.url)
  signal.throwIfAborted()
  await using one = await startShop(cacheUrl, database.url)
  signal.throwIfAborted()
  await using other = await startShop(cacheUrl, database.url)
  await visit(one, other, signal)
}

const ending = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort())
try {
  await main(ending.signal)
} catch (error) {
  // What was cut off complains; it was meant to be.
  if (!ending.signal.aborted) throw error
}
if (ending.signal.aborted) process.exitCode = 130
