/** Runs a short-lived program of the machine and gives back what it printed. */
import { spawn } from 'node:child_process'
import { LarderError } from '../errors.ts'

interface ToolRun {
  /** Fed to its standard input. */
  readonly input?: string
  readonly deadlineMs: number
  /** Instead of Larder's own. */
  readonly environment?: Readonly<Record<string, string>>
}

const gather = (stream: NodeJS.ReadableStream): (() => string) => {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString('utf8')
}

/** Its standard output. Rejects with `machine` and its own words when it fails, and with `deadline` when it takes too long. */
export const runTool = (command: readonly string[], { input, deadlineMs, environment }: ToolRun): Promise<string> =>
  new Promise((resolve, reject) => {
    const [program = '', ...args] = command
    const name = command.join(' ')
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...(environment ?? process.env) } })
    const output = gather(child.stdout)
    const complaint = gather(child.stderr)
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new LarderError('deadline', `${name} did not end within ${deadlineMs} ms`, { retry: true }))
    }, deadlineMs)
    child.once('error', (cause) => {
      clearTimeout(timer)
      reject(new LarderError('machine', `could not run ${name}: ${cause.message}`, { cause }))
    })
    child.once('close', (status, signal) => {
      clearTimeout(timer)
      if (status === 0) return resolve(output())
      const said = complaint().trim().split('\n')[0] ?? ''
      reject(new LarderError('machine', `${name} failed (${signal ?? `status ${status}`}): ${said || 'it said nothing'}`))
    })
    // It may end before it has read everything: its status says more than a broken pipe.
    child.stdin.on('error', () => child.stdin.destroy())
    child.stdin.end(input ?? '')
  })
