/** Requests that change one session at once, in every order that chance gives: no change is lost, and nothing comes back after a logout. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { connectNodeRedis } from '../adapters/node-redis.ts'
import type { Connection } from '../connection/connection.ts'
import { isCacheError } from '../errors.ts'
import { openServers, type Servers } from '../testing/servers.ts'
import { createSessions } from './sessions.ts'

const shared = ['a', 'b', 'c'] as const
const day = 86_400_000
const lifeOf = (moves: boolean) => ({ ttl: moves ? 2 * day : day })
const initial = { a: 0, b: 0, c: 0, user: 7 }

const request = fc.record({
  /** Milliseconds until it begins, and between reading and storing. */
  starts: fc.integer({ min: 0, max: 4 }),
  thinks: fc.integer({ min: 0, max: 4 }),
  /** What it does with fields that others change too. */
  changes: fc.array(fc.tuple(fc.constantFrom(...shared), fc.oneof(fc.integer({ min: 1, max: 99 }), fc.constant(null))), {
    maxLength: 2,
  }),
  /** It stores what it has a second time, after another change. */
  twice: fc.boolean(),
  /** 0 to 2: by which back end. */
  by: fc.integer({ min: 0, max: 2 }),
  /** A day more: its end is written anew. */
  moves: fc.boolean(),
})
const run = fc.record({
  requests: fc.array(request, { minLength: 2, maxLength: 8 }),
  /** Milliseconds until somebody logs out. */
  logout: fc.option(fc.integer({ min: 0, max: 8 }), { nil: null }),
  /** How much else is in the session: what is long, or sealed, is compared otherwise. */
  rest: fc.constantFrom(0, 2_000),
  sealed: fc.boolean(),
})
const key = { id: 'key', key: Buffer.alloc(32, 7) }

for (const kind of ['single', 'cluster'] as const)
  describe(`requests at once on ${kind === 'cluster' ? 'a cluster' : 'one server'}`, () => {
    let servers: Servers
    let connections: readonly Connection[]
    let runs = 0
    before(async () => {
      servers = await openServers()
      const [node] = kind === 'cluster' ? await servers.cluster(3) : [await servers.start()]
      connections = await Promise.all([0, 1, 2].map(() => connectNodeRedis({ url: node?.url ?? '', commandTimeout: 20_000 })))
    })
    after(async () => {
      await Promise.all(connections.map((connection) => connection.close()))
      await servers[Symbol.asyncDispose]()
    })
    const backEnds = (conflict: 'merge' | 'refuse', sealed: boolean) => {
      runs += 1
      return connections.map((connection) =>
        createSessions(connection, { namespace: `run ${runs}`, conflict, keys: sealed ? [key] : [] }),
      )
    }

    it('loses no change, and gives nothing back after a logout', async () => {
      await fc.assert(
        fc.asyncProperty(run, async ({ requests, logout, rest, sealed }) => {
          const stores = backEnds('merge', sealed)
          const [first] = stores
          assert.ok(first)
          await first.set('s', { ...initial, rest: 'x'.repeat(rest) }, null)
          let isOut = false
          const stored: number[] = []
          const values = new Map<string, Set<unknown>>(shared.map((field) => [field, new Set([0])]))
          const work = requests.map(async ({ starts, thinks, changes, twice, by, moves }, index) => {
            const store = stores[by]
            assert.ok(store)
            await delay(starts)
            const wasOut = isOut
            const read = await store.get('s')
            if (wasOut) assert.equal(read, null, 'it was read after the logout')
            if (read === null) return
            const data: Record<string, unknown> = { ...read.data, [`own ${index}`]: index }
            for (const [field, value] of changes) {
              if (value === null) delete data[field]
              else data[field] = value
              values.get(field)?.add(value ?? undefined)
            }
            await delay(thinks)
            const isLate = isOut
            const done = await store.set('s', data, read, lifeOf(moves))
            if (isLate) assert.equal(done.kind, 'destroyed', 'it was stored after the logout')
            if (done.kind === 'destroyed') return
            stored.push(index)
            if (!twice) return
            await delay(thinks)
            await store.set('s', { ...data, [`own ${index}`]: 'again' }, done.base, lifeOf(moves))
          })
          if (logout !== null) {
            await delay(logout)
            await first.destroy('s')
            isOut = true
          }
          await Promise.all(work)
          const last = await first.get('s')
          if (logout !== null) {
            assert.equal(last, null)
            return
          }
          assert.ok(last)
          assert.equal(last.data['user'], 7)
          for (const index of stored) assert.equal(last.data[`own ${index}`], requests[index]?.twice === true ? 'again' : index)
          for (const field of shared) assert.ok(values.get(field)?.has(last.data[field]), `${field}: ${String(last.data[field])}`)
        }),
        { numRuns: 150 },
      )
    })

    it('refuses only who has changed what somebody else has changed too', async () => {
      await fc.assert(
        fc.asyncProperty(run, async ({ requests, rest, sealed }) => {
          const stores = backEnds('refuse', sealed)
          const [first] = stores
          assert.ok(first)
          await first.set('s', { ...initial, rest: 'x'.repeat(rest) }, null)
          const wins = new Map<string, number>(shared.map((field) => [field, 0]))
          await Promise.all(
            requests.map(async ({ starts, thinks, changes, by, moves }, index) => {
              const store = stores[by]
              assert.ok(store)
              await delay(starts)
              const read = await store.get('s')
              assert.ok(read)
              const fields = new Set(changes.map(([field]) => field))
              const data: Record<string, unknown> = { ...read.data, [`own ${index}`]: index }
              // A value of its own, so that every change is one.
              for (const field of fields) data[field] = `by ${index}`
              await delay(thinks)
              try {
                await store.set('s', data, read, lifeOf(moves))
                for (const field of fields) wins.set(field, (wins.get(field) ?? 0) + 1)
              } catch (error) {
                assert.ok(isCacheError(error, 'conflict'))
                assert.ok(fields.size > 0, 'nobody else changes what only this one changes')
              }
            }),
          )
          const last = (await first.get('s'))?.data ?? {}
          for (const [field, count] of wins) assert.equal(last[field] === 0, count === 0, field)
          // Whoever was not refused is in it with all that it has changed, or somebody later has read it.
          for (const [index, { changes }] of requests.entries())
            if (changes.length === 0) assert.equal(last[`own ${index}`], index)
        }),
        { numRuns: 100 },
      )
    })
  })
