/** Write-behind when things happen at once: values that are put while others are written, by this process and by others. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isCacheError } from '../errors.ts'
import { type Cache, type CacheOptions, createCache, type WriteBehindOptions } from '../index.ts'
import { openServers, type Server, type Servers, until } from '../testing/servers.ts'

const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Each write waits until it is let go on. */
const gatedSource = <T>() => {
  const values = new Map<string, T>()
  const written: T[] = []
  let open: ((error?: Error) => void) | null = null
  let isOpen = false
  return {
    values,
    written,
    write: async (key: string, value: T): Promise<void> => {
      if (!isOpen)
        await new Promise<void>((resolve, reject) => {
          open = (error) => (error === undefined ? resolve() : reject(error))
        })
      values.set(key, value)
      written.push(value)
    },
    /** Resolves when one waits. */
    begun: (): Promise<void> => until('it is being written', () => open !== null),
    letOne: (error?: Error): void => {
      const one = open
      open = null
      one?.(error)
    },
    letAll: (): void => {
      isOpen = true
      open?.()
    },
  }
}

describe('write-behind, interleaved', () => {
  let servers: Servers
  let server: Server
  let names = 0
  before(async () => {
    servers = await openServers()
    server = await servers.start()
  })
  after(() => servers[Symbol.asyncDispose]())

  /** Two processes; the queue belongs to the first. */
  const scene = async <T>(options: Partial<WriteBehindOptions<T>> = {}, cacheOptions: Partial<CacheOptions> = {}) => {
    names += 1
    const namespace = `scene${names}`
    const source = gatedSource<T>()
    const open = (): Promise<Cache> => createCache({ url: server.url, namespace, ...cacheOptions })
    const [cache, other] = [await open(), await open()]
    const queue = cache.writeBehind<T>({
      write: source.write,
      onLost: (key, _value, error) => assert.fail(`${key} was lost: ${String(error)}`),
      ...options,
    })
    const read = (tags: readonly string[] = []) => other.get('k', async () => source.values.get('k') ?? null, { tags })
    return {
      source,
      cache,
      other,
      queue,
      read,
      [Symbol.asyncDispose]: async (): Promise<void> => {
        source.letAll()
        await queue.close()
        await Promise.all([cache.close(), other.close()])
      },
    }
  }

  it('what is put while the earlier one is being finished is read by everybody, also by a server that has no scripts yet', async () => {
    await using own = await openServers()
    const fresh = await own.start()
    await using one = await scene<number>({}, { url: fresh.url })
    await one.queue.put('k', 1, { tags: ['t'] })
    await one.source.begun()
    one.source.letOne()
    // The earlier one is written by now, and the server is being told.
    await endOfTurn()
    await one.queue.put('k', 2, { tags: ['t'] })
    assert.equal(await one.read(['t']), 2)
  })

  it('what is put after somebody has invalidated one of its tags is read by everybody', async () => {
    await using one = await scene<number>()
    await one.queue.put('k', 1, { tags: ['t'] })
    await one.other.invalidate(['t'])
    await one.queue.put('k', 2, { tags: ['t'] })
    assert.equal(await one.read(['t']), 2)
  })

  it('what is put is read by everybody also when a key has been busy for longer than versions live', async () => {
    await using one = await scene<number>()
    // They live four times as long as entries.
    const [ttl, tags] = [250, ['t']]
    const end = performance.now() + 1_500
    for (let value = 1; performance.now() < end; value += 1) {
      const began = performance.now()
      await one.queue.put('k', value, { tags, ttl })
      const found = await one.other.get('k', async () => 'of the source', { tags, ttl })
      if (performance.now() - began < ttl / 2) assert.equal(found, value)
      await delay(5)
    }
  })

  it('nobody reads the earlier value when one is put that is too large to be kept', async () => {
    await using one = await scene<string>({}, { maxEntryBytes: 100 })
    await one.queue.put('k', 'small')
    assert.equal(await one.read(), 'small')
    await one.queue.put('k', 'x'.repeat(1_000))
    assert.equal(await one.read(), null)
  })

  it('loses nothing that is put while the last try of an earlier value fails', async () => {
    const lost: number[] = []
    await using one = await scene<number>({ retries: 0, onLost: (_key, value) => lost.push(value) })
    await one.queue.put('k', 1)
    await one.source.begun()
    await one.queue.put('k', 2)
    one.source.letOne(new Error('the source is down'))
    one.source.letAll()
    await one.queue.flush()
    assert.deepEqual(one.source.written, [2])
    assert.deepEqual(lost, [], 'a later one has taken its place')
  })

  it('shows nothing any longer that is lost, also when the application throws as it is told', async () => {
    await using one = await scene<number>({
      retries: 0,
      onLost: () => {
        throw new Error('the application')
      },
    })
    await one.queue.put('k', 1)
    await one.source.begun()
    one.source.letOne(new Error('the source is down'))
    await one.queue.flush()
    assert.equal(await one.read(), null)
  })

  it('keeps the order in which one process has called, whoever waits for what', async () => {
    await using one = await scene<number>()
    const first = one.queue.put('k', 1).then(() => one.queue.put('k', 3))
    await Promise.all([first, one.queue.put('k', 2)])
    one.source.letAll()
    await one.queue.flush()
    assert.equal(one.source.written.at(-1), 3)
    assert.equal(await one.read(), 3)
  })

  it('does not write what it has rejected, and shows it to nobody for long', async () => {
    await using own = await openServers()
    const stopped = await own.start()
    await using one = await scene<number>({}, { url: stopped.url, commandTimeout: 100, patience: 100 })
    await one.queue.put('k', 1)
    await one.source.begun()
    process.kill(stopped.pid, 'SIGSTOP')
    await assert.rejects(one.queue.put('k', 2), (error: unknown) => isCacheError(error, 'unavailable'))
    process.kill(stopped.pid, 'SIGCONT')
    one.source.letAll()
    await one.queue.flush()
    assert.deepEqual(one.source.written, [1])
    await until('the source is read', async () => (await one.read()) === 1)
  })

  it('flushes what was put before, while others go on putting', async () => {
    await using one = await scene<number>({ write: () => delay(20) })
    await one.queue.put('k', 0)
    let isFlushed = false
    const flushing = one.queue.flush().then(() => {
      isFlushed = true
    })
    const deadline = performance.now() + 3_000
    for (let value = 1; !isFlushed && performance.now() < deadline; value += 1) await one.queue.put('k', value)
    assert.ok(isFlushed, 'the value of before was replaced and written long ago')
    await flushing
  })

  it('flushes also what is on its way to be shown', async () => {
    await using one = await scene<number>()
    one.source.letAll()
    const putting = one.queue.put('k', 1)
    await one.queue.flush()
    assert.deepEqual(one.source.written, [1])
    await putting
  })

  it('keys that are put all the time do not keep the others from being written', async () => {
    const writes = new Map<string, number>()
    const write = async (key: string): Promise<void> => {
      await delay(10)
      writes.set(key, (writes.get(key) ?? 0) + 1)
    }
    await using one = await scene<number>({ atOnce: 2, write })
    const busy = (value: number) => Promise.all([one.queue.put('a', value), one.queue.put('b', value)])
    await busy(0)
    await one.queue.put('rare', 1)
    const deadline = performance.now() + 3_000
    for (let value = 1; !writes.has('rare') && performance.now() < deadline; value += 1) await busy(value)
    assert.equal(writes.get('rare'), 1)
  })

  it('writes a busy key no more often than its values may linger, and lingering ones do not wait for each other', async () => {
    let writes = 0
    const write = async (): Promise<void> => {
      writes += 1
    }
    await using one = await scene<number>({ linger: 300, atOnce: 2, write })
    const end = performance.now() + 1_000
    for (let value = 0; performance.now() < end; value += 1) await one.queue.put('k', value)
    assert.ok(writes <= 4, `${writes} writes in a second, each 300 ms after the one before`)
    const began = performance.now()
    await Promise.all(Array.from({ length: 20 }, (_, index) => one.queue.put(`k${index}`, index)))
    await one.queue.flush()
    assert.ok(performance.now() - began < 1_500, 'they linger at the same time')
  })

  it('says what options make no sense', async () => {
    const cache = await createCache({ url: server.url })
    const options = { write: async () => undefined, onLost: () => undefined }
    for (const wrong of [{ most: 0 }, { atOnce: 0 }, { retries: -1 }, { linger: Number.NaN }])
      assert.throws(
        () => cache.writeBehind({ ...options, ...wrong }),
        (error: unknown) => isCacheError(error, 'usage'),
      )
    const queue = cache.writeBehind<number>(options)
    await assert.rejects(queue.put('', 1), (error: unknown) => isCacheError(error, 'usage'))
    await cache.close()
  })
})
