import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definitionsOf, extended, type Row } from './definition.ts'

const rows: readonly Row[] = [
  ['a', '1', 'integer', '0-', 'The first.'],
  ['b', '', 'string', null, 'The second.', { fixed: true, reboot: true, engineName: null, since: '2.8.23' }],
]

test('a line of the table says what is out of the ordinary, the rest goes without saying', () => {
  const [first, second] = definitionsOf(rows, '2.8.6')
  assert.deepEqual(first, {
    name: 'a',
    value: '1',
    description: 'The first.',
    source: 'system',
    dataType: 'integer',
    allowedValues: '0-',
    modifiable: true,
    minimumEngineVersion: '2.8.6',
    change: 'immediate',
    engineName: 'a',
    most: 2_147_483_647,
  })
  assert.deepEqual(
    [second?.modifiable, second?.change, second?.engineName, second?.minimumEngineVersion, second?.since],
    [false, 'requires-reboot', null, '2.8.23', '2.8.23'],
  )
  assert.ok(second !== undefined && !('allowedValues' in second))
})

test('what came in an older generation is there from the first version of a younger one', () => {
  const [, second] = definitionsOf(rows, '3.2.4')
  assert.deepEqual([second?.minimumEngineVersion, second?.since], ['3.2.4', undefined])
})

test('a generation adds, changes and removes, and leaves the older one as it was', () => {
  const next = extended(
    rows,
    [
      ['a', '2', 'integer', '0-', 'Changed.'],
      ['c', '3', 'integer', '0-', 'Added.'],
    ],
    ['b'],
  )
  assert.deepEqual(
    next.map(([name, value]) => `${name}${value}`),
    ['a2', 'c3'],
  )
  assert.equal(rows.length, 2)
})
