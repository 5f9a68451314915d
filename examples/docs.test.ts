/** Every block of code in the pages about the library runs as it stands, with PostgreSQL and an engine: only the address is another one. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '../oracle/postgres.ts'
import { openServers } from '../packages/client/src/testing/servers.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const address = 'redis://127.64.0.1:6379'

/** What the pages say is there already: a database, somebody's id, a log. */
const database = `
import { Pool } from 'pg'
const db = new Pool({ connectionString: process.env.DATABASE_URL })
await db.query('DROP TABLE IF EXISTS users; DROP TABLE IF EXISTS profiles')
await db.query('CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL); CREATE TABLE profiles (key text PRIMARY KEY, data jsonb)')
await db.query("INSERT INTO users VALUES (7, 'Ada'), (8, 'Bob'); INSERT INTO profiles VALUES ('profile:7', '{}')")
const id = 7
const log = { warn: console.error, error: console.error }
`
const opened = `import { createCache } from '@larder/client'
const cache = await createCache({ url: '${address}' })
`
const loaders = `const loadUser = async (id) => (await db.query('SELECT * FROM users WHERE id = $1', [id])).rows[0] ?? null
const loadOrders = async () => [1, 2]
`
const connected = `import { connectNodeRedis } from '@larder/client'
const connection = await connectNodeRedis({ url: '${address}' })
`
const secret = `const secret = 'a secret of more than thirty-two characters'
`
const assertions = `import assert from 'node:assert/strict'
`

interface Setting {
  readonly holds: RegExp
  readonly before: string
  readonly after: string
}

/** What stands around a block, by what it has. The first one that fits counts. */
const settings: readonly Setting[] = [
  {
    holds: /createExpressStore/,
    before: `import express from 'express'\nconst app = express()\n${secret}`,
    after: `assert.equal(typeof app.handle, 'function')\nawait connection.close()`,
  },
  {
    holds: /createFastifyStore/,
    before: `import Fastify from 'fastify'\nimport fastifyCookie from '@fastify/cookie'\nimport fastifySession from '@fastify/session'
import { createFastifyStore } from '@larder/client/sessions'\n${connected}${secret}const app = Fastify()\nawait app.register(fastifyCookie)\n`,
    after: `await app.ready()\nawait app.close()\nawait connection.close()`,
  },
  {
    holds: /honoSessions/,
    before: `import { Hono } from 'hono'\nimport { honoSessions } from '@larder/client/sessions'\n${connected}${secret}const app = new Hono()\n`,
    after: `assert.match((await app.request('/login')).headers.get('set-cookie'), /^sid=/)\nawait connection.close()`,
  },
  { holds: /createLeaderboard/, before: '', after: `assert.equal((await today.get('ada')).rank, 1)\nawait connection.close()` },
  {
    holds: /await cache\.close\(\) \/\/|near: \{ maxBytes/,
    before: database,
    after: `assert.equal(user.name, 'Ada')\nawait cache.close()\nawait db.end()`,
  },
  {
    holds: /cache\.wrap/,
    before: `${database}${opened}${loaders}`,
    after: `assert.equal((await user(8)).name, 'Bob')\nawait cache.close()\nawait db.end()`,
  },
  {
    holds: /loadOrders/,
    before: `${database}${opened}${loaders}`,
    after: `assert.deepEqual(list, [1, 2])\nassert.equal(cache.counters().invalidations, 1)\nawait cache.close()\nawait db.end()`,
  },
  {
    holds: /getMany/,
    before: `${database}${opened}`,
    after: `assert.equal(users.get('user:8').name, 'Bob')\nassert.equal(await orders.get('one', () => 1), 1)\nawait cache.close()\nawait db.end()`,
  },
  {
    holds: /const observed/,
    before: `${database}${opened}`,
    after: `assert.equal(await observed.get('observed', () => 1), 1)\nawait observed.close()\nawait cache.close()\nawait db.end()`,
  },
  {
    holds: /observeByOpenTelemetry/,
    before: opened,
    after: `assert.equal(await measured.get('measured', () => 1), 1)\nawait measured.close()\nawait cache.close()`,
  },
  {
    holds: /cache\.put/,
    before: `${database}${opened}${loaders}`,
    after: `assert.equal((await loadUser(id)).name, 'Grace')
assert.equal((await cache.get('user:7', () => assert.fail('it is kept'), { tags: ['user:7'] })).name, 'Grace')\nawait cache.close()\nawait db.end()`,
  },
  {
    holds: /cache\.writeBehind/,
    before: `${database}${opened}`,
    after: `const { seen } = await cache.get('profile:7', () => assert.fail('it is kept'), { tags: ['user:7'] })
assert.ok(seen > 0)\nawait queue.flush()
assert.deepEqual((await db.query('SELECT data FROM profiles')).rows, [{ data: { seen } }])\nprocess.kill(process.pid, 'SIGTERM')`,
  },
]

const blocksOf = (text: string): readonly string[] =>
  [...text.matchAll(/^```[jt]s\n(.*?)^```$/gms)].map((match) => match[1] ?? '')

test('every block of the pages about the library runs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'larder-test-'))
  try {
    await using database = await startPostgres()
    await using servers = await openServers()
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    const pages = (await readdir(join(root, 'docs/client'))).map((name) => `docs/client/${name}`)
    let count = 0
    for (const page of ['README.md', 'packages/client/README.md', ...pages]) {
      const blocks = blocksOf(await readFile(join(root, page), 'utf8'))
      assert.ok(blocks.length > 0, page)
      for (const [index, block] of blocks.entries()) {
        const setting = settings.find(({ holds }) => holds.test(block))
        assert.ok(setting, `expected a setting for block ${index + 1} of ${page}, found none:\n${block}`)
        const { url } = await servers.start()
        const program = join(folder, `${count}.mjs`)
        count += 1
        await writeFile(program, `${assertions}${setting.before}\n${block}\n${setting.after}\n`.replaceAll(address, url))
        const env = { ...process.env, DATABASE_URL: database.url }
        const { status, signal, stderr } = spawnSync(process.execPath, [program], { env, encoding: 'utf8', timeout: 20_000 })
        assert.equal(status, 0, `block ${index + 1} of ${page} (${signal}): ${stderr}`)
      }
    }
    assert.ok(count >= 12, `expected the blocks of all pages, found ${count}`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
