/** Ctrl-C in a terminal reaches npm and Larder, and npm sends it on: two signals. Every engine has to be ended all the same. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { releaseBlock, until } from './support/service.ts'

const main = new URL('../packages/service/src/main.ts', import.meta.url).pathname

const processesOf = (home: string): readonly string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(home)
    } catch (error) {
      if (error instanceof Error && 'code' in error) return false // it ended while we looked
      throw error
    }
  })

test('the demo ends with all of its engines when two signals arrive one after the other', async () => {
  const home = mkdtempSync(join(tmpdir(), 'larder-test-'))
  const child = spawn(process.execPath, [main, 'up', '--port', '0', '--demo', '--stop-on-exit'], {
    env: { ...process.env, LARDER_HOME: home },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    await until('the demo', () => said.includes('Overview: npx larder status'), 30_000)
    assert.ok(processesOf(`${home}/nodes`).length >= 11)
    child.kill('SIGINT')
    child.kill('SIGINT')
    const [code] = await once(child, 'exit')
    assert.equal(code, 0)
    assert.deepEqual(processesOf(home), [])
  } finally {
    child.kill('SIGKILL')
    for (const pid of processesOf(home)) process.kill(Number(pid), 'SIGKILL')
    releaseBlock(home)
    rmSync(home, { recursive: true, force: true })
  }
})
