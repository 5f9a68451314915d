/** Several copies of the library in one process, as bundles, monorepos and test runners have them: what one makes, the others take for what it is. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type * as Library from './index.ts'
import { openProxy } from './testing/proxy.ts'
import { openServers } from './testing/servers.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
const servers = await openServers()
after(async () => {
  await servers[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const copyTo = (name: string): string => {
  const to = join(folder, name)
  mkdirSync(to)
  // As it is compiled now: whoever tests has compiled it.
  for (const part of ['dist', 'package.json']) cpSync(join(root, 'packages/client', part), join(to, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(to, 'node_modules'))
  return to
}
const require = createRequire(import.meta.url)
const load = async (path: string): Promise<typeof Library> => (await import(pathToFileURL(path).href)) as typeof Library
const one = copyTo('one')
const copies: Readonly<Record<string, typeof Library>> = {
  'an ES module': await load(join(one, 'dist/index.js')),
  'CommonJS of the same package': require(join(one, 'dist/commonjs/index.js')) as typeof Library,
  'another copy': await load(join(copyTo('two'), 'dist/index.js')),
}
const ioredis = (await import(pathToFileURL(join(one, 'dist/adapters/ioredis.js')).href)) as {
  readonly connectIoredis: typeof Library.connectNodeRedis
}

const pairs = Object.entries(copies).flatMap(([name, own]) =>
  Object.entries(copies).flatMap(([otherName, other]) => (own === other ? [] : [{ name, own, otherName, other }])),
)

test('they are copies: each has a class of its own', () => {
  assert.equal(pairs.length, 6)
  for (const { own, other } of pairs) assert.notEqual(own.CacheError, other.CacheError)
})

for (const { name, own, otherName, other } of pairs) {
  test(`${name} knows the errors of ${otherName}`, () => {
    const error: Error = new other.CacheError('unavailable', 'away')
    const isOwn = (value: unknown): boolean => value instanceof own.CacheError
    assert.equal(own.isCacheError(error, 'unavailable', 'refused'), true)
    assert.equal(own.isCacheError(error, 'usage'), false)
    assert.equal(isOwn(error), true)
    class Special extends own.CacheError {}
    assert.equal(error instanceof Special, false, 'of a class that extends it, only its own')
    assert.equal(new Special('usage', 'x') instanceof other.CacheError, true)
    for (const stranger of [null, undefined, 'unavailable', new Error('x'), { code: 'unavailable', name: 'CacheError' }])
      assert.ok(!own.isCacheError(stranger) && !isOwn(stranger))
  })
  for (const [connectName, connect] of [
    ['@redis/client', other.connectNodeRedis],
    ['ioredis', ioredis.connectIoredis],
  ] as const)
    test(`a cache of ${name} asks the source where a server is away that ${otherName} connects to by ${connectName}`, async () => {
      const server = await servers.start()
      await using proxy = await openProxy(server)
      const cache = await own.createCache({
        url: proxy.url,
        connect,
        commandTimeout: 100,
        patience: 100,
        codec: other.binaryCodec,
      })
      assert.equal(await cache.get('k', () => 1), 1)
      assert.equal(await cache.get('k', () => 2), 1)
      proxy.set('hang')
      for (let n = 10; n < 13; n += 1) assert.equal(await cache.get('k', () => n), n)
      assert.deepEqual(await cache.getMany(['k', 'l'], async () => ({ k: 5, l: 6 })), new Map(Object.entries({ k: 5, l: 6 })))
      await assert.rejects(cache.invalidate(['t']), (error: unknown) => other.isCacheError(error, 'unavailable'))
      assert.match((await cache.explain('k')).why, /cannot be asked/)
      await cache.close({ patience: 0 })
      await server.kill()
    })
  test(`a cache of ${name} starts without a server that ${otherName} does not find`, async () => {
    const warned = new Promise<Error>((resolve) => void process.once('warning', resolve))
    const cache = await own.createCache({
      url: 'redis://127.0.0.1:1',
      connect: (options) => other.connectNodeRedis({ ...options, connectTimeout: 100 }),
    })
    assert.equal((await warned).name, 'CacheWarning')
    assert.equal(await cache.get('k', () => 'from the source'), 'from the source')
    await cache.close({ patience: 0 })
  })
}
