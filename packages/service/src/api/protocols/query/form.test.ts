import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../../errors.ts'
import { parseForm, refuseAmbiguous } from './form.ts'

const refused = (body: string, message: RegExp): void =>
  assert.throws(
    () => parseForm(body),
    (error: unknown) => {
      assert.ok(error instanceof Fault)
      assert.equal(error.shape, 'MalformedQueryString')
      assert.match(error.message, message)
      return true
    },
    body.slice(0, 80),
  )

test('what a browser or a client of AWS writes is read', () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter((text) => !/\p{Cc}/u.test(text) && text.isWellFormed())
  const value = fc.string({ unit: 'grapheme' }).filter((text) => text.isWellFormed())
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 10 }), (pairs) => {
      const expected = new Map(pairs)
      assert.deepEqual(parseForm(new URLSearchParams(pairs).toString()), expected)
      const strict = pairs.map(([key, each]) => `${encodeURIComponent(key)}=${encodeURIComponent(each)}`).join('&')
      assert.deepEqual(parseForm(strict), expected)
    }),
  )
})

test('any text is read or refused in words of AWS', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '&', '=', '%', '+', '2', 'F', '.', 'é', '\n') }), (body) => {
      try {
        parseForm(body)
      } catch (error) {
        assert.ok(error instanceof Fault && error.shape === 'MalformedQueryString', String(error))
      }
    }),
    { numRuns: 500 },
  )
})

test('nothing is nothing, and spare separators do not count', () => {
  for (const body of ['', ' ', '\r\n', '&', '&&&']) assert.equal(parseForm(body).size, 0)
  assert.deepEqual(
    parseForm('&A=1&&B=2&'),
    new Map([
      ['A', '1'],
      ['B', '2'],
    ]),
  )
})

test('a value may be empty, missing, or hold an equals sign', () => {
  assert.deepEqual(
    parseForm('A=&B&C=x=y'),
    new Map([
      ['A', ''],
      ['B', ''],
      ['C', 'x=y'],
    ]),
  )
})

test('names of objects in JavaScript are names like others', () => {
  assert.deepEqual(
    parseForm('__proto__=1&constructor=2'),
    new Map([
      ['__proto__', '1'],
      ['constructor', '2'],
    ]),
  )
  assert.equal(({} as Record<string, unknown>)['1'], undefined)
})

test('broken percent codes and broken UTF-8 are refused', () => {
  for (const body of ['A=%', 'A=%4', 'A=%GG', 'A=%ff', 'A=%c3', '%80=1', 'A=%ed%a0%80']) refused(body, /percent-encoded UTF-8/)
})

test('a name is given once', () => {
  refused('A=1&A=1', /A is given more than once/)
  refused('A=1&%41=2', /A is given more than once/)
})

test('names are bounded', () => {
  refused('=1', /found one of 0/)
  refused(`${'a'.repeat(301)}=1`, /found one of 301/)
  refused('a%00b=1', /1 to 300 characters/)
  refused(Array.from({ length: 4_001 }, (_, index) => `A.${index}=1`).join('&'), /at most 4000/)
})

test('one thing is said in one way', () => {
  const wrong = (...names: readonly string[]): void =>
    assert.throws(
      () => refuseAmbiguous(new Map(names.map((name) => [name, 'x']))),
      (error: unknown) => error instanceof Fault && error.shape === 'MalformedQueryString',
      names.join(' '),
    )
  wrong('Filter.1.Name', 'Filter.01.Name')
  wrong('Filter.0.Name')
  wrong('Filter.1.Value.00')
  wrong('Filter.123456')
  wrong('Filter.\u0661.Name')
  wrong('GroupId', 'GroupId.1')
  wrong('IpPermissions.1.Groups.1', 'IpPermissions.1.Groups.1.GroupId')
  refuseAmbiguous(
    new Map([...['Filter.1.Name', 'Filter.1.Value.1', 'Filter.10.Name', 'Filters', 'A1', '1a.1']].map((name) => [name, 'x'])),
  )
})
