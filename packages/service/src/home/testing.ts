/** What the tests of homes share: homes in folders of their own, and other processes that hold or want something. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Gone with the test. */
export const temporaryFolder = (parent = tmpdir()): { readonly path: string } & Disposable => {
  const path = mkdtempSync(join(parent, 'larder-test-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export interface OtherProcess extends AsyncDisposable {
  readonly pid: number
  /** The next line that it prints; rejects when it ends without one. */
  line(): Promise<string>
  kill(): Promise<void>
}

const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** A process that runs `code` (TypeScript, a module) with imports relative to `base`; killed with the test. */
export const runOther = (base: string, code: string): OtherProcess => {
  const source = code.replaceAll(/from '(\.[^']+)'/g, (_, path: string) => `from '${new URL(path, base).href}'`)
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended(child)
  }
  return {
    pid: child.pid ?? 0,
    async line() {
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`expected a line of the other process, found that it ended with ${child.exitCode}`)
      return value
    },
    kill,
    [Symbol.asyncDispose]: kill,
  }
}
