/** Keys, tags and name spaces that are not the same are never taken for each other, whatever they are made of. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { isCacheError } from '../errors.ts'
import { type Cache, createCache } from '../index.ts'
import { openServers, type Servers } from '../testing/servers.ts'

let servers: Servers
let caches: readonly Cache[]
before(async () => {
  servers = await openServers()
  const [single, cluster] = await Promise.all([servers.start(), servers.cluster(2)])
  caches = await Promise.all([single.url, cluster[0]?.url ?? ''].map((url) => createCache({ url })))
})
after(async () => {
  await Promise.all(caches.map((cache) => cache.close()))
  await servers[Symbol.asyncDispose]()
})

const keys = [
  'a',
  'a\nb',
  'a\nb\nc',
  'a\0b',
  'a\r\nb',
  '{a}',
  '{a',
  'a}',
  '{}',
  '%7Ba%7D',
  '%',
  '%25',
  'ä',
  'a\u0308',
  '😀',
  '__proto__',
  'constructor',
  ' ',
  'x'.repeat(100_000),
  'x'.repeat(100_001),
]

it('each key has a value of its own, asked for in one turn, one after the other, and all at once', async () => {
  for (const [index, cache] of caches.entries()) {
    const loading = keys.map((key) => cache.get(key, async () => [key], { tags: [] }))
    for (const [at, key] of keys.entries()) assert.deepEqual(await loading[at], [key], JSON.stringify(key.slice(0, 20)))
    const never = async () => assert.fail('it is there')
    for (const key of keys) assert.deepEqual(await cache.get(key, never), [key], `${index}`)
    const many = await cache.getMany(keys, never)
    for (const key of keys) assert.deepEqual(many.get(key), [key])
    const other = cache.namespace('many')
    const loaded = await other.getMany(keys, async (wanted) => new Map(wanted.map((key) => [key, [key, 'other']])))
    for (const key of keys) assert.deepEqual(loaded.get(key), [key, 'other'])
  }
})

it('a key is not taken for another one with tags, though both are asked for in one turn', async () => {
  for (const cache of caches) {
    const [one, two] = await Promise.all([
      cache.get('turn\nb', async () => 'one'),
      cache.get('turn', async () => 'two', { tags: ['b'] }),
    ])
    assert.deepEqual([one, two], ['one', 'two'])
  }
})

it('each tag is invalidated by itself', async () => {
  const tags = ['t', '{t}', 't}', '%7Bt%7D', 'tä', 'ta\u0308', '__proto__', ' ', 't'.repeat(10_000)]
  for (const cache of caches) {
    for (const tag of tags) await cache.get(`of ${tag}`, async () => 1, { tags: [tag] })
    for (const [at, tag] of tags.entries()) {
      await cache.invalidate([tag])
      for (const [index, other] of tags.entries()) {
        const { result } = await cache.explain(`of ${other}`, { tags: [other] })
        assert.equal(result, index <= at ? 'miss' : 'hit', `${other.slice(0, 10)} after ${tag.slice(0, 10)}`)
      }
    }
  }
})

it('texts that are not whole, which servers do not tell from each other, are refused', async () => {
  const usage = (error: unknown) => isCacheError(error, 'usage')
  for (const cache of caches) {
    await assert.rejects(
      cache.get('u\ud800', async () => 1),
      usage,
    )
    await assert.rejects(
      cache.get('u', async () => 1, { tags: ['\udc00'] }),
      usage,
    )
    await assert.rejects(cache.delete('u\ud800'), usage)
  }
})

it('name spaces that are not the same have no key in common', async () => {
  for (const cache of caches) {
    const names = ['a', 'a:', ':a', 'a:b', 'b']
    const spaces = names.flatMap((name) => {
      try {
        return [{ name, space: cache.namespace(name) }]
      } catch (error) {
        assert.ok(isCacheError(error, 'usage'), 'either refused, or kept apart')
        return []
      }
    })
    for (const { name, space } of spaces)
      for (const key of ['k', ':k', 'b::k', 'b:k']) {
        const value = `${name} ${key}`
        assert.equal(await space.get(key, async () => value), value)
        assert.equal(await space.get(key, async () => 'another one'), value)
      }
  }
})
