/** Runs a short-lived program of the machine and gives back what it printed. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { LarderError } from '../errors.ts'
import { isShortage } from './shortage.ts'

interface ToolRun {
  /** Fed to its standard input. */
  readonly input?: string
  readonly deadlineMs: number
  /** Instead of Larder's own. */
  readonly environment?: Readonly<Record<string, string>>
}

/** Without descriptors for the pipes a child has no streams, whatever its type says. */
const gather = (stream: Readable | null | undefined): (() => string) => {
  const chunks: Buffer[] = []
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString('utf8')
}

const spawnProgram = (command: readonly string[], environment: ToolRun['environment']): ChildProcess => {
  const [program = '', ...args] = command
  return spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...(environment ?? process.env) } })
}

/**
 * Its standard output. Rejects with `machine` and its own words when it fails, and with `deadline` when it takes too long. A start that
 * fails is an event of the child, or is thrown at once, by the kind of the error: both are rejections.
 */
export const runTool = (command: readonly string[], { input, deadlineMs, environment }: ToolRun): Promise<string> =>
  new Promise((resolve, reject) => {
    const name = command.join(' ')
    const fail = (cause: unknown): void => {
      const found = cause instanceof Error ? cause.message : String(cause)
      reject(new LarderError('machine', `could not run ${name}: ${found}`, { cause, retry: isShortage(cause) }))
    }
    let child: ChildProcess
    try {
      child = spawnProgram(command, environment)
    } catch (error) {
      fail(error)
      return
    }
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new LarderError('deadline', `${name} did not end within ${deadlineMs} ms`, { retry: true }))
    }, deadlineMs)
    child.once('error', (error) => {
      clearTimeout(timer)
      fail(error)
    })
    const output = gather(child.stdout)
    const complaint = gather(child.stderr)
    child.once('close', (status, signal) => {
      clearTimeout(timer)
      if (status === 0) return resolve(output())
      const said = complaint().trim().split('\n')[0] ?? ''
      reject(new LarderError('machine', `${name} failed (${signal ?? `status ${status}`}): ${said || 'it said nothing'}`))
    })
    // It may end before it has read everything: its status says more than a broken pipe.
    child.stdin?.on('error', () => child.stdin?.destroy())
    child.stdin?.end(input ?? '')
  })
