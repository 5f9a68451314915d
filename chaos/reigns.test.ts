import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Write } from './history.ts'
import { type Epoch, epochProblems, mixedReigns, reignsOf } from './reigns.ts'

const shard = 'g/0001'
/** A write that a node acknowledged; another turn of the node as a primary has another replication id. */
const write = (node: string, start: number, end: number, turn = 1, life = 1): Write => ({
  id: `${node}-${start}`,
  shard,
  writer: 'w',
  list: 'l',
  round: 1,
  start,
  end,
  outcome: 'acknowledged',
  witness: { node, runId: `${node}-life-${life}`, replicationId: `${node}-turn-${life}-${turn}` },
  why: null,
})

const epoch = (number: number, primary: string | null, notBefore = 0): Epoch => ({ shard, epoch: number, primary, notBefore })

const mixed = (...writes: readonly Write[]): number => mixedReigns(reignsOf(writes)).length
const outOfEpoch = (epochs: readonly Epoch[], ...writes: readonly Write[]): readonly string[] =>
  epochProblems(reignsOf(writes), epochs)

test('one primary after the other is right', () => {
  assert.equal(mixed(write('a', 0, 10), write('a', 20, 30), write('b', 40, 50), write('b', 60, 70)), 0)
})

test('a node that becomes primary again is right', () => {
  assert.equal(mixed(write('a', 0, 10), write('b', 20, 30), write('a', 40, 50, 2), write('b', 60, 70, 2)), 0)
})

test('a write of the new primary between two of the old one is found, whoever began', () => {
  assert.equal(mixed(write('a', 0, 10), write('b', 20, 30), write('a', 40, 50)), 1)
  assert.equal(mixed(write('b', 20, 30), write('a', 0, 10), write('a', 40, 50)), 1)
})

test('two nodes that take turns are found', () => {
  assert.equal(mixed(write('a', 0, 10), write('b', 12, 20), write('a', 22, 30), write('b', 32, 40)), 1)
})

test('writes whose times overlap may have been carried out in the right order', () => {
  assert.equal(mixed(write('a', 0, 100), write('b', 50, 150)), 0)
  // Slow ones of the old primary, of which the last began before the first of the new one ended.
  assert.equal(mixed(write('a', 0, 10), write('a', 40, 90), write('b', 20, 60), write('b', 70, 80)), 0)
})

test('a reign within one long write of another node is no proof, between two of them it is', () => {
  assert.equal(mixed(write('a', 0, 100), write('b', 20, 30)), 0)
  assert.equal(mixed(write('a', 0, 10), write('a', 31, 100), write('b', 20, 30)), 1)
})

test('a process that was started again must not have written beside its own former life', () => {
  assert.equal(mixed(write('a', 0, 10, 1, 1), write('a', 20, 30, 1, 2)), 0)
  assert.equal(mixed(write('a', 0, 10, 1, 1), write('a', 20, 30, 1, 2), write('a', 40, 50, 1, 1)), 1)
})

test('two processes under one replication id are found also when they wrote one after the other', () => {
  const first = write('a', 0, 10)
  const second = write('b', 20, 30)
  const same: Write = {
    ...second,
    witness: { node: 'b', runId: 'b-life-1', replicationId: first.witness?.replicationId ?? '' },
  }
  assert.equal(mixed(first, same), 1)
})

test('what was not acknowledged, and what other shards did, proves nothing', () => {
  const unknown: Write = { ...write('b', 20, 30), outcome: 'unknown' }
  const elsewhere: Write = { ...write('b', 20, 30), shard: 'g/0002' }
  assert.equal(mixed(write('a', 0, 10), unknown, elsewhere, write('a', 40, 50)), 0)
})

test('each reign finds its epoch, also over epochs in which nobody wrote', () => {
  const epochs = [epoch(1, 'a'), epoch(2, 'b', 15), epoch(3, 'c', 16), epoch(4, 'a', 35)]
  assert.deepEqual(outOfEpoch(epochs, write('a', 0, 10), write('c', 20, 30), write('a', 40, 50, 2)), [])
})

test('a primary that is started again in its epoch is right, another node in it is not', () => {
  assert.deepEqual(outOfEpoch([epoch(1, 'a')], write('a', 0, 10), write('a', 20, 30, 1, 2)), [])
  assert.match(outOfEpoch([epoch(1, 'a')], write('a', 0, 10), write('b', 20, 30))[0] ?? '', /not its own/)
})

test('a return of the old primary without a new epoch is found', () => {
  const epochs = [epoch(1, 'a'), epoch(2, 'b')]
  assert.equal(outOfEpoch(epochs, write('a', 0, 10), write('b', 20, 30), write('a', 40, 50, 2)).length, 1)
})

test('writes that were taken before the target was written are found', () => {
  const epochs = [epoch(1, 'a'), epoch(2, 'b', 100)]
  assert.match(outOfEpoch(epochs, write('a', 0, 10), write('b', 20, 30))[0] ?? '', /before it was written/)
  assert.deepEqual(outOfEpoch(epochs, write('a', 0, 10), write('b', 90, 110)), [])
})

test('an epoch that nobody saw is one node’s only', () => {
  const epochs = [epoch(1, 'a'), epoch(3, 'c')]
  assert.deepEqual(outOfEpoch(epochs, write('a', 0, 10), write('b', 20, 30), write('c', 40, 50)), [])
  assert.equal(outOfEpoch(epochs, write('a', 0, 10), write('b', 20, 30), write('d', 32, 35), write('c', 40, 50)).length, 1)
})
