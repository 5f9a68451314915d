import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

test('the example runs: a session and prices that two processes share', async () => {
  const program = fileURLToPath(new URL('run.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 60_000 })
  const lines = stdout.trim().split('\n')
  assert.match(lines[4] ?? '', /jam.*cheese.*"total":27/)
  assert.match(lines[6] ?? '', /jam.*cheese.*"total":23/)
  assert.equal(new Set(lines.slice(0, 2).map((line) => line.split(/\s+/)[1])).size, 2, 'two processes')
})
