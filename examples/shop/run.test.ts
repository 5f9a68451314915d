import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { until } from '../../packages/client/src/testing/servers.ts'

const program = fileURLToPath(new URL('run.ts', import.meta.url))

test('the example runs: a session and prices that two processes share', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 60_000 })
  const said = stdout.split('\n')
  /** The answers to one kind of request, in order. */
  const answers = (method: string, path: string) => said.filter((line) => line.includes(`  ${method.padEnd(4)}  ${path} `))
  const [first, second, third, fourth, ...others] = answers('GET', '/products/2')
  assert.match(first ?? '', /process 1 .*"price":23.*from PostgreSQL/)
  assert.match(second ?? '', /process 2 .*"price":23.*from the cache server/)
  assert.match(third ?? '', /process 2 .*"price":23.*from this process/)
  assert.match(fourth ?? '', /process 2 .*"price":19.*from PostgreSQL/)
  assert.deepEqual(others, [])
  const [full, cheaper, none] = answers('GET', '/basket')
  assert.match(full ?? '', /process 2 .*cheese.*"count":2.*jam.*"count":1.*"total":50/)
  assert.match(cheaper ?? '', /process 2 .*cheese.*jam.*"total":42/)
  assert.match(none ?? '', /process 2 .*"total":0/)
})

/** What it has started, and what that has started. */
const descendants = async (pid: number): Promise<readonly number[]> => {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '') // it has ended
  const children = text.split(' ').filter(Boolean).map(Number)
  return [...children, ...(await Promise.all(children.map(descendants))).flat()]
}
const argumentsOf = async (pid: number): Promise<readonly string[]> =>
  (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0') // it has ended

test('where it is told to end in the middle, it leaves no process and no folder behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'larder-test-'))
  let example: ChildProcess | undefined
  try {
    example = spawn(process.execPath, [program], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(example, 'close')
    assert.ok(example.stdout)
    await Promise.race([once(example.stdout, 'data'), ended])
    const all = await descendants(example.pid ?? 0)
    const words = (await Promise.all(all.map(argumentsOf))).flat()
    const data = words[words.indexOf('-D') + 1] ?? ''
    assert.ok(all.length >= 4 && existsSync(data), `expected PostgreSQL, an engine and two shops, found ${words.join(' ')}`)
    example.kill('SIGINT')
    assert.deepEqual(await ended, [130, null])
    for (const pid of all) await until('it has ended', () => !existsSync(`/proc/${pid}`))
    assert.ok(!existsSync(data))
    assert.deepEqual(await readdir(folder), [])
  } finally {
    example?.kill('SIGTERM')
    await rm(folder, { recursive: true, force: true })
  }
})
