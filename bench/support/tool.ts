import { type ChildProcess, spawn } from 'node:child_process'

export interface Finished {
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. Rejects with all that it said when it fails; it is ended after the deadline. */
export const runTool = (
  [program = '', ...args]: readonly string[],
  options: { readonly deadlineMs: number; readonly environment?: NodeJS.ProcessEnv; readonly cwd?: string },
): Promise<Finished> =>
  new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(program, args, {
      env: options.environment ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.deadlineMs,
      killSignal: 'SIGKILL',
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    let stdout = ''
    let stderr = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve({ stdout, stderr })
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code ?? signal}: ${stderr}${stdout}`))
    })
  })
