/** What the tests of the engines share: real engines in folders and on addresses of their own, which end with the test. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { engineCapabilities, familyOf } from '../model/engine-versions.ts'
import type { EngineName } from '../model/group.ts'
import { protocolOf } from '../model/memcached.ts'
import { nodeType } from '../model/node-types.ts'
import { effectiveParameters } from '../model/parameters.ts'
import type { InstalledEngine } from '../ports/catalog.ts'
import type { EngineControl, NodePlan } from '../ports/engine.ts'
import type { Launch } from '../ports/host.ts'
import { openCatalog } from './catalog.ts'
import { adapterFor } from './index.ts'
import { openNativeModule } from './native-module.ts'

const port = 6379
const startDeadlineMs = 10_000

/** Every installed version of these engines. */
export const installed = (...names: readonly EngineName[]): readonly InstalledEngine[] => {
  const found = openCatalog(process.env)
    .list()
    .filter((entry) => names.includes(entry.engine))
  assert.ok(found.length > 0, `expected ${names.join(' or ')} in the engine catalog: npm test sets it up`)
  return found
}

/** Each engine as it is, and those that can with the module that gives control a way in of its own. */
export const bothWays = async (engines: readonly InstalledEngine[]): Promise<readonly InstalledEngine[]> => {
  const capable = engines.filter(({ engine, version }) => engineCapabilities(engine, version).eventLoopModules)
  const { file, able } = await openNativeModule(process.env, 'larder-control', capable)
  assert.deepEqual(able, capable, 'every engine that should can load the module')
  return [...engines, ...able.map((engine) => ({ ...engine, controlModule: file }))]
}

/** What a test calls it. */
export const titleOf = ({ engine, version, controlModule }: InstalledEngine): string =>
  `${engine} ${version}${controlModule === undefined ? '' : ', with a way in for control'}`

const isFree = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, address, () => server.close(() => resolve(true)))
  })

export interface RunningNode {
  readonly plan: NodePlan
  readonly pid: number
  readonly control: EngineControl
  readonly exited: Promise<void>
  kill(): Promise<void>
}

export interface Yard extends AsyncDisposable {
  /** An address that nobody uses. */
  address(): Promise<string>
  plan(engine: InstalledEngine, changes?: Partial<NodePlan>): Promise<NodePlan>
  /** Starts and connects. Rejects with what the engine said where it ends at once. */
  start(plan: NodePlan): Promise<RunningNode>
}

const typeName = 'cache.t4g.small'

/** Hard limit of this process, which an engine inherits. */
const openFiles = Number(/^Max open files +\S+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1_024)

/** Effective parameters of a node type with the family's defaults and these changes. */
export const parametersFor = (
  engine: InstalledEngine,
  clusterOn = false,
  changes: Readonly<Record<string, string>> = {},
  family = familyOf(engine.engine, engine.version),
): Readonly<Record<string, string>> => {
  const type = nodeType(typeName)
  assert.ok(type)
  return effectiveParameters(family, clusterOn, changes, type)
}

/** The same rule as the host's: detached, nothing to read, output in a file. */
const launch = ({ command, environment, cwd, logFile, name, opened = [] }: Launch): ChildProcess => {
  const [program = '', ...args] = command
  const log = openSync(logFile, 'a')
  const descriptors = opened.map((path) => openSync(path, 'r'))
  try {
    const stdio = ['ignore' as const, log, log, ...descriptors]
    return spawn(program, args, { cwd, env: environment, stdio, ...(name === undefined ? {} : { argv0: name }) })
  } finally {
    for (const descriptor of [log, ...descriptors]) closeSync(descriptor)
  }
}

export const openYard = async (): Promise<Yard> => {
  const root = await mkdtemp(join(tmpdir(), 'larder-engines-'))
  const prefix = `127.${randomInt(100, 200)}.${randomInt(0, 256)}`
  const nodes = new Set<RunningNode['kill']>()
  let last = 0

  const address = async (): Promise<string> => {
    for (;;) {
      last += 1
      const candidate = `${prefix}.${last}`
      assert.ok(last < 255, `expected a free address in ${prefix}.0/24`)
      if (await isFree(candidate)) return candidate
    }
  }

  const plan = async (engine: InstalledEngine, changes: Partial<NodePlan> = {}): Promise<NodePlan> => {
    const id = `node-${randomBytes(4).toString('hex')}`
    const kind = changes.kind ?? (engine.engine === 'memcached' ? 'memcached' : 'cmd')
    return {
      id,
      engine,
      kind,
      address: await address(),
      port,
      floating: [],
      folder: join(root, id),
      socket: join(root, `${id}.sock`),
      zone: 'us-east-1a',
      parameters: parametersFor(engine, kind === 'cme'),
      maxMemoryBytes: 64 * 1024 ** 2,
      cpus: 2,
      ioThreads: 1,
      runAs: process.getuid?.() === 0 ? 'root' : null,
      openFiles,
      secrets: { control: 'a control password', replication: 'a replication password' },
      replicaOf: null,
      ...changes,
    }
  }

  const start = async (node: NodePlan): Promise<RunningNode> => {
    const adapter = adapterFor(node.engine.engine)
    const { files, launch: how } = adapter.render(node)
    await mkdir(node.folder, { recursive: true })
    for (const [name, content] of Object.entries(files)) await writeFile(join(node.folder, name), content, { mode: 0o600 })
    const child = launch(how)
    let over = false
    const exited = new Promise<void>((resolve) => {
      child.once('error', () => resolve())
      child.once('exit', () => resolve())
    }).then(() => {
      over = true
    })
    const kill = async (): Promise<void> => {
      child.kill('SIGKILL')
      await exited
      nodes.delete(kill)
    }
    nodes.add(kill)
    const deadline = performance.now() + startDeadlineMs
    for (;;) {
      try {
        const reach = { protocol: protocolOf(node.parameters), authenticates: node.memcachedLogin !== undefined }
        const control = await adapter.connect({ ...node, reach }, 1_000)
        return { plan: node, pid: child.pid ?? 0, control, exited, kill }
      } catch (error) {
        const early = await readFile(how.logFile, 'utf8')
        const log = await readFile(join(node.folder, 'engine.log'), 'utf8').catch(() => '')
        const said = (early.trim() || log).trim().split('\n').slice(-4).join(' | ')
        if (over) throw new Error(`${node.engine.engine} ${node.engine.version} ended at its start: ${said}`, { cause: error })
        if (performance.now() > deadline) throw new Error(`no connection to ${node.id}: ${said}`, { cause: error })
      }
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
  }

  return {
    address,
    plan,
    start,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...nodes].map((kill) => kill()))
      await rm(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }) // a child that saves may still be at its file
    },
  }
}
