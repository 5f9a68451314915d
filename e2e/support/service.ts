/** A real service in a home of its own, for one test file. Everything that it started is gone afterwards, also when the test fails. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ElastiCacheClient } from '@aws-sdk/client-elasticache'
import { findReport } from '../../packages/service/src/cli/report.ts'
import { stopHome } from '../../packages/service/src/compose/stop.ts'
import { openHome } from '../../packages/service/src/home/home.ts'
import { patience } from '../../packages/service/src/testing/busy-machine.ts'
import { processesOf } from '../../scripts/checks/leftovers.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const command = join(root, 'packages/service/bin/larder')
/** Before a command: as root Larder would raise its limits by itself. */
const unableToRaise = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-sys_resource'] : []
const readyDeadlineMs = 30_000 * patience

export interface StatusNode {
  readonly id: string
  readonly role: 'primary' | 'replica' | 'cache'
  readonly status: string
  readonly zone: string
  readonly address: string
  readonly port: number
  readonly pid: number | null
  readonly engine: string
  readonly version: string
}

export interface StatusReport {
  readonly groups: readonly {
    readonly id: string
    readonly kind: string
    readonly status: string
    readonly shards: readonly { readonly id: string; readonly nodes: readonly StatusNode[] }[]
  }[]
}

export interface TestService {
  readonly home: string
  readonly environment: NodeJS.ProcessEnv
  /** Process id of the service that runs now. */
  pid(): number
  url(): string
  client(region?: string): ElastiCacheClient
  /** Starts it again on the same home, after `kill` or `end`. Resolves when it says that it is ready. */
  start(extra?: NodeJS.ProcessEnv, openFiles?: number): Promise<void>
  /** SIGKILL, and seen to be gone. */
  kill(): Promise<void>
  /** SIGTERM; engines go on. */
  end(): Promise<void>
  larder(...args: readonly string[]): string
  /** As `larder status` finds it, without a process for it: the running service is asked, and without one the engines. */
  status(): Promise<StatusReport>
  nodes(): Promise<readonly StatusNode[]>
  [Symbol.asyncDispose](): Promise<void>
}

const leastPauseMs = 10
const mostPauseMs = 50

export const until = async <T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs = 15_000,
): Promise<T> => {
  const deadline = performance.now() + deadlineMs * patience
  let last: unknown
  for (;;) {
    const asked = performance.now()
    try {
      const found = await ask()
      if (found !== undefined && found !== false) return found
      last = undefined
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline)
      throw new Error(`not within ${Math.round(deadlineMs * patience)} ms: ${what}`, { cause: last })
    // What is dear to ask is asked less often, so that the asking does not slow down what is waited for.
    const pauseMs = Math.min(mostPauseMs, Math.max(leastPauseMs, 4 * (performance.now() - asked)))
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}

const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', () => resolve()))

/** Resolves with the URL of the line `ready http://HOST:PORT`; rejects with all that it said when it ends before. */
const readyUrl = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    let said = ''
    const fail = (why: string): void => reject(new Error(`the service ${why}; it said: ${said}`))
    const timer = setTimeout(() => fail('was not ready in time'), readyDeadlineMs)
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      fail(`ended with ${code ?? signal}`)
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        said += text
        const url = /^ready (\S+)$/m.exec(said)?.[1]
        if (url === undefined) return
        clearTimeout(timer)
        resolve(url)
      })
    }
  })

export const releaseBlock = (home: string): void => {
  try {
    const { first } = JSON.parse(readFileSync(join(home, 'block.json'), 'utf8')) as { first: number }
    rmSync(`/var/tmp/larder-blocks/127.${first}`, { force: true })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}

/** Every process whose command line names a file of this home. */
const endAll = (home: string): void => {
  for (const { pid } of processesOf(home)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** `entry` is another program than the `larder` command, for tests that need a hook; `folder` is where the home is made. */
export const startTestService = async (
  options: {
    readonly entry?: string
    readonly extra?: NodeJS.ProcessEnv
    readonly folder?: string
    /** How many files it and its engines may open at most. */
    readonly openFiles?: number
    /** As the system starts a service: where the kernel shares the processor by session, it is not one of those of the terminal. */
    readonly ownSession?: boolean
  } = {},
): Promise<TestService> => {
  const home = mkdtempSync(join(options.folder ?? tmpdir(), 'larder-test-'))
  const environment: NodeJS.ProcessEnv = { ...process.env, LARDER_HOME: home, NO_COLOR: '1' }
  delete environment['NODE_TEST_CONTEXT']
  let child: ChildProcess | null = null
  let url = ''
  let port = '0'

  const start = async (extra: NodeJS.ProcessEnv = {}, openFiles = options.openFiles): Promise<void> => {
    const plain = options.entry === undefined ? [command, 'up', '--port', port] : [process.execPath, options.entry, port]
    const limited = openFiles === undefined ? [] : [...unableToRaise, 'sh', '-c', `ulimit -n ${openFiles}; exec "$@"`, 'sh']
    const [program = '', ...words] = [...limited, ...plain]
    const started = spawn(program, words, {
      env: { ...environment, ...options.extra, ...extra },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: options.ownSession === true,
    })
    child = started
    url = await readyUrl(started)
    port = new URL(url).port
  }
  const stop = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    const running = child
    if (running === null) return
    running.kill(signal)
    await ended(running)
    child = null
  }
  const larder = (...args: readonly string[]): string => {
    const result = spawnSync(command, args, {
      env: environment,
      encoding: 'utf8',
      timeout: 60_000 * patience,
    })
    if (result.status !== 0)
      throw new Error(`larder ${args.join(' ')} ended with ${result.status}: ${result.stderr}${result.stdout}`)
    return result.stdout
  }
  const credentials = (): { accessKeyId: string; secretAccessKey: string } => {
    const secrets = JSON.parse(readFileSync(join(home, 'secrets.json'), 'utf8')) as {
      accessKeyId: string
      secretAccessKey: string
    }
    return { accessKeyId: secrets.accessKeyId, secretAccessKey: secrets.secretAccessKey }
  }

  const status = async (): Promise<StatusReport> => (await findReport(environment)).report as StatusReport

  const service: TestService = {
    home,
    environment,
    pid: () => child?.pid ?? 0,
    url: () => url,
    client: (region = 'us-east-1') =>
      new ElastiCacheClient({ endpoint: url, region, credentials: credentials(), maxAttempts: 1 }),
    start,
    kill: () => stop('SIGKILL'),
    end: () => stop('SIGTERM'),
    larder,
    status,
    nodes: async () => (await status()).groups.flatMap((group) => group.shards.flatMap((shard) => shard.nodes)),
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL')
      try {
        await stopHome(openHome(home), environment)
      } catch (error) {
        // A home that a test has damaged may refuse it; nothing is left behind all the same.
        endAll(home)
        throw error
      } finally {
        releaseBlock(home)
        rmSync(home, { recursive: true, force: true })
      }
    },
  }
  try {
    await start()
  } catch (error) {
    await stop('SIGKILL')
    releaseBlock(home)
    rmSync(home, { recursive: true, force: true })
    throw error
  }
  return service
}
