import assert from 'node:assert/strict'
import { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { mock, type TestContext, test } from 'node:test'
import { runForeground } from '../cli/spawned.ts'
import { outputOf } from '../engines/install-command.ts'
import { LarderError } from '../errors.ts'
import { createLinuxHost } from './linux.ts'
import { isShortage } from './shortage.ts'
import { runTool } from './tool.ts'

/** How the kernel refuses a new process. Node throws some of these at once, makes events of others, and leaves streams out for two. */
const codes = ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'EACCES', 'ENOENT', 'E2BIG'] as const

const short: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'])

type Spawn = (...what: readonly unknown[]) => number
/** What Node's types leave out. */
const starting = ChildProcess.prototype as unknown as { spawn: (this: { _handle: { spawn: Spawn } }, options: object) => unknown }

/**
 * Every start of a child fails in the way in which Node tells of this error: Node's own code runs, with the answer of the kernel changed.
 * Without descriptors nothing is there at all; else the pipes are, and no program runs.
 */
const refuseChildren = (context: TestContext, code: (typeof codes)[number]): void => {
  const original = starting.spawn
  mock.method(starting, 'spawn', function (this: { _handle: { spawn: Spawn } }, options: object): unknown {
    const handle = this._handle
    const real = handle.spawn
    handle.spawn = (...what) => {
      if (code !== 'EMFILE' && code !== 'ENFILE')
        Reflect.apply(
          real,
          handle,
          what.map((each, at) => (at === 0 ? '/none/such' : each)),
        )
      return -constants.errno[code]
    }
    return Reflect.apply(original, this, [options])
  })
  context.after(() => mock.restoreAll())
}

const launch = (folder: string) => ({
  command: ['/bin/true', folder],
  environment: {},
  cwd: folder,
  logFile: join(folder, 'log'),
  tag: folder,
})

/** Everything in the service that starts a program. */
const starters: Readonly<Record<string, (folder: string) => Promise<unknown>>> = {
  runTool: () => runTool(['true'], { deadlineMs: 1_000 }),
  'runTool with input': () => runTool(['cat'], { deadlineMs: 1_000, input: 'x'.repeat(100_000) }),
  'host.start': (folder) => createLinuxHost().start(launch(folder)),
  outputOf: () => outputOf('true', [], 'trying'),
  runForeground: () => runForeground(['true'], process.env, 'try again'),
}

for (const code of codes)
  for (const [name, start] of Object.entries(starters))
    test(`a child that cannot be started (${code}) is a rejection of ${name}, which says whether to try again`, async (context) => {
      const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
      context.after(() => rmSync(folder, { recursive: true, force: true }))
      refuseChildren(context, code)
      await assert.rejects(start(folder), (error: unknown) => {
        assert.ok(error instanceof LarderError, String(error))
        if (name.startsWith('runTool') || name === 'host.start') assert.equal(error.retry, short.has(code))
        return true
      })
      // Nothing that comes later may be without a listener: it would end the process.
      await new Promise((resolve) => setImmediate(resolve))
      mock.restoreAll()
      assert.equal(await runTool(['echo', 'again'], { deadlineMs: 5_000 }), 'again\n')
    })

test('a shortage is told by the code of an error, also of its cause', () => {
  const error = Object.assign(new Error('x'), { code: 'EMFILE' })
  assert.ok(isShortage(error))
  assert.ok(isShortage(new LarderError('machine', 'y', { cause: error })))
  assert.ok(!isShortage(Object.assign(new Error('x'), { code: 'ENOENT' })))
  assert.ok(!isShortage('EMFILE'))
})
