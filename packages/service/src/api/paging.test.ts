import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../errors.ts'
import { byName, type PageRequest, pageOf } from './paging.ts'

const named = (names: readonly string[]) => names.map((name) => ({ name })).sort(byName)
const nameOf = (item: { name: string }): string => item.name

/** Follows the markers to the end. `between` may change what is there before the next page. */
const walk = (names: string[], limit: number, order: 'ascending' | 'descending', between: (names: string[]) => string[]) => {
  const seen: string[] = []
  let marker: string | undefined
  do {
    const items = order === 'ascending' ? named(names) : named(names).reverse()
    const page = pageOf(items, nameOf, { MaxRecords: limit, Marker: marker }, order)
    assert.ok(page.items.length <= limit)
    seen.push(...page.items.map(nameOf))
    marker = page.marker
    names = between(names)
  } while (marker !== undefined)
  return seen
}

const invalid = (request: PageRequest) => () => pageOf(named(['a']), nameOf, request)
const isInvalidValue = (error: unknown): boolean => error instanceof Fault && error.shape === 'InvalidParameterValueException'

describe('pages', () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6 }), { maxLength: 150 })
  const limits = fc.integer({ min: 20, max: 100 })
  const orders = fc.constantFrom('ascending' as const, 'descending' as const)

  it('show every item once', () => {
    fc.assert(
      fc.property(names, limits, orders, (all, limit, order) => {
        const expected = named(all).map(nameOf)
        if (order === 'descending') expected.reverse()
        assert.deepEqual(
          walk(all, limit, order, (same) => same),
          expected,
        )
      }),
    )
  })

  it('neither lose nor repeat an item that stays while others come and go', () => {
    fc.assert(
      fc.property(names, names, limits, orders, (stay, come, limit, order) => {
        const others = come.filter((name) => !stay.includes(name))
        let turn = 0
        const seen = walk([...stay, ...others.slice(0, others.length / 2)], limit, order, () => {
          turn += 1
          return turn % 2 === 0 ? [...stay] : [...stay, ...others]
        })
        assert.equal(new Set(seen).size, seen.length)
        for (const name of stay) assert.ok(seen.includes(name), name)
      }),
    )
  })

  it('have a marker of the form that AWS gives: the last key in base64', () => {
    const page = pageOf(named(['min-slaves-to-write', ...Array.from({ length: 19 }, (_, i) => `a${i}`), 'notify']), nameOf, {
      MaxRecords: 20,
    })
    assert.equal(page.marker, 'bWluLXNsYXZlcy10by13cml0ZQ==')
  })

  it('take an empty marker for none', () => {
    assert.deepEqual(pageOf(named(['a']), nameOf, { Marker: '' }).items, [{ name: 'a' }])
  })

  it('hold between 20 and 100 records', () => {
    for (const MaxRecords of [-1, 0, 19, 101, 20.5, Number.NaN]) assert.throws(invalid({ MaxRecords }), isInvalidValue)
  })

  it('refuse a marker that nobody gave', () => {
    for (const Marker of ['x', '!!!', 'bWlu*', 'é']) assert.throws(invalid({ Marker }), isInvalidValue, Marker)
  })
})
