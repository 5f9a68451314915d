import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startStopwatch, until } from './busy-machine.ts'

/** As if the machine had something else to do. */
const stall = (ms: number): void => {
  const from = performance.now()
  while (performance.now() - from < ms) Math.sqrt(from)
}

test('a wait ends when it holds, and fails when it does not within its time', async () => {
  let looks = 0
  await until('the third look', () => {
    looks += 1
    return looks === 3
  })
  assert.equal(looks, 3)
  await assert.rejects(
    until('what never happens', () => false, 50),
    /what never happens/,
  )
})

test('a process that does not get to run is given its looks all the same', async () => {
  let looks = 0
  const third = until(
    'the third look',
    () => {
      looks += 1
      return looks === 3
    },
    100,
  )
  stall(150)
  await third
})

test('a stopwatch counts the time in which the process ran', async () => {
  using watch = startStopwatch()
  await until('some time', () => watch.ms() > 40)
  const before = watch.ms()
  stall(300)
  assert.ok(watch.ms() - before < 50)
})
