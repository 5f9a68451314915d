import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from './log.ts'
import { heapInUse } from './testing.ts'

test('a line that cannot be written harms nobody, and is said to be missing when writing works again', () => {
  const lines: string[] = []
  let isFull = false
  const log = createLog((line) => {
    if (isFull) throw new Error('ENOSPC: no space left on device')
    lines.push(line)
  }, Date.now)
  log('info', 'one')
  isFull = true
  log('info', 'two')
  log('info', 'three')
  isFull = false
  log('info', 'four', { error: new Error('why', { cause: new Error('because') }) })
  const said = lines.map((line) => JSON.parse(line) as { message: string; lost?: number; error?: string })
  assert.deepEqual(
    said.map(({ message, lost }) => [message, lost]),
    [
      ['one', undefined],
      ['lines of this log could not be written', 2],
      ['four', undefined],
    ],
  )
  assert.equal(said[2]?.error, 'why (because: because)')
})

interface Line {
  readonly level: string
  readonly message: string
  readonly repeated?: number
  readonly node?: string
}

const logging = () => {
  const lines: Line[] = []
  let now = 0
  const log = createLog(
    (line) => lines.push(JSON.parse(line) as Line),
    () => 0,
    () => now,
  )
  return { lines, log, pass: (ms: number) => (now += ms) }
}

test('the same words are written a few times a minute; how often more is said once the minute is over', () => {
  const { lines, log, pass } = logging()
  for (let count = 0; count < 317; count += 1) {
    log('warn', 'a step failed', { node: 'a', afterMs: count, error: new Error(`process ${count} ended`) })
    if (count === 100) log('warn', 'a step failed', { node: 'b', error: new Error('process 1 ended') })
    pass(100)
  }
  assert.deepEqual([lines.length, lines.filter((line) => line.node === 'b').length], [6, 1])
  pass(60_000)
  log('info', 'something else')
  assert.deepEqual(
    lines.slice(6).map(({ level, message, repeated, node }) => [level, message, repeated, node]),
    [
      ['warn', 'a step failed', 312, 'a'],
      ['info', 'something else', undefined, undefined],
    ],
  )
  log('warn', 'a step failed', { node: 'a', error: new Error('process 9 ended') })
  assert.equal(lines.at(-1)?.node, 'a')
})

test('what was held back is said at the end, and without a further line too', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { lines, log, pass } = logging()
  for (let count = 0; count < 8; count += 1) log('debug', 'a stage')
  log.sumUp()
  assert.deepEqual(
    lines.map((line) => line.repeated),
    [undefined, undefined, undefined, undefined, undefined, 3],
  )
  for (let count = 0; count < 7; count += 1) log('debug', 'a stage')
  pass(60_000)
  t.mock.timers.tick(60_000)
  assert.equal(lines.at(-1)?.repeated, 2)
})

test('steps that differ by their node or their epoch are all written', () => {
  const { lines, log } = logging()
  for (let epoch = 0; epoch < 100; epoch += 1) log('info', 'promoted', { node: `n-${epoch % 3}`, epoch })
  assert.equal(lines.length, 100)
})

test('texts that a stranger chooses make neither many lines nor much memory', () => {
  const { lines, log, pass } = logging()
  const before = heapInUse()
  for (let count = 0; count < 100_000; count += 1) log('info', 'somebody failed', { user: `user-${count}${'x'.repeat(400)}` })
  assert.equal(lines.length, 300)
  assert.ok(heapInUse() - before < 10_000_000)
  pass(60_000)
  log('info', 'something else')
  assert.equal(lines.at(-2)?.repeated, 99_700)
})
