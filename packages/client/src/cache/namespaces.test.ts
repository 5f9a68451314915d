/** What belongs to the root and what to a namespace has names of its own, whatever the application calls it. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { type Cache, createCache } from '../index.ts'
import { openServers } from '../testing/servers.ts'
import { isPlain, nameOf, textOf } from './names.ts'

const servers = await openServers()
const server = await servers.start()
after(() => servers[Symbol.asyncDispose]())

/** Few letters, so that those that could be taken for one another meet. */
const text = fc.string({ unit: fc.constantFrom(':', '\\', 'a'), minLength: 1, maxLength: 8 })
const part = text.filter((one) => !one.includes('::') && !one.endsWith(':'))
const pathOf = (parts: readonly string[]): string => parts.map((one) => `${one}::`).join('')
const place = fc.record({ parts: fc.array(part, { maxLength: 3 }), key: text })

test('no two places have one name, and each name gives back what it was made of', () => {
  const places = new Map<string, string>()
  fc.assert(
    fc.property(place, ({ parts, key }) => {
      const path = pathOf(parts)
      const name = nameOf(path, key)
      assert.equal(textOf(path, name), key)
      const which = JSON.stringify([parts, key])
      assert.equal(places.get(name) ?? which, which)
      places.set(name, which)
      if (isPlain(key)) assert.equal(nameOf('', key), key)
    }),
    { numRuns: 20_000 },
  )
})

test('keys without two colons in a row have the names that they always had', () => {
  for (const key of ['user:7', 'a', ':a:', 'a\\b', '{x}']) assert.equal(nameOf('', key), key)
  assert.equal(nameOf('orders::', 'x'), 'orders::x')
})

const keys = ['x', 'orders::x', 'orders:\\:x', 'orders::eu::x', 'eu::x', 'eu:\\:x', 'orders', '::', ':::', 'a::b::c']

for (const near of [false, true])
  test(`nothing of the root is given in a namespace, nor the other way round${near ? ', with a near cache' : ''}`, async () => {
    const cache = await createCache({
      url: server.url,
      namespace: near ? 'near' : 'far',
      ...(near ? { near: { maxBytes: 1e6 } } : {}),
    })
    try {
      const orders = cache.namespace('orders')
      const views: Readonly<Record<string, Cache>> = {
        root: cache,
        orders,
        'orders eu': orders.namespace('eu'),
        eu: cache.namespace('eu'),
      }
      const places = Object.entries(views).flatMap(([name, view]) =>
        keys.map((key) => ({ view, key, tag: key, value: `${name} ${key}` })),
      )
      const gone = async () => assert.fail('it is there')
      for (const { view, key, tag, value } of places)
        assert.equal(await view.get(key, () => value, { tags: [tag] }), value, 'nobody else has it')
      for (let turn = 0; turn < 2; turn += 1)
        for (const { view, key, tag, value } of places) assert.equal(await view.get(key, gone, { tags: [tag] }), value)
      for (const { view, key, value } of places)
        assert.deepEqual(await view.getMany([key], gone, { tags: (one) => [one] }), new Map([[key, value]]))
      // Tags too: one is made void, and nothing else.
      for (const { view, tag } of places) {
        await view.invalidate([tag])
        for (const { view: other, key, tag: otherTag, value } of places)
          assert.equal(
            await other.get(key, () => (other === view && otherTag === tag ? `${value}` : gone()), { tags: [otherTag] }),
            value,
          )
      }
      for (const { view, key } of places) {
        const loaded: (readonly string[])[] = []
        await view.delete(key)
        const load = async (missing: readonly string[]) => {
          loaded.push(missing)
          return Object.fromEntries(missing.map((one) => [one, 'anew']))
        }
        assert.deepEqual(await view.getMany([key], load, { tags: () => ['t'] }), new Map([[key, 'anew']]))
        assert.deepEqual(loaded, [[key]])
        const written: string[] = []
        const queue = view.writeBehind<string>({ write: async (one) => written.push(one), onLost: gone })
        await queue.put(key, 'later', { tags: ['t'] })
        await queue.close()
        assert.deepEqual(written, [key])
      }
    } finally {
      await cache.close()
    }
  })
