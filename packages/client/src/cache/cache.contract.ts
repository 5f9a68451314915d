/** What the cache does by every client, on real servers: what it gives, what it never gives, and that it keeps nobody waiting. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Connect } from '../connection/connection.ts'
import { isCacheError } from '../errors.ts'
import { type Cache, type CacheOptions, createCache } from '../index.ts'
import { openServers, type Server, type Servers, until } from '../testing/servers.ts'

const counting = <T>(value: () => T) => {
  const load = async (): Promise<T> => {
    load.times += 1
    return value()
  }
  load.times = 0
  return load
}
const gate = <T>() => {
  let open: (value: T) => void = () => undefined
  const passed = new Promise<T>((resolve) => {
    open = resolve
  })
  return { open, passed }
}

export const cacheContract = (name: string, connect: Connect, kinds: readonly ('single' | 'cluster')[]): void => {
  for (const kind of kinds)
    describe(`a cache by ${name} on ${kind === 'cluster' ? 'a cluster' : 'one server'}`, () => {
      let servers: Servers
      let nodes: readonly Server[]
      let cache: Cache
      let other: Cache
      const open = (options: Partial<CacheOptions> = {}) => createCache({ url: nodes[0]?.url ?? '', connect, ...options })
      before(async () => {
        servers = await openServers()
        nodes = kind === 'cluster' ? await servers.cluster(3) : [await servers.start()]
        cache = await open()
        other = await open()
      })
      after(async () => {
        await Promise.all([cache.close(), other.close()])
        await servers[Symbol.asyncDispose]()
      })

      it('loads once, and gives everybody what was loaded, each his own', async () => {
        const load = counting(() => ({ name: 'Ada', n: 1 }))
        const all = await Promise.all(Array.from({ length: 100 }, () => cache.get('user:1', load, { tags: ['user:1'] })))
        assert.equal(load.times, 1)
        for (const one of all) assert.deepEqual(one, { name: 'Ada', n: 1 })
        assert.notEqual(all[0], all[1])
        assert.deepEqual(await other.get('user:1', load, { tags: ['user:1'] }), { name: 'Ada', n: 1 })
        assert.equal(load.times, 1)
      })

      it('loads once also where several processes miss at once, and nobody gets it before it is there', async () => {
        const ends = gate<string>()
        const load = counting(() => ends.passed)
        const asked = [cache, other, cache, other].map(async (one, index) => {
          await delay(index * 15)
          return one.get('herd', load, { tags: ['herd'] })
        })
        await delay(120)
        assert.equal(load.times, 1)
        ends.open('all the same')
        assert.deepEqual(await Promise.all(asked), Array(4).fill('all the same'))
        assert.equal(load.times, 1)
      })

      it('keeps null, false, zero, empty texts, and what is undefined', async () => {
        for (const value of [null, false, 0, '', undefined, [], { a: [1, { b: null }] }]) {
          const load = counting(() => value)
          const key = `value:${JSON.stringify(value)}`
          assert.deepEqual(await cache.get(key, load), value)
          assert.deepEqual(await other.get(key, load), value)
          assert.equal(load.times, 1, key)
        }
      })

      it('gives nothing of before an invalidation, of whichever of its tags, to anybody', async () => {
        let n = 0
        const load = counting(() => (n += 1))
        const options = { tags: ['b', 'a', 'b'] }
        for (const tag of ['a', 'b']) {
          const before = await cache.get('tagged', load, options)
          assert.equal(await other.get('tagged', load, { tags: ['a', 'b'] }), before)
          await other.invalidate([tag, 'unused'])
          assert.equal(await cache.get('tagged', load, options), before + 1)
          assert.equal(await other.get('tagged', load, options), before + 1)
        }
        await cache.invalidate(['c'])
        await cache.invalidate([])
        assert.equal(await cache.get('tagged', load, options), n)
      })

      it('does not revive what was loaded before an invalidation and is stored after it', async () => {
        const options = { tags: ['slow'] }
        const [started, ends] = [gate<void>(), gate<string>()]
        const slow = cache.get(
          'slow',
          () => {
            started.open()
            return ends.passed
          },
          options,
        )
        await started.passed
        await other.invalidate(['slow'])
        assert.equal(await cache.get('slow', async () => 'new', options), 'new', 'who comes now does not wait for the old load')
        ends.open('old')
        assert.equal(await slow, 'old', 'who asked before may have it')
        assert.equal(await other.get('slow', async () => 'newer', options), 'new')
      })

      it('does not revive by a slow load what was deleted or written meanwhile, without any tags', async () => {
        for (const change of [
          () => other.delete('plain'),
          () => other.put('plain', 'written', async () => undefined),
          () => other.put('plain', 'written', async () => undefined, { tags: ['others', 'too'] }),
        ]) {
          const [started, ends] = [gate<void>(), gate<string>()]
          await cache.delete('plain')
          const slow = cache.get('plain', () => {
            started.open()
            return ends.passed
          })
          await started.passed
          await change()
          ends.open('old')
          assert.equal(await slow, 'old')
          assert.notEqual(await other.get('plain', async () => 'new'), 'old')
          assert.notEqual(await cache.get('plain', async () => 'new'), 'old')
        }
      })

      it('does not give an entry to who asks for other tags, since nobody would tell him of theirs', async () => {
        await cache.get('other tags', async () => 1, { tags: ['x'] })
        assert.equal(await cache.get('other tags', async () => 2, { tags: ['x', 'y'] }), 2)
        assert.equal(await cache.get('other tags', async () => 3), 3)
      })

      it('ends entries after their time, the negative ones after theirs', async () => {
        const load = counting(() => 'x')
        await cache.get('short', load, { ttl: 30 })
        await delay(40)
        await cache.get('short', load, { ttl: 30 })
        assert.equal(load.times, 2)
        const nothing = counting(() => null)
        for (let turn = 0; turn < 3; turn += 1) await cache.get('nothing', nothing, { negativeTtl: 0 })
        assert.equal(nothing.times, 3)
        await cache.get('nothing', nothing, { negativeTtl: 30 })
        await delay(40)
        await cache.get('nothing', nothing, { negativeTtl: 30 })
        assert.equal(nothing.times, 5)
      })

      it('gives what is stale while it is loaded behind, and where the load fails, and never after an invalidation', async () => {
        const options = { tags: ['stale'], ttl: 20, staleWhileRevalidate: 10_000, earlyRefresh: 0 }
        let n = 0
        const load = counting(async () => (n += 1))
        assert.equal(await cache.get('stale', load, options), 1)
        await delay(30)
        assert.equal(await other.get('stale', load, options), 1)
        await until('it is loaded behind', () => load.times === 2)
        await until('the new one is given', async () => (await cache.get('stale', load, options)) >= 2)
        await cache.invalidate(['stale'])
        const [was, now] = [n, await other.get('stale', load, options)]
        assert.ok(now > was)

        const failing = { tags: ['failing'], ttl: 20, staleIfError: 10_000, earlyRefresh: 0 }
        const fails = async (): Promise<string> => {
          throw new Error('the source is down')
        }
        assert.equal(await cache.get('failing', async () => 'good', failing), 'good')
        await delay(30)
        assert.equal(await other.get('failing', fails, failing), 'good')
        const hangs = counting(() => delay(10_000, 'late', { ref: false }))
        const began = performance.now()
        for (let turn = 0; turn < 10; turn += 1) assert.equal(await other.get('failing', hangs, failing), 'good')
        assert.ok(performance.now() - began < 1_000, 'nobody waits for the next failure')
        await until('it is loaded behind when the source is back', async () => {
          await other.get('failing', async () => 'better', failing)
          return (await cache.get('failing', fails, { ...failing, ttl: 60_000 }).catch(() => null)) === 'better'
        })
        await cache.invalidate(['failing'])
        await assert.rejects(other.get('failing', fails, failing), /the source is down/)
      })

      it('loads early, before the time is over, by one of many', async () => {
        const options = { ttl: 1_000, earlyRefresh: 1e6 }
        const load = counting(() => delay(5, 'loaded'))
        const loads: boolean[] = []
        const seen = await open({ observe: (event) => void (event.type === 'load' && loads.push(event.background)) })
        await seen.get('early', load, options)
        await seen.get('early', load, options)
        await until('it was loaded again behind', () => loads.length === 2)
        assert.deepEqual([load.times, ...loads], [2, false, true])
        await seen.close()
        const late = counting(async () => 1)
        await cache.get('late', late, { ttl: 1_000, earlyRefresh: 0 })
        for (let turn = 0; turn < 20; turn += 1) await cache.get('late', late, { ttl: 1_000, earlyRefresh: 0 })
        assert.equal(late.times, 1)
      })

      it('passes on what a load rejects with, keeps nothing of it, and lets the next one try at once', async () => {
        const fails = async (): Promise<string> => {
          throw new TypeError('the source is down')
        }
        const all = await Promise.allSettled([cache.get('broken', fails), other.get('broken', fails)])
        for (const one of all) assert.match(one.status === 'rejected' ? String(one.reason) : '', /TypeError: the source is down/)
        assert.equal(await cache.get('broken', async () => 'back'), 'back')
      })

      it('lets each who waits give up, and aborts the load when nobody waits any longer', async () => {
        const started = gate<void>()
        let aborts = 0
        const load = ({ signal }: { readonly signal: AbortSignal }): Promise<string> =>
          new Promise((_, reject) => {
            started.open()
            signal.addEventListener('abort', () => {
              aborts += 1
              reject(signal.reason)
            })
          })
        const controller = new AbortController()
        const second = cache.get('slow load', load, { signal: controller.signal })
        second.catch(() => undefined) // looked at below
        await started.passed
        const first = cache.get('slow load', load, { timeout: 50 })
        await assert.rejects(first, (error: unknown) => isCacheError(error, 'timeout'))
        assert.equal(aborts, 0, 'somebody waits still')
        controller.abort(new Error('the user has left'))
        await assert.rejects(second, /the user has left/)
        assert.equal(aborts, 1)
        assert.equal(await cache.get('slow load', async () => 'next', { timeout: 5_000 }), 'next')
      })

      it('keeps what is put, and only where nobody else changed anything meanwhile', async () => {
        const options = { tags: ['put'] }
        const load = counting(() => 'loaded')
        await cache.put('put', 'mine', async () => undefined, options)
        assert.equal(await other.get('put', load, options), 'mine')
        await cache.put('put', 'late', () => other.invalidate(['put']), options)
        assert.equal(await other.get('put', load, options), 'loaded')
        await cache.put('put', 'first', () => other.put('put', 'second', async () => undefined, options), options)
        assert.equal(await other.get('put', load, options), 'loaded')
        await assert.rejects(
          cache.put('put', 'never', () => Promise.reject(new Error('refused')), options),
          /refused/,
        )
        assert.equal(await other.get('put', load, options), 'loaded')
        await cache.put('alone', 1, async () => undefined)
        assert.equal(await other.get('alone', async () => 2), 1)
      })

      it('lets readers go to the source while somebody writes, and keeps nothing of that', async () => {
        const writing = gate<void>()
        const write = cache.put('written', 'new', () => writing.passed)
        await until(
          'it is being written',
          async () => (await other.get('written', async () => 'old')) === 'old' && other.counters().bypasses > 0,
        )
        writing.open()
        await write
        assert.equal(await other.get('written', async () => 'never asked'), 'new')
      })

      it('gives many in one round trip, and loads all the others at once', async () => {
        await cache.get('many:1', async () => 1, { tags: ['many'] })
        const asked: (readonly string[])[] = []
        const load = async (keys: readonly string[]) => {
          asked.push(keys)
          return new Map(keys.filter((key) => key !== 'many:3').map((key) => [key, Number(key.slice(5))]))
        }
        const keys = ['many:0', 'many:1', 'many:2', 'many:3', 'many:2']
        const tags = () => ['many']
        const expected = new Map([
          ['many:0', 0],
          ['many:1', 1],
          ['many:2', 2],
        ])
        assert.deepEqual(new Map([...(await cache.getMany(keys, load, { tags }))].sort()), expected)
        assert.deepEqual(asked, [['many:0', 'many:2', 'many:3']])
        assert.deepEqual(new Map([...(await other.getMany(keys, load, { tags }))].sort()), expected)
        assert.deepEqual(asked[1], ['many:3'])
        await other.invalidate(['many'])
        await cache.getMany(keys, load, { tags })
        assert.deepEqual(asked[2], ['many:0', 'many:1', 'many:2', 'many:3'])
        assert.deepEqual(await cache.getMany([], load), new Map())
      })

      it('wraps functions, and keeps name spaces apart', async () => {
        const work = counting(() => 'made')
        const add = cache.wrap(async (a: number, b: number) => `${await work()} ${a + b}`, {
          key: (a, b) => `add:${a}:${b}`,
          tags: (a) => [`a:${a}`],
        })
        assert.deepEqual([await add(1, 2), await add(1, 2), await add(2, 2)], ['made 3', 'made 3', 'made 4'])
        assert.equal(work.times, 2)
        await other.invalidate(['a:1'])
        await add(1, 2)
        assert.equal(work.times, 3)
        const [one, two] = [cache.namespace('one'), cache.namespace('two')]
        assert.equal(await one.get('k', async () => 1, { tags: ['t'] }), 1)
        assert.equal(await two.get('k', async () => 2, { tags: ['t'] }), 2)
        await one.invalidate(['t'])
        assert.equal(await two.get('k', async () => 3, { tags: ['t'] }), 2)
        assert.equal(await one.get('k', async () => 4, { tags: ['t'] }), 4)
        assert.deepEqual(
          await two.getMany(['k', 'l'], async (keys) => Object.fromEntries(keys.map((key) => [key, 9])), { tags: () => ['t'] }),
          new Map([
            ['k', 2],
            ['l', 9],
          ]),
        )
      })

      it('keeps large values small, and gives those that are too large without keeping them', async () => {
        const small = await open({ namespace: 'sizes', compressAbove: 100, maxEntryBytes: 10_000 })
        const text = 'abc '.repeat(1_000)
        assert.equal(await small.get('text', async () => text), text)
        assert.equal(await small.get('text', async () => 'never'), text)
        const { bytes = 0 } = await small.explain('text')
        assert.ok(bytes > 0 && bytes < 200, `${bytes} bytes`)
        const load = counting(() => 'x'.repeat(20_000))
        for (let turn = 0; turn < 2; turn += 1) assert.equal((await small.get('large', load)).length, 20_000)
        assert.equal(load.times, 2)
        await small.close()
      })

      it('explains what it would find', async () => {
        const tags = ['why:a', 'why:b']
        const why = async (key: string, options = { tags }) => {
          const { result, why } = await other.explain(key, options)
          return `${result}: ${why}`
        }
        assert.match(await why('why'), /^miss: nothing is stored/)
        await cache.get('why', async () => 1, { tags, ttl: 60_000 })
        assert.match(await why('why'), /^hit: fresh for another \d+ ms/)
        assert.match(
          await why('why', { tags: ['x'] }),
          /^miss: it was stored with the tags why:a, why:b, and is asked for with x/,
        )
        await cache.invalidate(['why:b'])
        assert.match(await why('why'), /^miss: invalidated since it was loaded: why:b/)
        await cache.get('why over', async () => 1, { ttl: 10, staleIfError: 10_000 })
        await delay(20)
        assert.match(await why('why over', { tags: [] }), /^stale: its time is over since \d+ ms/)
      })

      it('survives versions that were evicted, and entries that somebody else wrote', async () => {
        const options = { tags: ['evicted'] }
        await cache.get('evicted', async () => 1, options)
        for (const node of nodes) await node.command('DEL', 'cache:t:evicted').catch(() => undefined) // of another node
        assert.equal(await cache.get('evicted', async () => 2, options), 2)
        for (const node of nodes) await node.command('SET', 'cache:e:{evicted}', 'garbage').catch(() => undefined) // of another node
        assert.equal(await cache.get('evicted', async () => 3, options), 3)
      })

      it('says what makes no sense', async () => {
        const usage = (work: () => Promise<unknown>) => assert.rejects(work, (error: unknown) => isCacheError(error, 'usage'))
        for (const ttl of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) await usage(() => cache.get('x', async () => 1, { ttl }))
        await usage(() => cache.get('', async () => 1))
        await usage(() => cache.get('x', async () => 1, { tags: ['a\nb'] }))
        await usage(() => cache.invalidate(['']))
        await usage(() => open({ namespace: 'a{b' }))
        await usage(async () => cache.namespace(''))
        const wrong = (value: unknown): never => value as never
        await usage(() => cache.get('x', wrong(undefined)))
        await usage(() => cache.get('x', async () => 1, { tags: wrong('x') }))
        await usage(() => cache.invalidate(wrong('x')))
        await usage(() => cache.put('x', 1, wrong(undefined)))
        await usage(() => cache.getMany(wrong('xy'), async () => ({})))
        await usage(() => cache.getMany(['x'], wrong(undefined)))
        await usage(async () => cache.wrap(async () => 1, wrong({})))
        await usage(() => createCache(wrong(undefined)))
        await usage(() => open({ defaults: wrong({ tags: ['x'] }) }))
        await usage(() => open({ defaults: { ttl: -1 } }))
        await usage(() => open({ patience: Number.NaN }))
        await usage(() => open({ breaker: { wait: -1 } }))
        await usage(() => open({ near: { maxBytes: 0 } }))
      })
    })
}
