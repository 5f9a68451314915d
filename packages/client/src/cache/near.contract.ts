/** The near cache on real servers: what it holds is never older than the last invalidation that has returned. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Connect } from '../connection/connection.ts'
import { type Cache, createCache } from '../index.ts'
import { openServers, type Server, type Servers, until } from '../testing/servers.ts'
import { standStill } from '../testing/standing-still.ts'

const maxBytes = 1_000_000

export const nearContract = (name: string, connect: Connect): void => {
  for (const kind of ['single', 'cluster'] as const)
    describe(`a near cache by ${name} on ${kind === 'cluster' ? 'a cluster' : 'one server'}`, () => {
      let servers: Servers
      let nodes: readonly Server[]
      let near: Cache
      let writer: Cache
      const open = (bytes: number | null) =>
        createCache({ url: nodes[0]?.url ?? '', connect, ...(bytes === null ? {} : { near: { maxBytes: bytes } }) })
      /** Reads until it is held in the process. */
      const hold = async <T>(cache: Cache, key: string, load: () => Promise<T>, tags: readonly string[] = []): Promise<T> => {
        let value = await cache.get(key, load, { tags })
        await until(`${key} is near`, async () => {
          value = await cache.get(key, load, { tags })
          return (await cache.explain(key, { tags })).near
        })
        return value
      }
      before(async () => {
        servers = await openServers()
        nodes = kind === 'cluster' ? await servers.cluster(3) : [await servers.start()]
        near = await open(maxBytes)
        writer = await open(null)
      })
      after(async () => {
        await Promise.all([near.close(), writer.close()])
        await servers[Symbol.asyncDispose]()
      })

      it('gives what it holds without asking the server, the same to all, frozen', async () => {
        const value = await hold(near, 'held', async () => ({ list: [{ a: 1 }] }), ['held'])
        const before = near.counters()
        const again = await near.get('held', async () => ({ list: [{ a: 2 }] }), { tags: ['held'] })
        assert.equal(again, value)
        assert.equal(near.counters().nearHits, before.nearHits + 1)
        assert.throws(() => again.list.push({ a: 3 }), TypeError)
        const many = await near.getMany(['held'], async () => new Map(), { tags: () => ['held'] })
        assert.equal(many.get('held'), value)
      })

      it('has nothing of before, the moment that an invalidation has returned, whoever called it', async () => {
        let version = 0
        const load = async () => version
        for (let turn = 0; turn < 100; turn += 1) {
          assert.equal(await hold(near, 'turn', load, ['turn']), version)
          version += 1
          await (turn % 2 === 0 ? writer : near).invalidate(['turn'])
          assert.equal(await near.get('turn', load, { tags: ['turn'] }), version)
        }
      })

      it('nor after a put or a delete, with tags and without', async () => {
        let version = 0
        const load = async () => version
        for (const tags of [[], ['some'], ['some', 'more']])
          for (let turn = 0; turn < 20; turn += 1) {
            assert.equal(await hold(near, 'put', load, tags), version)
            const write = async () => {
              version += 1
            }
            const cache = turn % 4 < 2 ? writer : near
            if (turn % 2 === 0) await cache.put('put', version + 1, write, { tags })
            else {
              await write()
              await cache.delete('put')
            }
            assert.equal(await near.get('put', load, { tags }), version)
          }
      })

      it('is not asked for an entry with other tags, and drops those that the server drops', async () => {
        await hold(near, 'tags', async () => 1, ['x'])
        assert.equal(await near.get('tags', async () => 2, { tags: ['y'] }), 2)
        await hold(near, 'by hand', async () => 1, ['hand'])
        for (const node of nodes) await node.command('DEL', 'cache:t:hand').catch(() => undefined) // of another node
        await until('it was told', async () => (await near.get('by hand', async () => 2, { tags: ['hand'] })) === 2)
        await hold(near, 'flushed', async () => 1)
        for (const node of nodes) await node.command('FLUSHALL')
        await until('it was told', async () => (await near.get('flushed', async () => 2)) === 2)
        await hold(near, 'flushed', async () => 3)
        await writer.delete('flushed')
        assert.equal(await near.get('flushed', async () => 4), 4)
      })

      it('keeps to its bytes', async () => {
        const small = await open(20_000)
        const text = 'x'.repeat(1_000)
        for (let index = 0; index < 100; index += 1) {
          await small.get(`bytes:${index}`, async () => text)
          await small.get(`bytes:${index}`, async () => text)
        }
        let held = 0
        for (let index = 0; index < 100; index += 1) if ((await small.explain(`bytes:${index}`)).near) held += 1
        assert.ok(held < 10, `${held} of 1,000 bytes in 20,000`)
        await small.close()
      })

      it('believes nothing when the connection is lost, and holds again when it is back', async () => {
        const value = async () => 1
        await hold(near, 'lost', value)
        for (const node of nodes) await node.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
        await until('it has noticed', async () => !(await near.explain('lost').catch(() => ({ near: false }))).near)
        await until('it holds again', async () => {
          await near.get('lost', value)
          return (await near.explain('lost').catch(() => ({ near: false }))).near
        })
      })
    })

  describe(`a near cache by ${name} that is not heard`, () => {
    it('is waited for as long as it may believe itself, and has nothing of before when it is back', async () => {
      await using servers = await openServers()
      const server = await servers.start()
      const [near, writer] = [
        await createCache({ url: server.url, connect, near: { maxBytes } }),
        await createCache({ url: server.url, connect }),
      ]
      try {
        let version = 1
        const get = () => near.get('k', async () => version, { tags: ['t'] })
        await until('it is near', async () => (await get()) === 1 && near.counters().nearHits > 0)
        // A member that has died without a word.
        await server.command('ZADD', 'cache:{near}:members', '0', 'dead')
        const began = performance.now()
        version += 1
        await writer.invalidate(['t'])
        const first = performance.now() - began
        assert.ok(first > 900 && first < 1_800, `${first} ms`)
        assert.equal(await get(), version)
        const again = performance.now()
        await writer.invalidate(['t'])
        assert.ok(performance.now() - again < 500, 'it is waited for once')
        // This process does nothing for longer than it may believe itself.
        await until('it is near', async () => (await get()) === version && (await near.explain('k', { tags: ['t'] })).near)
        standStill(1_300)
        assert.equal((await near.explain('k', { tags: ['t'] })).near, false)
        await delay(1)
        assert.equal(await get(), version)
      } finally {
        await Promise.all([near.close(), writer.close()])
      }
    })
  })
}
