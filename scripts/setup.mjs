// Sets up what a fresh machine lacks: npm packages with the Node that Larder runs on, and the engines. Runs on Node 20, needs nothing
// but npm. A second run finds everything there, costs a few milliseconds and needs no network.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stampFile = join(root, 'node_modules', '.larder-stamp')
const lockFolder = join(root, '.setup-lock')
const node = join(root, 'node_modules', '.bin', 'node')

const fail = (message) => {
  throw new Error(message)
}

const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '')
const wantedStamp = createHash('sha256')
  .update(read(join(root, 'package-lock.json')))
  .digest('hex')
const packagesThere = () => read(stampFile) === wantedStamp && existsSync(node)

/** Two runs side by side must not install into the same folder. A lock of a run that was killed is taken over after ten minutes. */
const withLock = (work) => {
  const deadline = Date.now() + 600_000
  for (;;) {
    try {
      mkdirSync(lockFolder)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      const age = existsSync(lockFolder) ? Date.now() - statSync(lockFolder).mtimeMs : 0
      if (age > 600_000) rmSync(lockFolder, { recursive: true, force: true })
      if (Date.now() > deadline) fail(`another set-up holds ${lockFolder}; remove it if none is running`)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    }
  }
  try {
    work()
  } finally {
    rmSync(lockFolder, { recursive: true, force: true })
  }
}

/** `npm ci` refuses a lock without the optional packages of other platforms, which not every mirror carries; `install` takes the same versions. */
const installPackages = () => {
  if (packagesThere()) return
  process.stderr.write('set-up: installing npm packages\n')
  const result = spawnSync(
    'npm',
    ['install', '--no-save', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
    },
  )
  if (result.error !== undefined)
    fail(`npm could not be run (${result.error.code}); install it, for example with: apt-get install npm`)
  if (result.status !== 0) fail(`the npm packages could not be installed (see above); when the network is back, run: npm install`)
  if (!existsSync(node))
    fail(`there is no Node 24 for ${process.platform} ${process.arch} among the npm packages; Larder runs on Linux x64 and arm64`)
  writeFileSync(stampFile, wantedStamp)
}

const enginesFolder =
  process.env.LARDER_ENGINES ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'larder', 'engines')
const known = JSON.parse(read(join(root, 'packages/service/src/engines/known.json')))
const enginesThere = () =>
  known.engines.every(({ engine, version }) => existsSync(join(enginesFolder, `${engine}-${version}`, 'installed.json')))

const installEngines = () => {
  if (enginesThere()) return
  process.stderr.write(`set-up: installing engines into ${enginesFolder}\n`)
  const result = spawnSync(node, [join(root, 'packages/service/src/engines/install-missing.ts')], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (result.status !== 0) fail('engines are missing (see above)')
}

try {
  if (process.platform !== 'linux') fail(`Larder runs on Linux, this is ${process.platform}`)
  if (!packagesThere()) withLock(installPackages)
  if (!enginesThere()) withLock(installEngines)
} catch (error) {
  process.stderr.write(`set-up: ${error.message}\n`)
  process.exitCode = 1
}
