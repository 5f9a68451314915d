import assert from 'node:assert/strict'
import { test } from 'node:test'
import { delayAfter, isHeldBack, type Starts, withStart } from './restarts.ts'

/** A node that ends so long after each start. Result: how often it was started, and the longest time that it waited. */
const loopOf = (runsMs: number, forMs: number): { readonly count: number; readonly waitedMs: number } => {
  let starts: Starts | undefined
  let [count, waitedMs, endedAt] = [0, 0, 0]
  for (let now = 0; now < forMs; now += 10) {
    if (now < endedAt || isHeldBack(starts, now)) continue
    waitedMs = Math.max(waitedMs, now - endedAt)
    starts = withStart(starts, now)
    count += 1
    endedAt = now + runsMs
  }
  return { count, waitedMs }
}

const loop = (forMs: number): number => loopOf(0, forMs).count

test('a node that ends again and again is started with growing delay: a few times in the first minute, then once in a minute', () => {
  assert.ok(loop(60_000) <= 18, String(loop(60_000)))
  assert.ok(loop(3_600_000) - loop(60_000) <= 60, String(loop(3_600_000)))
  assert.ok(loop(3_600_000) > 50, 'it is never given up')
})

test('a node that somebody ends every ten seconds does not wait, one that ends within nine does', () => {
  for (const runsMs of [10_000, 15_000, 59_000]) assert.equal(loopOf(runsMs, 3_600_000).waitedMs, 0, String(runsMs))
  for (const runsMs of [0, 100, 1_000, 5_000, 9_000])
    assert.ok(loopOf(runsMs, 3_600_000).waitedMs > 50_000, String(loopOf(runsMs, 3_600_000).waitedMs))
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
  assert.deepEqual(withStart({ count: 1_000_000, at: 0 }, 60_000), withStart({ count: 17, at: 0 }, 60_000))
})

test('a clock that was put back or ahead holds nobody for longer than a minute', () => {
  const starts = { count: 40, at: 1_000_000 }
  assert.equal(isHeldBack(starts, 500_000), false)
  assert.equal(isHeldBack(starts, 1_060_001), false)
  assert.deepEqual(withStart(starts, 500_000), { count: 1, at: 500_000 })
})
