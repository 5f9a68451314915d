import assert from 'node:assert/strict'
import { test } from 'node:test'
import { longestGap, shardGap } from './gaps.ts'
import type { Write } from './history.ts'

const write = (writer: string, end: number, outcome: Write['outcome'] = 'acknowledged', shard = 's'): Write => ({
  id: `${writer}-${end}`,
  shard,
  writer,
  list: 'l',
  round: 1,
  start: end - 1,
  end,
  outcome,
  witness: null,
  why: null,
})

test('a wait counts when it touches the time that is asked for', () => {
  const ends = [0, 500, 510, 700, 710, 2_000]
  assert.equal(longestGap(ends, 600, 705), 190)
  assert.equal(longestGap(ends, 505, 508), 10)
  assert.equal(longestGap(ends, 705, 800), 1_290)
  assert.equal(longestGap([5], 0, 10), 0)
})

test('each writer waits for itself, and only what was acknowledged ends a wait', () => {
  const writes = [
    write('a', 0),
    write('b', 40),
    write('a', 50, 'unknown'),
    write('b', 80),
    write('node:x', 90),
    write('a', 100),
    write('c', 500, 'acknowledged', 't'),
  ]
  assert.equal(
    shardGap(writes, 's', (name) => !name.startsWith('node:'), 10, 200),
    100,
  )
})
