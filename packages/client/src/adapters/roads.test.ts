/** Roads that go bad: nothing hangs for good, and no answer is taken for another one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Logger } from '@valkey/valkey-glide'
import { isCacheError } from '../errors.ts'
import { openProxy } from '../testing/proxy.ts'
import { openServers, slowness, until } from '../testing/servers.ts'
import { connectGlide } from './glide.ts'
import { connectIoredis } from './ioredis.ts'
import { connectNodeRedis } from './node-redis.ts'

Logger.init('off')

const keys = Array.from({ length: 20 }, (_, index) => `key:${index}`)

for (const [name, connect] of [
  ['@redis/client', connectNodeRedis],
  ['ioredis', connectIoredis],
  ['GLIDE', connectGlide],
] as const) {
  /** All values, each of which must be that of its own key. */
  const open = async () => {
    const servers = await openServers()
    const server = await servers.start()
    const proxy = await openProxy(server)
    for (const key of keys) await server.command('SET', key, `${key} has this`)
    const connection = await connect({ url: proxy.url, commandTimeout: 200, connectTimeout: 800 })
    const read = async (): Promise<boolean> => {
      try {
        const answers = await connection.send(keys.map((key) => ({ key, args: ['GET', key] })))
        for (const [index, { value }] of answers.entries()) assert.equal(String(value), `${keys[index]} has this`)
        return true
      } catch (error) {
        if (!isCacheError(error, 'unavailable')) throw error
        return false
      }
    }
    return {
      server,
      proxy,
      connection,
      read,
      [Symbol.asyncDispose]: async () => {
        await connection.close()
        await proxy[Symbol.asyncDispose]()
        await servers[Symbol.asyncDispose]()
      },
    }
  }

  test(`${name}: a server that takes connections and never answers is given up, and the next connection is tried`, async () => {
    await using one = await open()
    assert.ok(await one.read())
    one.proxy.set('hang')
    const began = performance.now()
    for (let turn = 0; turn < 3; turn += 1) assert.equal(await one.read(), false)
    assert.ok(performance.now() - began < 2_000 * slowness, 'nobody waits for long')
    // Long enough for a new connection that hangs, too.
    await until('it has connected anew', () => performance.now() - began > 3_500)
    assert.equal(await one.read(), false)
    one.proxy.set('open')
    await until('it answers', one.read)
    // GLIDE never closes the one that stood when the server began to hang.
    await until('what was given up is closed', () => one.proxy.open <= (name === 'GLIDE' ? 2 : 1), 20_000)
  })

  test(`${name}: a slow server is given up in time, and its late answers are nobody’s`, async () => {
    await using one = await open()
    assert.ok(await one.read())
    one.proxy.delay(300)
    for (let turn = 0; turn < 5; turn += 1) {
      const began = performance.now()
      assert.equal(await one.read(), false)
      assert.ok(performance.now() - began < 1_000 * slowness)
    }
    one.proxy.delay(0)
    await until('it answers', one.read)
    for (let turn = 0; turn < 20; turn += 1) assert.ok(await one.read())
  })

  test(`${name}: of an answer that ends in the middle nothing is given, nor is it sent again`, async () => {
    await using one = await open()
    assert.ok(await one.read())
    for (let turn = 1; turn <= 5; turn += 1) {
      one.proxy.cutAfter(2)
      await assert.rejects(
        one.connection.send([{ key: 'count', args: ['INCR', 'count'] }, ...keys.map((key) => ({ key, args: ['GET', key] }))]),
      )
      await until('it answers', one.read)
      assert.equal(Number(await one.server.command('GET', 'count')), turn)
    }
  })

  test(`${name}: after an answer that makes no sense no answer is taken for another one`, async () => {
    await using one = await open()
    for (const garbage of ['?what\r\n', 'HTTP/1.1 400 Bad Request\r\n\r\n']) {
      assert.ok(await one.read())
      one.proxy.garble(garbage)
      await one.read()
      await until('it answers', one.read)
      for (let turn = 0; turn < 10; turn += 1) assert.ok(await one.read(), garbage)
    }
  })
}
