import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGovernor, createPace } from './pace.ts'
import { createWindow } from './window.ts'

const here = (): boolean => false

test('a pace lets a burst through at once, and then one after the other', async () => {
  const turn = createPace({ perSecond: 100, burst: 5, mostWaiting: 100 }, () => performance.now())
  const from = performance.now()
  await Promise.all(Array.from({ length: 5 }, () => turn(here)))
  const burst = performance.now() - from
  const turns = await Promise.all(Array.from({ length: 10 }, () => turn(here)))
  const all = performance.now() - from
  assert.ok(burst < all)
  assert.ok(all >= 85, `15 turns took ${all} ms: 10 of them are 10 ms apart`)
  assert.ok(turns.every((mayGo) => mayGo))
})

test('a pace saves up no more than its burst', async () => {
  let now = 0
  const turn = createPace({ perSecond: 100, burst: 2, mostWaiting: 100 }, () => now)
  now = 1_000_000
  const settled: number[] = []
  const turns = Array.from({ length: 3 }, (_, index) => turn(here).then(() => settled.push(index)))
  await turns[1]
  assert.deepEqual(settled, [0, 1])
  now += 1_000
  await Promise.all(turns)
})

test('who is gone takes no turn, and makes room for who waits; beyond that nobody is kept waiting', async () => {
  let now = 0
  const turn = createPace({ perSecond: 1_000, burst: 1, mostWaiting: 3 }, () => now)
  assert.equal(await turn(here), true)
  let gone = false
  const leaving = [turn(() => gone), turn(() => gone)]
  const staying = turn(here)
  assert.equal(await turn(here), false, 'three wait already')
  gone = true
  const late = turn(here)
  assert.deepEqual(await Promise.all(leaving), [false, false])
  now = 1
  assert.equal(await staying, true)
  now = 2
  assert.equal(await late, true)
})

test('a governor leaves a thread no more than its share', () => {
  const govern = createGovernor(0.25)
  const from = performance.now()
  const before = process.threadCpuUsage()
  while (performance.now() - from < 500) govern()
  const { user, system } = process.threadCpuUsage(before)
  const share = (user + system) / 1_000 / (performance.now() - from)
  assert.ok(share < 0.5, `it used ${share} of a processor`)
})

test('a window holds so many at a time, in their order, also when one fails', async () => {
  const window = createWindow(2)
  const begun: number[] = []
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>())
  const works = gates.map((gate, index) =>
    window(async () => {
      begun.push(index)
      await gate.promise
    }),
  )
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  await turn()
  assert.deepEqual(begun, [0, 1])
  gates[1]?.reject(new Error('failed'))
  await assert.rejects(works[1] ?? Promise.resolve(), /failed/)
  await turn()
  assert.deepEqual(begun, [0, 1, 2])
  for (const gate of gates) gate.resolve()
  await Promise.allSettled(works)
  assert.deepEqual(begun, [0, 1, 2, 3, 4])
})
