/** One process of a small shop: products from PostgreSQL through the cache, and a basket in a session. Any number of these run beside each other. */
import { connectNodeRedis, createCache } from '@larder/client'
import { createExpressStore } from '@larder/client/sessions'
import express from 'express'
import session from 'express-session'
import { Pool } from 'pg'

const { CACHE_URL: cacheUrl = 'redis://127.0.0.1:6379', DATABASE_URL: databaseUrl = '', PORT: port = '0' } = process.env

interface Product {
  readonly id: number
  readonly name: string
  readonly price: number
}
declare module 'express-session' {
  interface SessionData {
    basket?: readonly number[]
  }
}

const database = new Pool({ connectionString: databaseUrl })
const cache = await createCache({ url: cacheUrl, namespace: 'shop', near: { maxBytes: 10_000_000 } })
const sessions = await connectNodeRedis({ url: cacheUrl })

const app = express()
app.use(express.json())
app.use(
  session({
    store: createExpressStore(session, sessions, { namespace: 'shop-session' }),
    secret: process.env['SESSION_SECRET'] ?? 'only for an example',
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 3_600_000 },
  }),
)

const loadProduct = async (id: number): Promise<Product | null> => {
  const { rows } = await database.query<Product>('SELECT id, name, price FROM products WHERE id = $1', [id])
  return rows[0] ?? null
}
const product = (id: number): Promise<Product | null> =>
  cache.get(`product:${id}`, () => loadProduct(id), { tags: [`product:${id}`], ttl: 60_000, staleIfError: 600_000 })

app.get('/products/:id', async (request, response) => {
  const found = await product(Number(request.params.id))
  if (found === null) response.status(404).json({ error: 'there is no such product' })
  else response.json(found)
})

app.put('/products/:id/price', async (request, response) => {
  const id = Number(request.params.id)
  const { price } = request.body as { readonly price: number }
  await database.query('UPDATE products SET price = $2 WHERE id = $1', [id, price])
  // After the change can be seen. From here on no process gives the old price.
  await cache.invalidate([`product:${id}`])
  response.json({ ok: true })
})

app.post('/basket/:id', (request, response) => {
  request.session.basket = [...(request.session.basket ?? []), Number(request.params.id)]
  response.json({ basket: request.session.basket })
})

app.get('/basket', async (request, response) => {
  const products = await Promise.all((request.session.basket ?? []).map(product))
  const there = products.filter((one) => one !== null)
  response.json({ products: there, total: there.reduce((sum, { price }) => sum + price, 0) })
})

app.get('/counters', (_request, response) => {
  response.json(cache.counters())
})

const server = app.listen(Number(port), '127.0.0.1', () => {
  const address = server.address()
  console.log(`ready http://127.0.0.1:${typeof address === 'object' ? address?.port : port}`)
})
process.once('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
  Promise.all([cache.close(), sessions.close(), database.end()]).catch((error: unknown) => {
    console.error(error)
    process.exitCode = 1
  })
})
