/**
 * Client libraries of other languages, each with its interpreter, from the distribution's archive: unpacked beside the engines as those are,
 * and started by their own loader. Nothing of the system is read or changed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { readAptSources, sourceLines } from '../../packages/service/src/engines/apt-sources.ts'
import { enginesFolderOf } from '../../packages/service/src/engines/catalog.ts'
import { openArchive } from '../../packages/service/src/engines/install-archive.ts'
import { outputOf } from '../../packages/service/src/engines/install-command.ts'
import { machineOf } from '../../packages/service/src/engines/install-machine.ts'
import { LarderError } from '../../packages/service/src/errors.ts'

const suite = 'trixie'
/** First the package whose dependencies bring the rest. */
const packages = {
  python: ['python3-redis', 'python3-hiredis', 'python3-pymemcache'],
  php: ['php-cli', 'php-redis'],
  ruby: ['ruby', 'ruby-redis', 'ruby-redis-clustering'],
  hiredis: ['libhiredis-dev'],
} as const
type Language = keyof typeof packages

export interface Unpacked {
  /** The root of what was unpacked. */
  readonly folder: string
  /** `program` is a path in that folder, or an absolute one: its libraries come from the folder too. */
  command(program: string): readonly [string, ...string[]]
  /** Path of the only entry whose name matches, in a folder of this folder. */
  find(folder: string, name: RegExp): string
  /** Shared libraries. */
  readonly libraries: string
}

/** A folder that holds what is fetched for tests, beside the engines. */
const testClientsFolder = (): string => join(dirname(enginesFolderOf(process.env)), 'test-clients')

const held = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.stdout?.once('data', () => resolve())
    child.once('error', (error) =>
      reject(new LarderError('machine', 'expected flock on this machine, found none', { cause: error })),
    )
    child.once('exit', (status) =>
      reject(new LarderError('machine', `expected flock to hold the folder, it ended with ${status}`)),
    )
  })

/** One of several processes at a time. The kernel holds the lock; it ends with the process that took it, however that ends. */
const alone = async <T>(folder: string, work: () => Promise<T>): Promise<T> => {
  mkdirSync(folder, { recursive: true })
  const child = spawn('flock', [folder, 'sh', '-c', 'echo held; exec cat >/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] })
  await held(child)
  try {
    return await work()
  } finally {
    child.stdin.end()
  }
}

/** The folder of this name, whose content depends on `key` alone: `fill` makes it in another one, where it is not there yet. */
const filled = (name: string, key: string, fill: (made: string, work: string) => Promise<void>): Promise<string> => {
  const target = join(testClientsFolder(), `${name}-${createHash('sha256').update(key).digest('hex').slice(0, 8)}`)
  return alone(testClientsFolder(), async () => {
    if (existsSync(target)) return target
    const work = mkdtempSync(`${target}.`)
    try {
      const made = join(work, 'made')
      mkdirSync(made)
      await fill(made, work)
      renameSync(made, target)
      return target
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  })
}

const fetchInto = async (made: string, work: string, [first, ...others]: readonly [string, ...string[]]): Promise<void> => {
  const lines = sourceLines(readAptSources(), [suite])
  if (lines.length === 0)
    throw new LarderError('engine-install', 'expected a Debian archive in the apt configuration of this machine, found none')
  const archive = await openArchive(lines, join(work, 'archive'), machineOf(process.arch))
  for (const each of await archive.fetch(first, null, join(work, 'fetched'), others))
    cpSync(each.folder, made, { recursive: true, verbatimSymlinks: true })
  for (const unread of ['doc', 'locale', 'man']) rmSync(join(made, 'usr/share', unread), { recursive: true, force: true })
}

const unpacked = (folder: string): Unpacked => {
  const machine = machineOf(process.arch)
  const libraries = join(folder, 'usr/lib', machine.libraries)
  return {
    folder,
    libraries,
    command: (program) => [join(libraries, machine.loader), '--library-path', libraries, resolve(folder, program)],
    find: (where, name) => {
      const found = readdirSync(join(folder, where)).filter((each) => name.test(each))
      const [only] = found
      if (only === undefined || found.length > 1) throw new Error(`expected one ${name} in ${where}, found ${found.length}`)
      return join(folder, where, only)
    },
  }
}

/** Fetched where it is not there yet; a sentence that says what is missing where it cannot be had. */
export const fromArchive = async (language: Language): Promise<Unpacked | string> => {
  const wanted = packages[language]
  try {
    return unpacked(await filled(language, JSON.stringify([suite, wanted]), (made, work) => fetchInto(made, work, wanted)))
  } catch (error) {
    if (!(error instanceof LarderError)) throw error
    return `${wanted.join(', ')} cannot be had from the archive: ${error.message}`
  }
}

const npm = ['ci', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', '--no-update-notifier', '--prefer-offline']

/** The packages of npm that the lock in `folder` names: a folder that has them; a sentence that says what is missing otherwise. */
export const fromLock = async (name: string, folder: string): Promise<{ readonly folder: string } | string> => {
  const files = ['package.json', 'package-lock.json']
  try {
    const made = await filled(name, files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n'), async (into) => {
      for (const file of files) cpSync(join(folder, file), join(into, file))
      await outputOf('npm', [...npm, '--prefix', into], `installing ${name}`)
    })
    return { folder: made }
  } catch (error) {
    if (!(error instanceof LarderError)) throw error
    return `${name} cannot be had from the registry: ${error.message}`
  }
}
