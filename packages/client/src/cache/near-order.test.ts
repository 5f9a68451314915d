/** Near caches of processes that hear late: whoever writes waits for them, in whatever order the server gets what it is told. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { connectNodeRedis } from '../adapters/node-redis.ts'
import type { Connect } from '../connection/connection.ts'
import { createCache } from '../index.ts'
import { openHolding } from '../testing/holding.ts'
import { openServers, type Server, type Servers, until } from '../testing/servers.ts'

let servers: Servers
let server: Server
before(async () => {
  servers = await openServers()
  server = await servers.start()
})
after(() => servers[Symbol.asyncDispose]())

/** A process that reads nothing of what has come while it is held: neither answers nor what it is told of changes. */
const lateHearing = () => {
  let free: Promise<void> | null = null
  let release = (): void => undefined
  const connect: Connect = async (how) => {
    const connection = await connectNodeRedis(how)
    const { tracking } = connection
    assert.ok(tracking)
    return {
      ...connection,
      send: async (commands, options) => {
        const answers = await connection.send(commands, { timeout: 10_000, ...options })
        await free
        return answers
      },
      tracking: {
        ...tracking,
        onInvalidated: (listener) =>
          tracking.onInvalidated((keys) => {
            if (free === null) listener(keys)
            else free.then(() => listener(keys)).catch(assert.fail)
          }),
      },
    }
  }
  return {
    connect,
    hold: (): void => {
      free = new Promise((resolve) => {
        release = () => {
          free = null
          resolve()
        }
      })
    },
    release: (): void => release(),
  }
}

/** Every near cache has seen to every invalidation that was announced. */
const allHaveSeen = async (namespace: string): Promise<boolean> => {
  const clock = Number(await server.command('GET', `${namespace}:{near}:clock`))
  return Number(await server.command('ZCOUNT', `${namespace}:{near}:members`, '-inf', `(${clock}`)) === 0
}

const scene = async (namespace: string) => {
  const proxy = await openHolding(server)
  const late = lateHearing()
  const near = { maxBytes: 1_000_000 }
  const writer = await createCache({ url: proxy.url, namespace, commandTimeout: 5_000 })
  const reader = await createCache({ url: server.url, namespace, near, connect: late.connect, commandTimeout: 5_000 })
  let version = 1
  const options = { tags: ['t'] }
  const read = (key: string): Promise<number> => reader.get(key, async () => version, options)
  return {
    proxy,
    late,
    writer,
    read,
    options,
    change: (): void => {
      version += 1
    },
    /** Reads until it is held in the process. */
    holdNear: (key: string): Promise<void> =>
      until('it is near', async () => {
        await read(key)
        return (await reader.explain(key, options)).near
      }),
    /** What is given now, without waiting for what has not come. */
    readNow: async (key: string): Promise<number> => {
      const found = read(key)
      late.release()
      return found
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      late.release()
      proxy.release()
      await Promise.all([writer.close(), reader.close()])
      await proxy[Symbol.asyncDispose]()
    },
  }
}

it('a put waits for near caches also where the server has to be given its scripts first', { timeout: 30_000 }, async () => {
  await using one = await scene('scripts')
  await one.holdNear('other')
  // As with a server on which things were invalidated, and nothing was put yet.
  await server.command('SCRIPT', 'FLUSH')
  await one.writer.invalidate(['unrelated'])
  const putting = one.writer.put(
    'key',
    1,
    async () => {
      one.change()
      one.proxy.holdFrom((packet) => packet.includes('\r\nEVAL\r\n'))
    },
    one.options,
  )
  await until('what voids the tag is on its way', () => one.proxy.held() > 0)
  await until('the reader has seen to what was announced', () => allHaveSeen('scripts'))
  one.late.hold()
  one.proxy.release()
  await putting
  assert.equal(await one.readNow('other'), 2)
})

it('a put of write-behind whose lock was taken waits for near caches once more', { timeout: 30_000 }, async () => {
  await using one = await scene('taken')
  const queue = one.writer.writeBehind<number>({ write: async () => one.change(), onLost: () => assert.fail(), linger: 60_000 })
  await queue.put('key', 10, one.options)
  // Somebody else removes it, with the lock; what a reader then finds in the source he keeps.
  await server.command('DEL', 'taken:e:{key}', 'taken:l:{key}')
  await one.holdNear('key')
  let packets = 0
  one.proxy.holdFrom((packet) => {
    // The first one finds that the lock is gone, the second one takes it anew.
    if (packet.includes('taken:l:{key}')) packets += 1
    return packets === 2
  })
  const putting = queue.put('key', 20, one.options)
  await until('it takes the lock anew', () => one.proxy.held() > 0)
  await until('the reader has seen to what was announced', () => allHaveSeen('taken'))
  one.late.hold()
  one.proxy.release()
  await putting
  assert.equal(await one.readNow('key'), 20)
})
