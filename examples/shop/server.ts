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
    /** A field for each product: two requests at once that change different fields both keep their changes. */
    [product: `product ${number}`]: number
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
const product = (id: number, load = () => loadProduct(id)): Promise<Product | null> =>
  cache.get(`product:${id}`, load, { tags: [`product:${id}`], ttl: 60_000, staleIfError: 600_000 })

app.get('/products/:id', async (request, response) => {
  const id = Number(request.params.id)
  const { nearHits } = cache.counters()
  let from = 'the cache server'
  const asked = product(id, () => {
    from = 'PostgreSQL'
    return loadProduct(id)
  })
  // A value that is in this process is there at once.
  if (cache.counters().nearHits > nearHits) from = 'this process'
  const found = await asked
  response.set('from', from)
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
  const name = `product ${Number(request.params.id)}` as const
  request.session[name] = (request.session[name] ?? 0) + 1
  response.json({ [name]: request.session[name] })
})

app.get('/basket', async (request, response) => {
  const counts = Object.entries(request.session).filter(([name]) => name.startsWith('product '))
  const lines = await Promise.all(
    counts.map(async ([name, count]) => ({ ...(await product(Number(name.split(' ')[1]))), count: Number(count) })),
  )
  response.json({ lines, total: lines.reduce((sum, { price = 0, count }) => sum + price * count, 0) })
})

app.post('/logout', (request, response, next) => {
  request.session.destroy((error: unknown) => {
    if (error) next(error)
    else response.json({ ok: true })
  })
})

app.get('/counters', (_request, response) => {
  response.json(cache.counters())
})

const server = app.listen(Number(port), '127.0.0.1', () => {
  const address = server.address()
  console.log(`ready http://127.0.0.1:${typeof address === 'object' ? address?.port : port}`)
})
let isEnding = false
const end = (): void => {
  if (isEnding) return
  isEnding = true
  server.close()
  server.closeAllConnections()
  Promise.all([cache.close(), sessions.close(), database.end()]).catch((error: unknown) => {
    console.error(error)
    process.exitCode = 1
  })
}
process.once('SIGTERM', end).once('SIGINT', end)
