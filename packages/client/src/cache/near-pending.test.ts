/** What could not be invalidated, where this process has it near: it reads around the cache, and so around what it holds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCacheError } from '../errors.ts'
import { createCache } from '../index.ts'
import { openServers, until } from '../testing/servers.ts'

test('what a server that hangs could not be told is not given from near either', async () => {
  await using servers = await openServers()
  const server = await servers.start()
  const cache = await createCache({ url: server.url, commandTimeout: 50, patience: 60, near: { maxBytes: 1_000_000 } })
  let version = 1
  const get = () => cache.get('key', async () => version, { tags: ['tag'] })
  const many = async () =>
    (await cache.getMany(['key'], async () => new Map([['key', version]]), { tags: () => ['tag'] })).get('key')
  try {
    await until('it is near', async () => (await get()) === 1 && (await cache.explain('key', { tags: ['tag'] })).near)
    version = 2
    process.kill(server.pid, 'SIGSTOP')
    await assert.rejects(cache.invalidate(['tag']), (error: unknown) => isCacheError(error, 'unavailable'))
    assert.equal(await get(), 2)
    assert.equal(await many(), 2)
    process.kill(server.pid, 'SIGCONT')
    await until('it is near again', async () => {
      assert.equal(await get(), 2)
      return (await cache.explain('key', { tags: ['tag'] }).catch(() => null))?.near === true
    })
  } finally {
    await cache.close()
  }
})

test('nor what a server refuses to be told, as long as it does', async () => {
  await using servers = await openServers()
  const server = await servers.start()
  await server.command('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '+@all')
  const url = server.url.replace('//', '//app:secret@')
  const cache = await createCache({ url, patience: 60, near: { maxBytes: 1_000_000 } })
  let version = 1
  const get = () => cache.get('key', async () => version, { tags: ['tag'] })
  try {
    await until('it is near', async () => (await get()) === 1 && (await cache.explain('key', { tags: ['tag'] })).near)
    await server.command('ACL', 'SETUSER', 'app', '-unlink')
    version = 2
    await assert.rejects(cache.invalidate(['tag']), (error: unknown) => isCacheError(error, 'refused'))
    assert.equal(await get(), 2)
    await server.command('ACL', 'SETUSER', 'app', '+unlink')
    await until('it is near again', async () => {
      assert.equal(await get(), 2)
      return (await cache.explain('key', { tags: ['tag'] })).near
    })
  } finally {
    await cache.close()
  }
})
