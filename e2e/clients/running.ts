/** Programs of other languages that write without an end, each in a process of its own, and what they tell. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { fromArchive, fromLock, type Unpacked } from '../support/archive.ts'

const programs = fileURLToPath(new URL('./programs/', import.meta.url))

export type Kind = 'cmd' | 'cme' | 'tls'

export interface Wanted {
  readonly host: string
  readonly port: number
  readonly kind: Kind
  readonly key: string
  readonly ca: string
  readonly password: string
  /** The first number that it writes. */
  readonly first: number
}

interface Start {
  readonly command: readonly [string, ...string[]]
  readonly environment?: Readonly<Record<string, string>>
}

/** A program that is ready to run, or a sentence that says what is missing. */
type Prepared = ((wanted: Wanted) => Start) | string

export interface Client {
  readonly name: string
  readonly kinds: readonly Kind[]
  /** Started again when it ends by itself, as a manager of processes does it. */
  readonly restarts?: boolean
  /** Lists of packages are fetched and programs compiled into `folder`. */
  prepare(folder: string): Promise<Prepared>
}

type Arguments = (wanted: Wanted) => readonly string[]
const json: Arguments = (wanted) => [JSON.stringify(wanted)]

const from = async (
  language: 'python' | 'php' | 'ruby',
  start: (unpacked: Unpacked, wanted: Wanted) => Start,
): Promise<Prepared> => {
  const unpacked = await fromArchive(language)
  return typeof unpacked === 'string' ? unpacked : (wanted) => start(unpacked, wanted)
}

/** Python of the archive; it keeps what it compiles beside its sources. */
export const pythonStart = (unpacked: Unpacked, program: string, args: readonly string[]): Start => ({
  command: [...unpacked.command(unpacked.find('usr/bin', /^python3\.\d+$/)), join(programs, program), ...args],
  environment: {
    PYTHONHOME: join(unpacked.folder, 'usr'),
    PYTHONPATH: join(unpacked.folder, 'usr/lib/python3/dist-packages'),
  },
})

const phpStart = (unpacked: Unpacked, wanted: Wanted, ...args: readonly string[]): Start => {
  const php = unpacked.command(unpacked.find('usr/bin', /^php\d\.\d$/))
  const extensions = unpacked.find('usr/lib/php', /^\d{8}$/)
  const settings = [`extension_dir=${extensions}`, 'extension=igbinary', 'extension=redis'].flatMap((each) => ['-d', each])
  return { command: [...php, '-n', ...settings, join(programs, 'phpredis.php'), ...json(wanted), ...args] }
}

const rubyStart = (unpacked: Unpacked, wanted: Wanted, ...args: readonly string[]): Start => {
  const version = unpacked.find('usr/lib/ruby', /^\d\.\d\.0$/)
  const gems = ['redis', 'redis-client', 'redis-clustering', 'redis-cluster-client', 'connection_pool'].map((gem) =>
    join(unpacked.find('usr/share/rubygems-integration/all/gems', new RegExp(`^${gem}-[\\d.]+$`)), 'lib'),
  )
  const native = join(unpacked.libraries, 'ruby', version.slice(version.lastIndexOf('/') + 1))
  return {
    command: [
      ...unpacked.command(unpacked.find('usr/bin', /^ruby\d\.\d$/)),
      '--disable-gems',
      join(programs, 'ruby_redis.rb'),
      ...json(wanted),
      ...args,
    ],
    environment: { RUBYLIB: [...gems, version, native].join(':') },
  }
}

/** Compiled with the headers of the archive, and run with its libraries, which may be newer than those of this machine. */
const prepareHiredis = async (folder: string): Promise<Prepared> => {
  const unpacked = await fromArchive('hiredis')
  if (typeof unpacked === 'string') return unpacked
  const program = join(folder, 'hiredis')
  const { libraries } = unpacked
  const flags = ['-std=gnu11', '-O1', '-Wall', '-Wextra', '-Werror', '-I', join(unpacked.folder, 'usr/include')]
  const link = ['-L', libraries, '-lhiredis', '-lhiredis_ssl', '-Wl,--allow-shlib-undefined', '-o', program]
  try {
    await promisify(execFile)('cc', [...flags, join(programs, 'hiredis.c'), ...link])
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'this machine has no C compiler (cc)'
    if (!existsSync('/usr/include/stdio.h')) return 'this machine has no headers for its C compiler (libc6-dev)'
    throw error
  }
  return ({ host, port, key, kind, ca, password }) => ({
    command: [...unpacked.command(program), host, String(port), key, ...(kind === 'tls' ? [ca, password] : [])],
  })
}

const inNode = (name: string, program: string, kinds: readonly Kind[], ...args: readonly string[]): Client => ({
  name,
  kinds,
  prepare: async () => (wanted) => ({ command: [process.execPath, join(programs, program), ...json(wanted), ...args] }),
})

/** Of npm, but in a folder of its own: it is no small package, and nothing else here needs it. */
const prepareBullmq = async (): Promise<Prepared> => {
  const made = await fromLock('bullmq', fileURLToPath(new URL('./bullmq/', import.meta.url)))
  if (typeof made === 'string') return made
  return (wanted) => ({ command: [process.execPath, join(programs, 'bullmq.ts'), ...json(wanted), made.folder] })
}

const all = ['cmd', 'cme', 'tls'] as const

