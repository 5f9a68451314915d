/** Starts programs with pipes, and survives what can go wrong at that: no descriptor, no process, no memory left. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { LarderError } from '../../errors.ts'

interface ChildOptions {
  readonly cwd?: string
  readonly environment?: NodeJS.ProcessEnv
}

/** Resolves when it runs. It does not keep this process alive. Rejects with `machine` and `retry` when it could not be started. */
export const startChild = async (
  command: readonly string[],
  { cwd, environment = process.env }: ChildOptions = {},
): Promise<ChildProcessWithoutNullStreams> => {
  const [program = '', ...args] = command
  const failed = (cause: unknown): LarderError =>
    new LarderError('machine', `could not run ${command.join(' ')}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
      retry: true,
    })
  try {
    const child = spawn(program, args, { stdio: 'pipe', env: environment, ...(cwd === undefined ? {} : { cwd }) })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject) // its streams may not even be there
    })
    child.on('error', () => undefined) // a signal that did not arrive: it has ended
    for (const stream of [child.stdin, child.stdout, child.stderr]) {
      stream.on('error', () => stream.destroy()) // its end is told by the process
      if ('unref' in stream && typeof stream.unref === 'function') stream.unref()
    }
    child.unref()
    return child
  } catch (error) {
    throw failed(error)
  }
}

const mostSaid = 4_096

/**
 * Runs a program to its end with text on its standard input; resolves with what stood on its standard output. Rejects with `machine` and its own words when
 * it fails; when the signal aborts it is killed, and the signal's reason is thrown.
 */
export const runChild = async (
  command: readonly string[],
  {
    input = '',
    signal,
    mostBytes = 16 * 1024 * 1024,
  }: { readonly input?: string; readonly signal: AbortSignal; readonly mostBytes?: number },
): Promise<string> => {
  signal.throwIfAborted()
  const child = await startChild(command)
  const ended = new Promise<string>((resolve) => {
    child.once('close', (status, name) => resolve(status === 0 ? '' : (name ?? `status ${status}`)))
  })
  const kill = (): void => {
    child.kill('SIGKILL')
    for (const stream of [child.stdout, child.stderr]) stream.destroy() // a grandchild may hold them
  }
  const awake = setInterval(() => undefined, 1_000)
  signal.addEventListener('abort', kill, { once: true })
  if (signal.aborted) kill()
  let output = ''
  let complaint = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (output.length > mostBytes) kill()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (complaint.length < mostSaid) complaint += text.slice(0, mostSaid)
  })
  child.stdin.end(input)
  try {
    const failure = await ended
    signal.throwIfAborted()
    if (failure === '') return output
    const said = complaint.trim().split('\n')[0] ?? ''
    throw new LarderError('machine', `${command.join(' ')} failed (${failure}): ${said || 'it said nothing'}`, { retry: true })
  } finally {
    clearInterval(awake)
    signal.removeEventListener('abort', kill)
  }
}
