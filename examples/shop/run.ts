/**
 * `npm run example`: PostgreSQL, a Valkey server (or the one of CACHE_URL) and two processes of the shop; then a visitor who is served by both. Says what he sees, and ends.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { startPostgres } from '../../oracle/postgres.ts'
import { openServers } from '../../packages/client/src/testing/servers.ts'

const program = fileURLToPath(new URL('server.ts', import.meta.url))

const startShop = (cacheUrl: string, databaseUrl: string): Promise<{ readonly url: string; readonly child: ChildProcess }> =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, CACHE_URL: cacheUrl, DATABASE_URL: databaseUrl }
    const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`a process of the shop ended with ${code}`)))
    child.stdout.on('data', (bytes: Buffer) => {
      const url = /ready (\S+)/.exec(bytes.toString())?.[1]
      if (url !== undefined) resolve({ url, child })
    })
  })

/** A visitor with his cookies. */
const visitor = () => {
  let cookie = ''
  return async (method: string, url: string, body?: unknown): Promise<string> => {
    const response = await fetch(url, {
      method,
      headers: { cookie, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
    const text = await response.text()
    console.log(`${method.padEnd(4)} ${new URL(url).port.padEnd(5)} ${new URL(url).pathname.padEnd(20)} ${text}`)
    return text
  }
}

const main = async (): Promise<void> => {
  await using database = await startPostgres()
  await using servers = await openServers()
  const cacheUrl = process.env['CACHE_URL'] ?? (await servers.start()).url
  const client = new Client({ connectionString: database.url })
  await client.connect()
  await client.query('CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, price int NOT NULL)')
  await client.query("INSERT INTO products VALUES (1, 'a jar of jam', 4), (2, 'a round of cheese', 23)")
  await client.end()
  const shops = await Promise.all([startShop(cacheUrl, database.url), startShop(cacheUrl, database.url)])
  const [one, other] = shops
  try {
    const ask = visitor()
    await ask('GET', `${one.url}/products/1`)
    await ask('GET', `${other.url}/products/1`)
    await ask('POST', `${one.url}/basket/1`)
    await ask('POST', `${other.url}/basket/2`)
    await ask('GET', `${one.url}/basket`)
    await visitor()('PUT', `${other.url}/products/2/price`, { price: 19 })
    await ask('GET', `${one.url}/basket`)
    await ask('GET', `${one.url}/counters`)
  } finally {
    for (const { child } of shops) {
      const ended = new Promise((resolve) => child.once('close', resolve))
      child.removeAllListeners('exit')
      child.kill('SIGTERM')
      await ended
    }
  }
}

await main()
