import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseJson } from './json.ts'

test('a name that stands twice in one object is refused, however deep and however it is written', () => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{"A\\u0063tion":"x","Action":"y"}',
    '{"\\/":1,"/":2}',
    '[{"b":[{"a":1, "c":{}, "a" : 2}]}]',
    '{"":1,"":2}',
    '{"a":{"a":1},"b":"}","a":3}',
    '{"__proto__":1,"__proto__":2}',
    '{"\\"":1,"\\u0022":2}',
    '{"é":1,"\\u00e9":2}',
  ])
    assert.throws(() => parseJson(text), /^SyntaxError: Expected each name of an object once, found ".*" twice$/, text)
})

test('one name in different objects, and texts that look like names, are fine', () => {
  for (const text of [
    '[{"a":1},{"a":1}]',
    '{"a":{"a":{"a":1}}}',
    '{"a":"{\\"a\\":1,\\"a\\":1}","b":["a","a",":","a"]}',
    '{"a":"\\\\","b":"\\\\\\"a"}',
    '"a"',
    ' null ',
    '{"A":1,"a":2}',
  ])
    assert.deepEqual(parseJson(text), JSON.parse(text))
})

test('what is no JSON is refused as JSON.parse does', () => {
  for (const text of ['', '{', '{"a":1,}', '{"a":1}{"a":1}', "{'a':1}", '"a', 'undefined'])
    assert.throws(() => parseJson(text), SyntaxError)
})

test('whatever a value holds, it is read; with any name of any of its objects repeated it is not', () => {
  const name = fc.constantFrom('a', 'b', '"', '\\', ':', '{', 'é', '\ud83d\ude00', '\n')
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ maxDepth: 4 }, name, fc.integer(), fc.constant(null), tie('list'), tie('object')),
    list: fc.array(tie('any'), { maxLength: 3 }),
    object: fc.dictionary(name, tie('any'), { maxKeys: 4 }),
  })).object
  fc.assert(
    fc.property(value, fc.nat(3), fc.boolean(), (object, indent, escaped) => {
      const text = JSON.stringify(object, null, indent)
      assert.deepEqual(parseJson(text), JSON.parse(text))
      const names = Object.keys(object as object)
      const [first] = names
      if (first === undefined) return
      const written = JSON.stringify(first)
      const again = escaped
        ? `"${[...first]
            .flatMap((each) => each.split(''))
            .map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)
            .join('')}"`
        : written
      const doubled = `${text.slice(0, text.lastIndexOf('}'))},${again}:0}`
      assert.throws(() => parseJson(`[${doubled}]`), /twice$/)
      assert.throws(() => parseJson(`{"outer":${doubled}}`), /twice$/)
    }),
  )
})
