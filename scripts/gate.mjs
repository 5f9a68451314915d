// The gate: every check of the project, one after the other, ended by the first that fails; after unit tests that fail, those end to end still run.
// Steps may be named: npm test -- types lint
// `npm test -- --quick` takes about two minutes: it leaves out the slow tests, which are named below, and most chance cases of the others.
import { spawn } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readAptSources } from '../packages/service/src/engines/apt-sources.ts'
import { importProblems } from './checks/imports.ts'
import * as leftovers from './checks/leftovers.ts'
import { lineProblems } from './checks/lines.ts'
import { measureSlowness } from './checks/slowness.ts'
import { sourceFiles } from './checks/source-files.ts'
import { wordProblems } from './checks/words.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
process.chdir(root)
const bin = (name) => join(root, 'node_modules', '.bin', name)

// Every folder that a test makes stands in here, so what this run leaves behind can be told from what others do.
const temporary = mkdtempSync('/tmp/larder-test-')
const tablesBefore = leftovers.tables()
// A table whose home is gone may close addresses that homes of tests get: sharded groups then wait for each other without an end.
for (const table of leftovers.newTables(new Set()))
  console.log(`no home owns this table of the packet filter, and it may close addresses: ${table}`)
const total = { passed: 0, failed: 0 }
const running = new Set()

const words = process.argv.slice(2)
const quick = words.includes('--quick')
const slowness = measureSlowness()

const run = (program, args, environment = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        TMPDIR: temporary,
        LARDER_TEST_SLOWNESS: String(slowness),
        LARDER_TEST_QUICK: quick ? '1' : '0',
        // What one file of tests has compiled, the others find.
        NODE_COMPILE_CACHE: join(temporary, 'compiled'),
        ...environment,
      },
    })
    running.add(child)
    child.on('error', reject)
    child.on('close', (status) => {
      running.delete(child)
      resolve(status === 0)
    })
  })

const without = (problems) => {
  for (const problem of problems) console.log(problem)
  return problems.length === 0
}

// Each of them takes more than three seconds: real servers whose slots move, clients that wait for what does not come, packages that are installed.
const slow = [
  'packages/client/src/{package,cache/fence,cache/near-members,cache/away,cache/replicas,cache/hung,cache/write-behind}*.test.ts',
  'packages/client/src/adapters/*.test.ts',
  'packages/client/src/{sessions,leaderboards}/*.test.ts',
  'packages/service/src/host/balancer.test.ts',
  'packages/service/src/engines/{login-module,install,hostile-parameters}.test.ts',
]
const quickEndToEnd = ['e2e/replication-group.test.ts', 'e2e/cluster-mode.test.ts', 'e2e/memcached.test.ts', 'e2e/status.test.ts']

const tests = async (patterns, concurrency) => {
  const files = globSync(patterns, quick ? { exclude: slow } : {}).sort()
  if (files.length === 0) throw new Error(`expected tests in ${patterns.join(' and ')}, found none`)
  const counts = join(temporary, 'counts.json')
  rmSync(counts, { force: true })
  // A test has processes of its own beside it, and other tests.
  const patience = slowness * Math.max(2, concurrency / availableParallelism())
  const green = await run(
    bin('node'),
    [
      '--test',
      `--test-concurrency=${concurrency}`,
      `--test-timeout=${Math.round(180_000 * slowness)}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-reporter=${join(root, 'scripts/checks/count-reporter.ts')}`,
      `--test-reporter-destination=${counts}`,
      ...files,
    ],
    { LARDER_TEST_PATIENCE: String(patience) },
  )
  const { passed, failed } = JSON.parse(readFileSync(counts, 'utf8'))
  total.passed += passed
  total.failed += failed
  return green && failed === 0
}

const until = async (holds, deadlineMs) => {
  const deadline = performance.now() + deadlineMs
  while (!holds() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20))
}

const endProcess = (pid) => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (error.code !== 'ESRCH') throw error // it has ended since it was listed
  }
}

