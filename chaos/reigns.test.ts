import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Write } from './history.ts'
import { createReigns, type Epoch, epochProblems, mixedReigns, type Reign } from './reigns.ts'

const shard = 'g/0001'
/** A write that a node acknowledged at an instant; another turn of the node as a primary has another replication id. */
const write = (node: string, at: number, turn = 1, life = 1): Write => ({
  id: `${node}-${at}`,
  shard,
  writer: 'w',
  list: 'l',
  round: 1,
  start: at - 5,
  end: at + 5,
  outcome: 'acknowledged',
  witness: { node, runId: `${node}-life-${life}`, replicationId: `${node}-turn-${life}-${turn}`, at },
  why: null,
})

const reignsOf = (writes: readonly Write[]): readonly Reign[] => {
  const reigns = createReigns()
  for (const each of writes) reigns.add(each)
  return reigns.all()
}

const epoch = (number: number, primary: string | null, notBefore = 0): Epoch => ({ shard, epoch: number, primary, notBefore })

const mixed = (...writes: readonly Write[]): number => mixedReigns(reignsOf(writes)).length
const outOfEpoch = (epochs: readonly Epoch[], ...writes: readonly Write[]): readonly string[] =>
  epochProblems(reignsOf(writes), epochs)

test('one primary after the other is right', () => {
  assert.equal(mixed(write('a', 10), write('a', 20), write('b', 30), write('b', 40)), 0)
})

test('a node that becomes primary again is right', () => {
  assert.equal(mixed(write('a', 10), write('b', 20), write('a', 30, 2), write('b', 40, 2)), 0)
})

test('a write of the new primary between two of the old one is found, whoever told first', () => {
  assert.equal(mixed(write('a', 10), write('b', 20), write('a', 30)), 1)
  assert.equal(mixed(write('b', 20), write('a', 10), write('a', 30)), 1)
})

test('two nodes that take turns are found', () => {
  assert.equal(mixed(write('a', 10), write('b', 20), write('a', 30), write('b', 40)), 1)
})

test('a single late write of the old primary is found, also when it was sent before the new one reigned', () => {
  const late: Write = { ...write('a', 35), start: 12 }
  assert.equal(mixed(write('a', 10), write('b', 30), write('b', 40), late), 1)
})

test('an answer that came late is no late write', () => {
  const late: Write = { ...write('a', 15), end: 100 }
  assert.equal(mixed(write('a', 10), write('b', 30), write('b', 40), late), 0)
})

test('a process that was started again must not have written beside its own former life', () => {
  assert.equal(mixed(write('a', 10, 1, 1), write('a', 20, 1, 2)), 0)
  assert.equal(mixed(write('a', 10, 1, 1), write('a', 20, 1, 2), write('a', 30, 1, 1)), 1)
})

test('two processes under one replication id are found also when they wrote one after the other', () => {
  const [first, second] = [write('a', 10), write('b', 20)]
  const replicationId = first.witness?.replicationId ?? ''
  assert.equal(mixed(first, { ...second, witness: { node: 'b', runId: 'b-life-1', replicationId, at: 20 } }), 1)
})

test('what was not acknowledged, and what other shards did, proves nothing', () => {
  const unknown: Write = { ...write('b', 20), outcome: 'unknown' }
  const elsewhere: Write = { ...write('b', 20), shard: 'g/0002' }
  assert.equal(mixed(write('a', 10), unknown, elsewhere, write('a', 30)), 0)
})

test('each reign finds its epoch, also over epochs in which nobody wrote', () => {
  const epochs = [epoch(1, 'a'), epoch(2, 'b', 15), epoch(3, 'c', 16), epoch(4, 'a', 35)]
  assert.deepEqual(outOfEpoch(epochs, write('a', 10), write('c', 30), write('a', 50, 2)), [])
})

test('a primary that is started again in its epoch is right, another node in it is not', () => {
  assert.deepEqual(outOfEpoch([epoch(1, 'a')], write('a', 10), write('a', 30, 1, 2)), [])
  assert.match(outOfEpoch([epoch(1, 'a')], write('a', 10), write('b', 30))[0] ?? '', /not its own/)
})

test('a return of the old primary without a new epoch is found', () => {
  const epochs = [epoch(1, 'a'), epoch(2, 'b')]
  assert.equal(outOfEpoch(epochs, write('a', 10), write('b', 30), write('a', 50, 2)).length, 1)
})

test('writes that were taken before the target was written are found, unless the engines elect', () => {
  const epochs = [epoch(1, 'a'), epoch(2, 'b', 100)]
  const writes = [write('a', 10), write('b', 30)]
  assert.match(outOfEpoch(epochs, ...writes)[0] ?? '', /before it was written/)
  assert.deepEqual(
    epochProblems(reignsOf(writes), epochs, () => true),
    [],
  )
  assert.deepEqual(outOfEpoch(epochs, write('a', 10), write('b', 100)), [])
})

test('an epoch that nobody saw is one node’s only', () => {
  const epochs = [epoch(1, 'a'), epoch(3, 'c')]
  assert.deepEqual(outOfEpoch(epochs, write('a', 10), write('b', 30), write('c', 50)), [])
  assert.equal(outOfEpoch(epochs, write('a', 10), write('b', 30), write('d', 35), write('c', 50)).length, 1)
})