const pythonClient = (unpacked: Unpacked, wanted: Wanted, ...args: readonly string[]): Start =>
  pythonStart(unpacked, 'redis_py.py', [...json(wanted), ...args])

/** With the line that docs/clients.md gives to whoever does not want to wait as long as by its defaults. */
const tuned = (name: string, language: 'python' | 'php' | 'ruby', start: typeof phpStart): Client => ({
  name: `${name}, tuned`,
  kinds: ['cmd', 'tls'],
  prepare: () => from(language, (unpacked, wanted) => start(unpacked, wanted, 'tuned')),
})

export const clients: readonly Client[] = [
  { name: 'redis-py', kinds: all, prepare: () => from('python', pythonClient) },
  // Its RedisCluster 6.2.0 may end the process (SIGSEGV) when a shard has another primary; php-fpm starts another worker then.
  { name: 'phpredis', kinds: all, restarts: true, prepare: () => from('php', phpStart) },
  { name: 'ruby-redis', kinds: all, prepare: () => from('ruby', rubyStart) },
  tuned('redis-py', 'python', pythonClient),
  tuned('phpredis', 'php', phpStart),
  tuned('ruby-redis', 'ruby', rubyStart),
  // It knows nothing of shards.
  { name: 'hiredis', kinds: ['cmd', 'tls'], prepare: prepareHiredis },
  inNode('ioredis', 'ioredis.ts', all),
  inNode('@redis/client, RESP2', 'node-redis.ts', all),
  inNode('@redis/client, RESP3 with a cache', 'node-redis.ts', all, 'near-cache'),
  inNode('GLIDE', 'glide.ts', all),
  { name: 'BullMQ', kinds: all, prepare: prepareBullmq },
]

interface Told {
  readonly at: number
  readonly ok?: number
  readonly error?: string
  readonly stale?: number
  readonly nodes?: readonly string[]
}

export interface Running {
  readonly name: string
  readonly key: string
  /** Numbers whose write was acknowledged. */
  readonly acknowledged: ReadonlySet<number>
  /** What it told since this moment (milliseconds since 1970). */
  since(at: number): {
    /** The longest time between two acknowledged writes, of which the second came after that moment. */
    readonly gapMs: number
    readonly writes: number
    /** By their text: how often. */
    readonly errors: ReadonlyMap<string, number>
  }
  /** Values of its own cache that were not current in time. */
  readonly stale: readonly number[]
  /** Those that it knows, of Memcached. */
  nodes(): readonly string[]
  /** The last lines that it told. */
  last(): string
  /** Why it ended by itself, or null. */
  ended(): string | null
  end(): Promise<void>
}

/** Ports and addresses differ from run to run. */
const plain = (text: string): string =>
  text
    .replaceAll(/\d+\.\d+\.\d+\.\d+(:\d+)?/g, 'ADDRESS')
    .replaceAll(/\s+/g, ' ')
    .slice(0, 160)

/** `again`: how it is started again when it ends by itself, after the write of this number. */
export const run = (name: string, key: string, first: Start, again: ((next: number) => Start) | null = null): Running => {
  const told: Told[] = []
  const acknowledged = new Set<number>()
  const stale: number[] = []
  let why: string | null = null
  let ending = false
  let child: ChildProcess | null = null
  const closed = Promise.withResolvers<void>()
  const take = (line: string): void => {
    if (!line.startsWith('{')) return // GLIDE logs there
    const one = JSON.parse(line) as Told
    told.push(one)
    if (one.ok !== undefined) acknowledged.add(one.ok)
    if (one.stale !== undefined) stale.push(one.stale)
  }
  const start = ({ command: [program, ...args], environment = {} }: Start): void => {
    const started = spawn(program, args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
    child = started
    const from = acknowledged.size
    let rest = ''
    let complaint = ''
    started.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = `${rest}${text}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) take(line)
    })
    started.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = `${complaint}${text}`.slice(-2_000)
    })
    started.once('error', (error) => {
      complaint = error.message
    })
    started.once('close', (code, signal) => {
      const said = `it ended with ${code ?? signal}: ${complaint}`
      if (again !== null && !ending && acknowledged.size > from) {
        told.push({ at: Date.now(), error: said })
        start(again(Math.max(...acknowledged) + 1))
      } else {
        why = said
        closed.resolve()
      }
    })
  }
  start(first)
  return {
    name,
    key,
    acknowledged,
    stale,
    since: (from) => {
      const errors = new Map<string, number>()
      let last = told.findLast((one) => one.ok !== undefined && one.at < from)?.at ?? from
      let gapMs = 0
      let writes = 0
      for (const one of told) {
        if (one.at < from) continue
        if (one.error !== undefined) errors.set(plain(one.error), (errors.get(plain(one.error)) ?? 0) + 1)
        if (one.ok === undefined) continue
        gapMs = Math.max(gapMs, one.at - last)
        last = one.at
        writes += 1
      }
      return { gapMs, writes, errors }
    },
    nodes: () => told.findLast((one) => one.nodes !== undefined)?.nodes ?? [],
    last: () =>
      told
        .slice(-4)
        .map((one) => JSON.stringify(one))
        .join(' '),
    ended: () => why,
    end: async () => {
      ending = true
      child?.kill('SIGKILL')
      await closed.promise
    },
  }
}
