import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { identify, sampleOf } from './proc.ts'
import { openRuntime } from './runtime.ts'

const own = () => {
  const identity = identify(process.pid)
  assert.ok(identity)
  return identity
}

test('it tells what a whole look tells, and grows with what the process does', () => {
  const identity = own()
  const reader = openRuntime(identity)
  assert.ok(reader)
  try {
    const before = reader.read()
    const sample = sampleOf(identity)
    const after = reader.read()
    assert.ok(before !== null && sample !== null && after !== null)
    assert.ok(before > 0 && before <= sample.runtimeNs && sample.runtimeNs <= after, `${before} ${sample.runtimeNs} ${after}`)
  } finally {
    reader.close()
  }
})

test('a process that has ended is told as null, and no descriptor is left', async () => {
  const child = spawn('sleep', ['60'])
  assert.ok(child.pid)
  const identity = identify(child.pid)
  assert.ok(identity)
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  const reader = openRuntime(identity)
  assert.ok(reader)
  assert.ok(reader.read() !== null)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(reader.read(), null)
  reader.close()
  assert.equal(openRuntime(identity), null)
  assert.equal(openRuntime({ ...own(), startTime: '1' }), null, 'another process with this pid')
  assert.ok(open() <= before, 'descriptors')
})
