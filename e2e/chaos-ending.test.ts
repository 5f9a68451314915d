/** However `npm run chaos` ends, it says so in one line and by its code, and nothing that it started is left: no process, no claim, no folder. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { claimsOf, processesOf } from '../scripts/checks/leftovers.ts'
import { until } from './support/service.ts'

const program = fileURLToPath(new URL('../chaos/run.ts', import.meta.url))
const setupMs = 60_000

class ChaosRun implements Disposable {
  /** Where it makes all of its folders. */
  readonly folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  readonly #child: ChildProcess
  readonly #end: Promise<unknown>
  stdout = ''
  stderr = ''

  constructor(args: readonly string[], extra: NodeJS.ProcessEnv = {}) {
    const environment: NodeJS.ProcessEnv = { ...process.env, TMPDIR: this.folder, ...extra }
    delete environment['NODE_TEST_CONTEXT']
    this.#child = spawn(process.execPath, [program, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#end = once(this.#child, 'close')
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** What it ended with. It has left nothing but what it kept on purpose, and shown nobody a stack. */
  async ended(kept = 0): Promise<number | null> {
    await this.#end
    assert.doesNotMatch(this.stdout + this.stderr, /^\s+at /m)
    assert.deepEqual(processesOf(this.folder), [])
    assert.deepEqual(claimsOf(this.folder), [])
    assert.equal(readdirSync(this.folder).length, kept, readdirSync(this.folder).join(', '))
    return this.#child.exitCode
  }

  /** The process of Larder; undefined before it is there. */
  service(): number | undefined {
    const [file] = globSync(join(this.folder, 'larder-test-*/service.json'))
    return file === undefined ? undefined : (JSON.parse(readFileSync(file, 'utf8')) as { readonly pid: number }).pid
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const some = ['--minutes', '5', '--seed', '1', '--only', 'kill-primary,larder']

test('a wrong command line ends with 2 and one line', async () => {
  const wrong = [
    ['--only', 'nothing'],
    ['--minutes', 'many'],
    ['--seed', '-1'],
    ['--strange'],
    ['--only', 'busy', '--without', 'busy'],
  ]
  for (const args of wrong) {
    using run = new ChaosRun(args)
    assert.equal(await run.ended(), 2, args.join(' '))
    assert.match(run.stderr, /^chaos: .+\n$/)
  }
})

test('a run that cannot begin ends with 3 and one line', async () => {
  using run = new ChaosRun(some, { TMPDIR: '/dev/null/nowhere' })
  assert.equal(await run.ended(), 3)
  assert.match(run.stderr, /^chaos: ENOTDIR: .+\n$/)
})

test('a Larder that dies while groups are made ends the run with 3 and one line', async () => {
  using run = new ChaosRun(some)
  const pid = await until('Larder is there', () => run.service(), setupMs)
  process.kill(pid, 'SIGKILL')
  assert.equal(await run.ended(1), 3)
  assert.match(run.stderr, /^chaos: .+\n$/)
  assert.match(run.stdout, /what happened is kept in /)
})

for (const [when, isThen] of [
  ['while groups are made', (run: ChaosRun) => run.service() !== undefined],
  ['in the middle of a round', (run: ChaosRun) => run.stdout.includes('round 2 ')],
] as const)
  test(`a signal ${when} ends the run with 130`, async () => {
    using run = new ChaosRun(some)
    await until('it is the time', () => isThen(run), setupMs).catch((error: unknown) => {
      throw new Error(`it said: ${run.stderr}${run.stdout}`, { cause: error })
    })
    run.signal('SIGINT')
    assert.equal(await run.ended(), 130, run.stderr + run.stdout)
  })
