import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from './log.ts'

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
