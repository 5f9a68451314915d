import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { merge } from './merge.ts'

test('what only one has changed is his; what both have changed is ours, and named', () => {
  const base = { a: 1, b: 1, c: 1, d: { x: 1 } }
  assert.deepEqual(merge(base, { ...base, a: 2 }, { ...base, b: 2 }), { data: { a: 2, b: 2, c: 1, d: { x: 1 } }, conflicts: [] })
  assert.deepEqual(merge(base, { ...base, a: 2 }, { ...base, a: 3 }), { data: { ...base, a: 2 }, conflicts: ['a'] })
  assert.deepEqual(merge(base, { ...base, a: 2 }, { ...base, a: 2 }).conflicts, [])
  const { c: _, ...without } = base
  assert.deepEqual(merge(base, without, { ...base, e: 1 }).data, { a: 1, b: 1, d: { x: 1 }, e: 1 })
  assert.deepEqual(merge(base, without, { ...base, c: 9 }), { data: without, conflicts: ['c'] })
  assert.deepEqual(merge(base, { ...base, cookie: 1 }, { ...base, cookie: 2 }, ['cookie']), {
    data: { ...base, cookie: 1 },
    conflicts: [],
  })
})

test('a field may have any name, and its value any order of fields', () => {
  const parse = (text: string) => JSON.parse(text) as Record<string, unknown>
  const named = parse('{"__proto__":{"a":1},"constructor":2}')
  assert.equal(JSON.stringify(merge({}, named, { b: 3 }).data), '{"b":3,"__proto__":{"a":1},"constructor":2}')
  assert.equal(JSON.stringify(merge(named, { ...named, b: 3 }, named).data), '{"__proto__":{"a":1},"constructor":2,"b":3}')
  const ours = { view: { size: 1, dark: true } }
  const theirs = { view: { dark: false, size: 1 } }
  assert.deepEqual(merge({ view: { dark: true, size: 1 } }, ours, theirs), { data: theirs, conflicts: [] })
})

test('a change of one alone is never lost, whatever the other does', () => {
  const field = fc.constantFrom('a', 'b', 'c', 'd')
  const data = fc.dictionary(field, fc.integer({ min: 0, max: 2 }))
  fc.assert(
    fc.property(data, data, data, (base, ours, theirs) => {
      const { data: merged, conflicts } = merge(base, ours, theirs)
      for (const name of ['a', 'b', 'c', 'd']) {
        const expected = base[name] === ours[name] && name in base === name in ours ? theirs[name] : ours[name]
        assert.equal(merged[name], expected, name)
        const both = base[name] !== ours[name] && base[name] !== theirs[name] && ours[name] !== theirs[name]
        assert.equal(conflicts.includes(name), both, name)
      }
    }),
  )
})
