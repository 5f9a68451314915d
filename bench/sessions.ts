/** Requests that read a session, change it now and then, and touch it otherwise, by the store for express-session beside connect-redis: on one server, by turns. */
import { createClient } from '@redis/client'
import { RedisStore } from 'connect-redis'
import session from 'express-session'
import { connectNodeRedis } from '../packages/client/src/index.ts'
import { createExpressStore } from '../packages/client/src/sessions/index.ts'
import { openServers } from '../packages/client/src/testing/servers.ts'
import type { BenchmarkOptions } from './support/benchmark.ts'
import { inTurn, median, pairedRatio, round } from './support/figures.ts'
import { createTally } from './support/tally.ts'

const visitors = 1_000
const loops = 50
const requests = 20_000
const mostMs = 100_000

/** What a store has, as express-session calls it. */
interface Store {
  get(id: string, callback: (error: unknown, found?: object | null) => void): void
  set(id: string, data: object, callback: (error?: unknown) => void): void
  touch(id: string, data: object, callback: (error?: unknown) => void): void
  /** What the request is given of what `get` has found. */
  createSession(request: object, data: object): object
}

const promised = <T>(work: (callback: (error: unknown, value?: T) => void) => void): Promise<T | undefined> =>
  new Promise((resolve, reject) =>
    work((error, value) => (error === null || error === undefined ? resolve(value) : reject(error))),
  )

export const runSessions = async ({ rounds, say, signal }: BenchmarkOptions) => {
  await using servers = await openServers()
  const { url } = await servers.start()
  const connection = await connectNodeRedis({ url })
  const client = createClient({ url, maintNotifications: 'disabled' })
  await client.connect()
  const stores: readonly { readonly name: 'larder' | 'connect-redis'; readonly store: Store }[] = [
    { name: 'larder', store: createExpressStore(session, connection) as unknown as Store },
    { name: 'connect-redis', store: new RedisStore({ client: client as never }) as unknown as Store },
  ]
  const kinds = [
    { name: 'read', changes: 0 },
    { name: 'read, a tenth changed', changes: 0.1 },
    { name: 'read and changed', changes: 1 },
  ] as const
  const cookie = { originalMaxAge: 3_600_000, maxAge: 3_600_000, expires: new Date(Date.now() + 3_600_000) }
  const rates = createTally()
  let done = 0
  const began = performance.now()
  try {
    for (const { store } of stores)
      for (let visitor = 0; visitor < visitors; visitor += 1)
        await promised((callback) => store.set(`v${visitor}`, { cookie, user: visitor, cart: [1, 2, 3] }, callback))
    for (; done < rounds && (done === 0 || (!signal.aborted && performance.now() - began < mostMs)); done += 1)
      for (const kind of kinds)
        for (const { name, store } of inTurn(stores, done)) {
          let next = 0
          const from = performance.now()
          await Promise.all(
            Array.from({ length: loops }, async () => {
              for (let turn = 0; turn < requests / loops; turn += 1) {
                const request = next++
                const id = `v${request % visitors}`
                const found = await promised<object | null>((callback) => store.get(id, callback))
                if (found === null || found === undefined) throw new Error(`expected the session ${id}`)
                const data = store.createSession({}, found)
                if ((request * 7_919) % 1_000 < kind.changes * 1_000)
                  await promised((callback) => store.set(id, Object.assign(data, { seen: request }), callback))
                else await promised((callback) => store.touch(id, data, callback))
              }
            }),
          )
          rates.add(`${kind.name} ${name}`, (1_000 * requests) / (performance.now() - from))
        }
  } finally {
    await connection.close()
    client.destroy()
  }
  const of = (kind: string, name: string): readonly number[] => rates.of(`${kind} ${name}`)
  const rows = kinds.map(({ name }) => ({
    what: name,
    larder_per_s: round(median(of(name, 'larder')), 0),
    connect_redis_per_s: round(median(of(name, 'connect-redis')), 0),
    ratio: round(pairedRatio(of(name, 'larder'), of(name, 'connect-redis')), 2),
  }))
  say(`${done} rounds, medians; requests a second, ${loops} at once`)
  say(`${''.padEnd(26)}${['larder', 'connect-redis', 'ratio'].map((text) => text.padStart(15)).join('')}`)
  for (const row of rows)
    say(
      `${row.what.padEnd(26)}${[row.larder_per_s, row.connect_redis_per_s, row.ratio].map((value) => String(value).padStart(15)).join('')}`,
    )
  return { rounds: done, rows }
}
