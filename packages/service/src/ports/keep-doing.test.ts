import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keepDoing } from './keep-doing.ts'

/** A clock that passes as soon as it is asked, and remembers for how long. */
const run = async (rounds: number, round: (index: number, works: () => void) => Promise<void> | void) => {
  const ending = new AbortController()
  const pauses: number[] = []
  const lines: string[] = []
  const clock = {
    sleep: async (ms: number, signal?: AbortSignal) => {
      pauses.push(ms)
      if (pauses.length === rounds) ending.abort()
      signal?.throwIfAborted()
    },
  }
  let index = 0
  await keepDoing(
    { clock, log: (level, message) => lines.push(`${level} ${message}`) },
    { complaint: 'it fails', everyMs: 1_000, signal: ending.signal },
    (works) => round(index++, works),
  )
  return { pauses, lines, done: index }
}

test('a loop goes on after every kind of failure, and each is told once', async () => {
  const failures = [
    () => Promise.reject(new Error('one')),
    () => Promise.reject(new Error('one')),
    () => {
      throw new Error('two')
    },
    () => Promise.reject('no error at all'),
  ]
  const { lines, done, pauses } = await run(8, (index) => failures[index]?.())
  assert.equal(done, 8)
  assert.deepEqual(lines, [
    'warn it fails; this is tried again',
    'warn it fails; this is tried again',
    'warn it fails; this is tried again',
    'info what could not be done before works again',
  ])
  assert.deepEqual(pauses, [200, 400, 800, 1_600, 1_000, 1_000, 1_000, 1_000])
})

test('the delay between failures has a bound, and begins anew after a success', async () => {
  const { pauses } = await run(14, (index) => {
    if (index !== 12) throw new Error('always')
  })
  assert.equal(Math.max(...pauses), 30_000)
  assert.equal(pauses.at(-1), 200)
})

test('a round that has begun well and fails later is tried again soon, and told again', async () => {
  const { pauses, lines } = await run(4, (_index, works) => {
    works()
    throw new Error('after a year')
  })
  assert.deepEqual(pauses, [200, 200, 200, 200])
  assert.equal(lines.filter((line) => line.startsWith('warn')).length, 4)
})

test('its signal ends it in the middle of a round and of a pause, and nothing is said', async () => {
  const ending = new AbortController()
  const lines: string[] = []
  await keepDoing(
    { clock: { sleep: () => Promise.reject(new Error('not asked')) }, log: (_level, message) => lines.push(message) },
    { complaint: 'it fails', everyMs: 1, signal: ending.signal },
    () => {
      ending.abort()
      throw new Error('because it ends')
    },
  )
  assert.deepEqual(lines, [])
})
