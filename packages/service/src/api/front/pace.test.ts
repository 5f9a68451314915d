import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGovernor, createPace } from './pace.ts'
import { createWindow } from './window.ts'

test('a pace lets a burst through at once, and then one after the other', async () => {
  const turn = createPace(100, 5, () => performance.now())
  const from = performance.now()
  await Promise.all(Array.from({ length: 5 }, turn))
  const burst = performance.now() - from
  await Promise.all(Array.from({ length: 10 }, turn))
  const all = performance.now() - from
  assert.ok(burst < all)
  assert.ok(all >= 85, `15 turns took ${all} ms: 10 of them are 10 ms apart`)
})

test('a pace saves up no more than its burst', async () => {
  let now = 0
  const turn = createPace(100, 2, () => now)
  now = 1_000_000
  const settled: number[] = []
  const turns = Array.from({ length: 3 }, (_, index) => turn().then(() => settled.push(index)))
  await turns[1]
  assert.deepEqual(settled, [0, 1])
  await Promise.all(turns)
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
