/**
 * Libraries that engines load: compiled from `native/` at the first start, where there is a compiler, into a cache that all homes of the user
 * share. An engine that could not load one would not start, or not do what it should: so each is asked first, once.
 */
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LarderError } from '../errors.ts'
import type { InstalledEngine } from '../ports/catalog.ts'
import { findTool } from './tools.ts'

const sources = fileURLToPath(new URL('../../native/', import.meta.url))
const flags = [
  ...['-std=c11', '-O2', '-fPIC', '-shared', '-fvisibility=hidden', '-fstack-protector-strong'],
  ...['-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2', '-pthread', '-Wall', '-Wextra', '-Werror', '-Wl,-z,relro,-z,now'],
]
const compileDeadlineMs = 60_000
const trialDeadlineMs = 10_000
/** `TRIAL_STATUS` in the sources. */
const trialStatus = 77

/** Beside the engines; `LARDER_ENGINES` does not move it. */
export const modulesFolder = (environment: NodeJS.ProcessEnv): string =>
  join(environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'larder', 'modules')

/** Changes with every source, and with how it is compiled. */
const keyOf = (): string => {
  const hash = createHash('sha256').update(JSON.stringify([process.arch, flags]))
  for (const name of readdirSync(sources).toSorted()) hash.update(name).update(readFileSync(join(sources, name)))
  return hash.digest('hex').slice(0, 16)
}

/** What lies there is loaded into engines: nobody else may write it. Throws `machine`. */
const openFolder = (folder: string): void => {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { uid } = statSync(folder)
  if (uid !== (process.getuid?.() ?? uid)) {
    throw new LarderError('machine', `expected ${folder} to be a folder of this user, found user ${uid}`)
  }
  chmodSync(folder, 0o700)
}

interface Ended {
  /** Null: ended by a signal, or not started. */
  readonly status: number | null
  readonly output: string
}

const run = (program: string, args: readonly string[], cwd: string, deadlineMs: number, path?: string): Promise<Ended> =>
  new Promise((resolve) => {
    const env = { LC_ALL: 'C', ...(path === undefined ? {} : { PATH: path }) }
    execFile(program, args, { cwd, env, timeout: deadlineMs, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : null
      resolve({ status, output: `${stdout}${stderr}`.trim().slice(-600) })
    })
  })

/** Throws `machine` where there is no compiler, or it fails. */
const compile = async (name: string, file: string, folder: string, environment: NodeJS.ProcessEnv): Promise<void> => {
  const [compiler] = [findTool('cc', environment), findTool('gcc', environment), findTool('clang', environment)].flatMap(
    (tool) => tool ?? [],
  )
  if (compiler === undefined)
    throw new LarderError('machine', 'no C compiler was found (cc); to mend it: apt-get install gcc libc6-dev')
  const part = `${file}.${randomBytes(4).toString('hex')}.tmp`
  const args = [...flags, join(sources, `${name}.c`), '-o', part]
  const { status, output } = await run(compiler, args, folder, compileDeadlineMs, environment['PATH'])
  if (status !== 0) {
    rmSync(part, { force: true })
    throw new LarderError(
      'machine',
      `the compiler failed: ${output || 'it said nothing'}; to mend it: apt-get install gcc libc6-dev`,
    )
  }
  renameSync(part, file)
}

/** A success is noted beside the library: it is not tried again. `about`: all that it may depend on. */
const onceTried = async (
  file: string,
  engine: InstalledEngine,
  about: unknown,
  trial: () => Promise<boolean>,
): Promise<boolean> => {
  const name = createHash('sha256').update(JSON.stringify(about)).digest('hex').slice(0, 16)
  const note = `${file}.${name}`
  if (existsSync(note)) return true
  const able = await trial()
  if (able) writeFileSync(note, `${engine.engine} ${engine.version}\n`, { mode: 0o600 })
  return able
}

/** The library of this name, compiled where it is not there yet. Throws `machine` where there is no compiler, or it fails. */
export const compiledModule = async (name: string, environment: NodeJS.ProcessEnv): Promise<string> => {
  const folder = modulesFolder(environment)
  openFolder(folder)
  const file = join(folder, `${name}-${keyOf()}.so`)
  if (!existsSync(file)) await compile(name, file, folder, environment)
  return file
}

/** Does the engine do what it should with this library? */
export const isAble = (file: string, engine: InstalledEngine, trial: () => Promise<boolean>): Promise<boolean> =>
  onceTried(file, engine, [engine.version, engine.command], trial)

/** Does the engine load the module? `before`: what is loaded before it; the engine ends where that fails. */
const canLoad = (file: string, folder: string, engine: InstalledEngine, before: readonly string[] = []): Promise<boolean> => {
  const times = before.map((each) => [each, statSync(each).mtimeMs])
  return onceTried(file, engine, [engine.version, engine.command, ...times], async () => {
    const [program = '', ...args] = engine.command
    // Redis OSS 7.0 loads no module where it would listen nowhere.
    const socket = `trial-${randomBytes(4).toString('hex')}.sock`
    const trial = ['--port', '0', '--unixsocket', socket, '--save', '', ...before.flatMap((each) => ['--loadmodule', each])]
    const last = ['--loadmodule', file, 'trial']
    const { status } = await run(program, [...args, ...trial, ...last], folder, trialDeadlineMs)
    rmSync(join(folder, socket), { force: true })
    return status === trialStatus
  })
}

export interface NativeModule {
  readonly file: string
  /** Engines that have loaded it once. */
  readonly able: readonly InstalledEngine[]
}

/** `name`: of the source in `native/`, without its ending. Rejects with `machine` where it cannot be compiled. */
export const openNativeModule = async (
  environment: NodeJS.ProcessEnv,
  name: 'larder-auth' | 'larder-control',
  engines: readonly InstalledEngine[],
): Promise<NativeModule> => {
  const file = await compiledModule(name, environment)
  const tried = await Promise.all(engines.map((engine) => canLoad(file, modulesFolder(environment), engine)))
  return { file, able: engines.filter((_engine, index) => tried[index] === true) }
}

/** Whether the engine loads these modules of others, in this order, and comes as far as ours. */
export const loadsBefore = ({ file }: NativeModule, engine: InstalledEngine, modules: readonly string[]): Promise<boolean> =>
  canLoad(file, dirname(file), engine, modules)

export const isSameEngine = (a: InstalledEngine, b: InstalledEngine): boolean =>
  a.engine === b.engine && a.version === b.version && a.path === b.path
