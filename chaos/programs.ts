/** Programs that run beside the groups for a while. Each ends by itself, and at the latest with what started it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null || child.pid === undefined

export class Programs implements AsyncDisposable {
  readonly #children: readonly ChildProcess[]

  constructor(commands: readonly (readonly string[])[]) {
    this.#children = commands.map(([program = '', ...args]) => {
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
      child.on('error', () => undefined) // told by `begun`
      return child
    })
  }

  /** Resolves when each has said something. */
  async begun(deadlineMs: number): Promise<void> {
    const signal = AbortSignal.timeout(deadlineMs)
    await Promise.all(
      this.#children.map(async ({ stdout, spawnargs }) => {
        if (stdout === null) throw new TypeError(`expected ${spawnargs.join(' ')} to be started`)
        await once(stdout, 'data', { signal })
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (hasEnded(child)) return
        const end = once(child, 'exit')
        child.kill('SIGTERM')
        await end
      }),
    )
  }
}
