import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../errors.ts'
import { withOperation, withoutOperation } from './markers.ts'

const given = withOperation('DescribeUsers', { Marker: 'YWRh', Users: [] })

test('a marker is taken back by the operation that gave it, as it was within', () => {
  assert.notEqual(given.Marker, 'YWRh')
  assert.deepEqual(withoutOperation('DescribeUsers', { Marker: given.Marker, MaxRecords: 20 }), {
    Marker: 'YWRh',
    MaxRecords: 20,
  })
})

test('other operations, and markers that nobody gave, are refused', () => {
  const foreign: readonly (readonly [operation: string, marker: string])[] = [
    ['DescribeUserGroups', given.Marker],
    ['DescribeUser', given.Marker],
    ['DescribeUsers', 'YWRh'],
    ['DescribeUsers', `${given.Marker}=`],
    ['DescribeUsers', Buffer.from('DescribeUsers/').toString('base64')],
    ['DescribeUsers', '!'],
  ]
  for (const [operation, Marker] of foreign)
    assert.throws(
      () => withoutOperation(operation, { Marker }),
      (error: unknown) => error instanceof Fault && error.shape === 'InvalidParameterValueException',
      `${operation} ${Marker}`,
    )
})

test('what has no marker stays as it is', () => {
  for (const each of [{}, { Marker: '' }, { Marker: undefined }, { NextToken: 'x' }]) {
    assert.deepEqual(withoutOperation('DescribeUsers', each), each)
    assert.deepEqual(withOperation('DescribeUsers', each), each)
  }
})
