import assert from 'node:assert/strict'
import { test } from 'node:test'
import { coalesced } from './coalesce.ts'

test('calls during a write share one more, which starts after it has ended', async () => {
  const gates: PromiseWithResolvers<void>[] = []
  let running = 0
  const write = coalesced(async () => {
    running += 1
    assert.equal(running, 1)
    const gate = Promise.withResolvers<void>()
    gates.push(gate)
    await gate.promise
    running -= 1
  })
  const first = write()
  while (gates.length < 1) await Promise.resolve()
  const others = [write(), write(), write()]
  gates[0]?.resolve()
  await first
  while (gates.length < 2) await Promise.resolve()
  gates[1]?.resolve()
  await Promise.all(others)
  assert.equal(gates.length, 2)
})

test('a failure is told to those who shared the write, and the next write is not held up', async () => {
  let attempt = 0
  const write = coalesced(async () => {
    attempt += 1
    if (attempt === 1) throw new Error('the first fails')
  })
  const results = await Promise.allSettled([write(), write()])
  assert.deepEqual(
    results.map((result) => result.status),
    ['rejected', 'rejected'],
  )
  await write()
  assert.equal(attempt, 2)
})
