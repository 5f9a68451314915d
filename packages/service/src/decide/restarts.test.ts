import assert from 'node:assert/strict'
import { test } from 'node:test'
import { delayAfter, isHeldBack, type Starts, withStart } from './restarts.ts'

/** A node that ends as soon as it was started, for so long. Result: how often it was started. */
const loop = (forMs: number): number => {
  let starts: Starts | undefined
  let count = 0
  for (let now = 0; now < forMs; now += 10) {
    if (isHeldBack(starts, now)) continue
    starts = withStart(starts, now)
    count += 1
  }
  return count
}

test('a node that ends again and again is started with growing delay: a few times in the first minute, then once in a minute', () => {
  assert.ok(loop(60_000) <= 18, String(loop(60_000)))
  assert.ok(loop(3_600_000) - loop(60_000) <= 60, String(loop(3_600_000)))
  assert.ok(loop(3_600_000) > 50, 'it is never given up')
})

test('a few starts are at once, and a node that has run for a minute begins anew', () => {
  let starts: Starts | undefined
  for (let at = 1; at <= 8; at += 1) {
    starts = withStart(starts, at)
    assert.equal(isHeldBack(starts, at), false)
  }
  starts = withStart(starts, 9)
  assert.equal(isHeldBack(starts, 10), true)
  assert.equal(isHeldBack(starts, 9 + delayAfter(9)), false)
  assert.deepEqual(withStart(starts, 200_000), { count: 1, at: 200_000 })
})

test('a clock that was put back or ahead holds nobody for longer than a minute', () => {
  const starts = { count: 40, at: 1_000_000 }
  assert.equal(isHeldBack(starts, 500_000), false)
  assert.equal(isHeldBack(starts, 1_060_001), false)
  assert.deepEqual(withStart(starts, 500_000), { count: 1, at: 500_000 })
})
