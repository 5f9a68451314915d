import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { getPriority, setPriority } from 'node:os'
import { test } from 'node:test'
import { giveFormerPriority, raised, raisePriority } from './priority.ts'

test('the service runs before others, and what it starts does not', async (t) => {
  const before = getPriority()
  if (!raisePriority()) return t.skip('this user may not raise priorities')
  try {
    assert.equal(getPriority(), raised)
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    giveFormerPriority(child.pid)
    try {
      assert.ok(child.pid !== undefined)
      assert.equal(getPriority(child.pid), before)
      assert.equal(getPriority(), raised, 'and it goes on as it was')
    } finally {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
  } finally {
    setPriority(before)
  }
})
