import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome, Write } from './history.ts'
import { createLedger } from './ledger.ts'

const write = (id: string, outcome: Outcome = 'acknowledged', list = 'l'): Write => ({
  id,
  shard: 'g/0001',
  writer: 'w',
  list,
  round: 1,
  start: 0,
  end: 1,
  outcome,
  witness: null,
  why: null,
})

test('acknowledged writes that are not there are lost, once', () => {
  const ledger = createLedger()
  for (const id of ['1', '2', '3']) ledger.add(write(id))
  assert.deepEqual(
    ledger.read('l', ['1', '3']).map((entry) => entry.id),
    ['2'],
  )
  assert.deepEqual(ledger.read('l', ['1', '3']), [])
  assert.deepEqual(
    ledger.read('l', []).map((entry) => entry.id),
    ['1', '3'],
  )
})

test('writes of unknown outcome may be there or not, and twice', () => {
  const ledger = createLedger()
  ledger.add(write('1', 'unknown'))
  ledger.add(write('2'))
  assert.deepEqual(ledger.read('l', ['2', '2']), [])
  assert.deepEqual(ledger.read('l', ['1', '2']), [])
  assert.deepEqual(ledger.risen, [])
})

test('refused writes that are there are told', () => {
  const ledger = createLedger()
  ledger.add(write('1', 'refused'))
  ledger.add(write('2', 'refused'))
  assert.deepEqual(ledger.read('l', ['2']), [])
  assert.deepEqual(ledger.risen, ['2'])
})

test('a list has to be read until it has been, and again when more was written', () => {
  const ledger = createLedger()
  const length = () => ledger.listsOf('g/0001').find(({ list }) => list === 'l')?.length
  ledger.add(write('1'))
  ledger.add(write('1', 'unknown', 'other'))
  assert.deepEqual(
    ledger.listsOf('g/0001').map(({ list }) => list),
    ['l', 'other'],
  )
  assert.equal(length(), null)
  ledger.read('l', ['1', 'x'])
  assert.equal(length(), 2)
  ledger.add(write('2'))
  assert.equal(length(), null)
  ledger.forget('l')
  assert.equal(length(), undefined)
})
