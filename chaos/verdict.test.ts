import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entry } from './ledger.ts'
import { type Blow, judgeLosses } from './verdict.ts'

const nodes = ['a', 'b'].map((id) => ({ id, zone: 'z', address: '127.0.0.1', port: 1 }))
const shards = [
  { key: 's', persists: false, nodes },
  { key: 'p', persists: true, nodes },
]

const loss = (end: number, shard = 's'): Entry => ({ id: 'x', shard, list: 'l', start: end - 1, end })

const blow = (...struck: readonly (readonly [string, readonly string[]])[]): Blow => ({
  at: 10_000,
  targets: ['s', 'p'],
  struck: new Map(struck.map(([shard, ids]) => [shard, new Set(ids)])),
})

const judged = (mayLose: boolean, given: Blow, ...losses: readonly Entry[]): readonly number[] => {
  const { lost, lostWithAll, forbidden } = judgeLosses(shards, { mayLose }, given, losses)
  return [lost, lostWithAll, forbidden.length]
}

test('a lost primary may take its last writes along, and no older ones', () => {
  assert.deepEqual(judged(true, blow(['s', ['a']]), loss(9_990), loss(10_050)), [2, 0, 0])
  assert.deepEqual(judged(true, blow(['s', ['a']]), loss(8_000)), [1, 0, 1])
})

test('a switch, a busy engine or a lost replica may lose nothing', () => {
  assert.deepEqual(judged(false, blow(), loss(10_050)), [1, 0, 1])
})

test('a shard that nothing was done to may lose nothing', () => {
  assert.deepEqual(judged(true, { ...blow(['s', ['a']]), targets: ['s'] }, loss(10_050, 'p')), [1, 0, 1])
})

test('all nodes of a shard take everything along, unless it is on disk', () => {
  assert.deepEqual(judged(true, blow(['s', ['a', 'b']]), loss(1), loss(10_050)), [0, 2, 0])
  assert.deepEqual(judged(true, blow(['p', ['a', 'b']]), loss(1, 'p'), loss(9_999, 'p')), [2, 0, 1])
})
