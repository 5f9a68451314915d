import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
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

const script = `
  import { readFileSync } from 'node:fs'
  import { raisePriority } from ${JSON.stringify(new URL('./priority.ts', import.meta.url).href)}
  raisePriority()
  process.stdout.write(readFileSync('/proc/self/autogroup', 'utf8'))
`
const sessionOfRaised = async (detached: boolean): Promise<string> => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { detached, stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.setEncoding('utf8')
  let said = ''
  child.stdout.on('data', (text: string) => {
    said += text
  })
  await once(child, 'close')
  return said.trim()
}

test('a service with a session of its own raises that too, and one in the session of a shell leaves the shell alone', async (t) => {
  if (!existsSync('/proc/self/autogroup')) return t.skip('this kernel does not share the processor by session')
  const before = getPriority()
  if (!raisePriority()) return t.skip('this user may not raise priorities')
  setPriority(before)
  assert.match(await sessionOfRaised(true), /nice -10$/)
  const shared = readFileSync('/proc/self/autogroup', 'utf8').trim()
  assert.equal(await sessionOfRaised(false), shared)
})
