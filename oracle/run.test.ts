import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from '../packages/client/src/testing/servers.ts'

const program = fileURLToPath(new URL('run.ts', import.meta.url))

const run = (
  ...args: readonly string[]
): Promise<{ readonly code: number | null; readonly output: string; readonly errors: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const [output, errors]: [string[], string[]] = [[], []]
    child.stdout.on('data', (bytes: Buffer) => output.push(bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => errors.push(bytes.toString()))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output: output.join(''), errors: errors.join('') }))
  })

test('no read of processes that write, invalidate and are disturbed is older than the last invalidation; rivals are found stale', async () => {
  const { code, output, errors } = await run('--reads', '20000', '--seed', '7')
  const line = output.trim().split('\n').at(-1) ?? ''
  assert.equal(code, 0, `${output}${errors}`)
  const result = JSON.parse(line) as Record<string, { reads: number; stale: number }> & { reads: number; stale: number }
  assert.ok(result.reads >= 20_000)
  assert.equal(result.stale, 0)
  for (const rival of ['bentocache', 'cache-aside']) assert.ok((result[rival]?.stale ?? 0) > 0, rival)
})

test('what makes no sense is told', async () => {
  for (const args of [
    ['--reads', 'many'],
    ['--seed', 'x'],
    ['--read', '1'],
  ]) {
    const { code, errors } = await run(...args)
    assert.equal(code, 2, args.join(' '))
    assert.doesNotMatch(errors, /\n\s+at /)
  }
})

test('where it is told to end before it plays, it ends without playing, and leaves no folder behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'larder-test-'))
  try {
    const env = { ...process.env, TMPDIR: folder }
    const child = spawn(process.execPath, [program, '--reads', '20000'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const [output, errors]: [string[], string[]] = [[], []]
    child.stdout.on('data', (bytes: Buffer) => output.push(bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => errors.push(bytes.toString()))
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    await until('it has begun', () => readdirSync(folder).length > 0)
    child.kill('SIGTERM')
    assert.equal(await ended, 130)
    assert.equal(output.join(''), '')
    assert.equal(errors.join('').trim(), 'ended by SIGTERM')
    assert.deepEqual(readdirSync(folder), [])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
