import { type ChildProcess, spawn } from 'node:child_process'
import { LarderError } from '../errors.ts'

/** Runs a program on this terminal. Resolves with its exit code; signals of the terminal reach it directly. */
export const runForeground = (command: readonly string[], environment: NodeJS.ProcessEnv, mend: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const [program = '', ...args] = command
    const fail = (error: unknown): void => {
      const found = error instanceof Error ? error.message : String(error)
      reject(new LarderError('machine', `${program} could not be run: ${found}; ${mend}`, { cause: error }))
    }
    let child: ChildProcess
    try {
      child = spawn(program, args, { stdio: 'inherit', env: environment })
    } catch (error) {
      fail(error)
      return
    }
    const ignore = (): void => undefined // the child gets the signal as well, and decides
    process.on('SIGINT', ignore)
    child.on('error', fail)
    child.on('exit', (code, signal) => {
      process.off('SIGINT', ignore)
      resolve(code ?? (signal === null ? 1 : 128))
    })
  })
