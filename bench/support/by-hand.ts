/** Engines that a benchmark starts itself, as a user would, on loopback addresses that no home uses. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { giveFormerPriority } from '../../packages/service/src/host/priority.ts'

export interface ByHand extends AsyncDisposable {
  readonly folder: string
  /** Another address each time. */
  address(): string
  /** With a session and a priority as those of Larder have. It ends with the benchmark. Returns its process id. */
  start(command: readonly string[], cwd: string): number
  /** Ends all that was started, and resolves when all have ended. */
  stop(): Promise<void>
}

export const openByHand = (): ByHand => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-bench-'))
  const prefix = `127.${randomInt(200, 250)}.${randomInt(0, 256)}`
  const running = new Set<ChildProcess>()
  let last = 0
  const stop = async (): Promise<void> => {
    await Promise.all(
      [...running].map(
        (child) =>
          new Promise<void>((resolve) => {
            if (child.exitCode !== null || child.signalCode !== null) return resolve()
            child.once('exit', () => resolve())
            child.kill('SIGKILL')
          }),
      ),
    )
    running.clear()
  }
  return {
    folder,
    address: () => {
      last += 1
      if (last > 254) throw new Error(`expected no more than 254 engines in ${prefix}.0/24`)
      return `${prefix}.${last}`
    },
    start: ([program = '', ...args], cwd) => {
      const log = openSync(join(cwd, 'engine.log'), 'a')
      const child = spawn(program, args, { cwd, env: {}, stdio: ['ignore', log, log], detached: true })
      giveFormerPriority(child.pid)
      closeSync(log)
      running.add(child)
      if (child.pid === undefined) throw new Error(`${program} could not be started`)
      return child.pid
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
