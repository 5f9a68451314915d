// Sets up what a fresh machine lacks: npm packages with the Node that Larder runs on, and the engines. Runs on Node 20, needs nothing
// but npm. A second run finds everything there, costs a few milliseconds and needs no network.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const self = fileURLToPath(import.meta.url)
const root = dirname(dirname(self))
const node = join(root, 'node_modules', '.bin', 'node')
const enginesFolder =
  process.env.LARDER_ENGINES ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'larder', 'engines')
const knownFile = join(root, 'packages/service/src/engines/known.json')
const incompleteFile = join(enginesFolder, '.incomplete')
const dayMs = 86_400_000

const fail = (message) => {
  throw new Error(message)
}
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))

/** Compares what npm noted when it last installed with what the lock file wants. Packages of other platforms may be absent. */
const packagesThere = () => {
  const noted = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(noted) || !existsSync(node)) return false
  const installed = readJson(noted).packages
  return Object.entries(readJson(join(root, 'package-lock.json')).packages).every(([path, wanted]) => {
    if (!path.includes('node_modules/')) return true
    const there = installed[path]
    return there === undefined
      ? wanted.optional === true
      : there.version === wanted.version && there.integrity === wanted.integrity
  })
}

const npmArguments = [
  ...['install', '--no-save', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'],
  // Whatever the environment says: nothing that was fetched runs here by itself.
  '--ignore-scripts',
  // What an earlier clone fetched is taken from npm's cache: the lock holds the hash. By itself npm tries for many minutes without a network.
  ...['--prefer-offline', '--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=3000'],
]

/** Up to version 10, npm takes the link away again when the package for another processor, which has the same program, does not fit here. */
const linkNode = () => {
  const place = join(`node-linux-${process.arch}`, 'bin', 'node')
  if (existsSync(node) || !existsSync(join(root, 'node_modules', place))) return
  mkdirSync(dirname(node), { recursive: true })
  rmSync(node, { force: true })
  symlinkSync(join('..', place), node)
}

/** `npm ci` refuses a lock without the optional packages of other platforms, which not every mirror carries; `install` takes the same versions. */
const installPackages = () => {
  process.stderr.write('set-up: installing npm packages\n')
  const result = spawnSync('npm', npmArguments, { cwd: root, stdio: ['ignore', 2, 2] })
  if (result.error !== undefined) fail(`npm could not be run (${result.error.code}); to mend it: apt-get install npm`)
  if (result.status !== 0)
    fail('the npm packages could not be installed (npm says above why); to try again: npm install --no-save')
  linkNode()
  if (!existsSync(node))
    fail(`the npm packages hold no Node 24 for ${process.platform} ${process.arch}; Larder runs on Linux x64 and arm64`)
}

const knownEnginesThere = () =>
  readJson(knownFile).engines.every(({ engine, version, plugins }) => {
    const name = `${engine}-${version}`
    // Updates stand beside: `valkey-9.1-2`.
    const folders = existsSync(enginesFolder) ? readdirSync(enginesFolder) : []
    const builds = folders.filter((folder) => folder === name || folder.startsWith(`${name}-`))
    return builds.some((folder) => {
      const noted = join(enginesFolder, folder, 'installed.json')
      if (!existsSync(noted)) return false
      // What was installed before it had plugins is installed again.
      return plugins === undefined || plugins.files.every((file) => readJson(noted).plugins?.includes(file))
    })
  })
/** Some engine could not be fetched, but enough is there to start: that is not tried again at every start. */
const incompleteOfToday = () => {
  if (!existsSync(incompleteFile)) return false
  const { mtimeMs } = statSync(incompleteFile)
  return Date.now() - mtimeMs < dayMs && mtimeMs > statSync(knownFile).mtimeMs
}
const enginesThere = () => knownEnginesThere() || incompleteOfToday()

const installEngines = () => {
  process.stderr.write(`set-up: installing engines into ${enginesFolder}\n`)
  rmSync(incompleteFile, { force: true })
  const result = spawnSync(node, [join(root, 'packages/service/src/engines/install-missing.ts')], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (result.status !== 0) fail('an engine is missing that Larder cannot start without')
}

const library = join(root, 'packages', 'client')
/** Compiled no earlier than what it is made of was written. */
const libraryThere = () => {
  const made = join(library, 'dist', 'commonjs', 'package.json') // what is written last
  if (!existsSync(made)) return false
  const { mtimeMs } = statSync(made)
  const sources = readdirSync(join(library, 'src'), { recursive: true, withFileTypes: true })
  return sources.every((entry) => !entry.isFile() || statSync(join(entry.parentPath, entry.name)).mtimeMs <= mtimeMs)
}
const buildLibrary = () => {
  const result = spawnSync(process.execPath, [join(library, 'build.mjs')], { cwd: root, stdio: ['ignore', 2, 2] })
  if (result.status !== 0) fail('the application library could not be compiled (the compiler says above why)')
}

/** Name to: what is locked meanwhile, is it done, do it. */
const steps = {
  packages: { folder: root, there: packagesThere, work: installPackages },
  library: { folder: library, there: libraryThere, work: buildLibrary },
  engines: { folder: enginesFolder, there: enginesThere, work: installEngines },
}

/**
 * Two runs side by side must not install into the same folder. The kernel holds the lock, on the folder itself, so a run that is killed
 * leaves none behind.
 */
const locked = (name, { folder, there, work }) => {
  mkdirSync(folder, { recursive: true })
  const result = spawnSync('flock', ['--close', folder, process.execPath, self, name], { stdio: 'inherit' })
  if (result.error?.code !== 'ENOENT') return result.status === 0
  if (!there()) work()
  return true
}

try {
  const inside = steps[process.argv[2]]
  if (process.platform !== 'linux') fail(`Larder runs on Linux, this is ${process.platform}`)
  if (inside !== undefined) {
    if (!inside.there()) inside.work()
  } else if (!Object.entries(steps).every(([name, step]) => step.there() || locked(name, step))) process.exitCode = 1
} catch (error) {
  process.stderr.write(`set-up: ${error.message}\n`)
  process.exitCode = 1
}