/** Names what is left, and ends and removes it: the next run starts clean. */
const clean = async () => {
  const left = () => leftovers.processesOf(temporary)
  await until(() => left().length === 0 && leftovers.newTables(tablesBefore).length === 0, 3_000)
  const problems = [
    ...left().map(({ pid, command }) => `process ${pid} is left: ${command}`),
    ...leftovers.newTables(tablesBefore).map((table) => `a table of the packet filter is left: ${table}`),
    ...leftovers.claimsOf(temporary).map((claim) => `a claim of networks is left: ${claim}`),
    ...leftovers.testFolders(temporary).map((folder) => `a folder is left: ${folder}`),
  ]
  for (const { pid } of left()) endProcess(pid)
  for (const claim of leftovers.claimsOf(temporary)) rmSync(claim, { force: true })
  return without(problems)
}

const machine = () => ({
  folders: [root, homedir()].filter((folder) => folder !== '/'),
  hosts: [
    ...readAptSources().map(({ uri }) => uri),
    ...[process.env.npm_config_registry, process.env.PIP_INDEX_URL].filter((url) => url !== undefined),
  ]
    .filter((url) => URL.canParse(url))
    .map((url) => new URL(url).hostname)
    .filter((host) => host.includes('.')),
})

const coverage = 'packages/service/src/api/coverage.ts'

/** Name, heading, work. The work says whether it is green, and has told what is wrong when it is not. */
const steps = [
  ['types', 'types', () => run(bin('tsc'), ['-p', '.'])],
  ['lint', 'lint, format, import cycles', () => run(bin('biome'), ['check', '--error-on-warnings', '.'])],
  ['imports', 'who imports whom', () => without(importProblems(sourceFiles(root)))],
  ['unused', 'unused exports, files and dependencies', () => run(bin('knip'), ['--no-progress'])],
  ['lines', 'length of files', () => without(lineProblems(sourceFiles(root)))],
  ['words', 'words that tell of a machine', () => without(wordProblems(sourceFiles(root), machine()))],
  ...(existsSync(coverage) ? [['coverage', 'document of the API', () => run(bin('node'), [coverage, '--check'])]] : []),
  [
    'unit',
    'unit and contract tests',
    // Most of them wait for others.
    () => tests(['packages/*/src/**/*.test.ts', 'scripts/**/*.test.ts', 'chaos/**/*.test.ts'], 8),
  ],
  [
    'e2e',
    'end-to-end tests',
    () => tests(quick ? quickEndToEnd : ['e2e/**/*.test.ts', 'oracle/**/*.test.ts', 'examples/**/*.test.ts'], 2),
  ],
]

const names = words.filter((word) => word !== '--quick')
const unknown = names.filter((name) => !steps.some(([known]) => known === name))
if (unknown.length > 0) {
  console.log(`expected steps of ${steps.map(([name]) => name).join(', ')}, found ${unknown.join(', ')}`)
  process.exit(2)
}

const step = async (heading, work) => {
  console.log(`\n── ${heading}`)
  const started = performance.now()
  const green = await Promise.resolve(work()).catch((error) => {
    console.log(error.message)
    return false
  })
  console.log(`   ${green ? 'green' : 'RED'}, ${((performance.now() - started) / 1000).toFixed(1)} s`)
  return green
}

let ended = false
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    ended = true
    for (const child of running) child.kill(signal)
  })
}

if (slowness > 1) console.log(`this machine is slow or busy now: tests wait ${slowness} times as long for what has to come`)
const started = performance.now()
let green = true
for (const [name, heading, work] of steps) {
  if (names.length > 0 && !names.includes(name)) continue
  green = (await step(heading, work)) && !ended && green
  if (ended || (!green && name !== 'unit')) break // what the tests end to end say is worth their time
}
green = (await step('what the tests left behind', clean)) && green
rmSync(temporary, { recursive: true, force: true })
console.log(`\n${green ? 'The gate is green' : 'The gate is RED'} after ${((performance.now() - started) / 1000).toFixed(0)} s`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = green ? 0 : 1
