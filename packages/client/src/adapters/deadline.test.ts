import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isCacheError } from '../errors.ts'
import { standStill } from '../testing/standing-still.ts'
import { inTime, type Life, within } from './deadline.ts'

const late = (error: unknown): boolean => isCacheError(error, 'unavailable') && /nothing came within/.test(error.message)
const never = new Promise<never>(() => undefined)

test('each is given up after its time, in whatever order the others are settled', async () => {
  for (let turn = 0; turn < 5; turn += 1) {
    const ends: (() => void)[] = []
    const works = Array.from({ length: 9 }, () => inTime<void>(120, (resolve) => void ends.push(resolve)))
    const settled = Promise.allSettled(works)
    // Of every three the last, the first, and in each turn another one more.
    for (const index of [2, 0, 8, 3, 6, 5, turn]) ends[index]?.()
    const began = performance.now()
    const states = (await settled)
      .map(({ status }, index) => (status === 'fulfilled' ? index : null))
      .filter((one) => one !== null)
    assert.deepEqual(states, [...new Set([2, 0, 8, 3, 6, 5, turn])].sort())
    assert.ok(performance.now() - began >= 100)
  }
})

test('one that waits is given up while others come and go', async () => {
  let going = true
  const others = (async () => {
    while (going) await within(delay(1), 150)
  })()
  for (let turn = 0; turn < 3; turn += 1) await assert.rejects(within(never, 150), late)
  going = false
  await others
})

test('time in which the event loop is held up does not count', async () => {
  const work = inTime<string>(100, (resolve) => {
    setTimeout(() => setTimeout(() => resolve('it came'), 30), 1)
  })
  standStill(400)
  assert.equal(await work, 'it came')
})

test('while its connection lives it is waited for longer, and not without end', async () => {
  let [bytes, answers] = [0, 0]
  const life: Life = { bytes: () => bytes, answers: () => answers }
  const timer = setInterval(() => {
    bytes += 10_000
  }, 2)
  try {
    assert.equal(await within(delay(400, 'it came'), 100, life), 'it came')
    const began = performance.now()
    await assert.rejects(within(never, 60, life), late)
    assert.ok(performance.now() - began >= 500, 'ten times as long')
    // Many short answers are a server that is slow.
    const counting = setInterval(() => {
      answers += 1
    }, 2)
    const slow = performance.now()
    await assert.rejects(within(never, 100, life), late)
    clearInterval(counting)
    assert.ok(performance.now() - slow < 1_000)
  } finally {
    clearInterval(timer)
  }
})

test('what a connection did before is no life, and once it is silent the rest of its time is all that is left', async () => {
  let bytes = 0
  const life: Life = { bytes: () => bytes, answers: () => 0 }
  await assert.rejects(within(never, 100, life), late)
  bytes += 1_000_000
  await delay(300)
  const ended = within(never, 200, life).then(
    () => assert.fail('it came'),
    (error: unknown) => {
      assert.ok(late(error))
      return 'given up'
    },
  )
  const tooLong = delay(10_000, 'too long', { ref: false })
  assert.equal(await Promise.race([ended, tooLong]), 'given up')
})
