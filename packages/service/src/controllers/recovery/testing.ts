import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { type Home, openHome } from '../../home/home.ts'
import { temporaryFolder } from '../../home/testing.ts'
import type { GroupSpec, GroupState, ProcessIdentity } from '../../model/group.ts'
import { addressKey, clusterKey, specKey, stateKey } from '../../model/keys.ts'
import type { EngineStatus } from '../../ports/engine.ts'
import type { Host } from '../../ports/host.ts'
import { put } from '../../ports/records.ts'
import { groupSpec, realClock, region } from '../../testing/fixtures.ts'
import { type GroupFileKeeper, keepGroupFiles } from './group-files.ts'
import { type OpenedState, openState } from './opening.ts'
import { applyRecovery, planRecovery } from './recover.ts'

export const clock = { now: () => Date.UTC(2026, 10, 30) }
export const log = (): void => undefined

const stateOf = (spec: GroupSpec, primary: string): GroupState => ({
  region: spec.region,
  space: spec.space,
  id: spec.id,
  status: 'available',
  reason: null,
  generation: spec.generation,
  shards: { '0001': { primary, epoch: 1 } },
  nodes: Object.fromEntries(
    spec.shards.flatMap((shard) =>
      shard.nodes.map((node, index) => [
        node.id,
        {
          id: node.id,
          shard: shard.id,
          address: `127.65.0.${index + 1}`,
          port: 6379,
          status: 'available' as const,
          process: processOf(index + 1),
          starting: false,
          engine: spec.engine,
          engineVersion: spec.engineVersion,
          nodeType: spec.nodeType,
          parameters: {},
          parameterStatus: 'in-sync' as const,
          rebootsDone: 0,
          clusterNodeId: null,
          joined: true,
        },
      ]),
    ),
  ),
  primaryEndpoint: { address: '127.64.0.1', port: 6379 },
  readerEndpoint: null,
  configurationEndpoint: null,
  discoveryVersion: 0,
  discoveryNodes: [],
})

export const processOf = (pid: number): ProcessIdentity => ({ pid: 100_000 + pid, startTime: String(pid), bootId: 'boot' })

export interface Scene {
  readonly home: Home
  /** Running processes by the folder of their node. */
  readonly running: Map<string, ProcessIdentity>
  /** Node ids that say that they are primaries. */
  readonly primaries: Set<string>
  readonly host: Pick<Host, 'findByTag' | 'check' | 'sample'>
  open(): Promise<OpenedState>
  recover(): Promise<Awaited<ReturnType<typeof planRecovery>>>
}

export const sceneIn = (context: TestContext): Scene => {
  const folder = temporaryFolder()
  context.after(() => folder[Symbol.dispose]())
  const home = openHome(folder.path)
  const running = new Map<string, ProcessIdentity>()
  const primaries = new Set<string>()
  const placeOf = ({ pid }: ProcessIdentity): string | undefined => [...running].find(([, each]) => each.pid === pid)?.[0]
  const host: Scene['host'] = {
    findByTag: async (tag) => [...running].filter(([path]) => `${path}/`.startsWith(tag)).map(([, identity]) => identity),
    check: async (identity, tag) => {
      const place = placeOf(identity)
      return place === undefined ? 'gone' : `${place}/`.startsWith(tag) ? 'running' : 'stranger'
    },
    sample: async (identity) => (placeOf(identity) === undefined ? null : { state: 'S', runtimeNs: 0, residentBytes: 0 }),
  }
  const statusOf = (id: string): EngineStatus =>
    ({ replication: { role: primaries.has(id) ? 'primary' : 'replica' } }) as unknown as EngineStatus
  return {
    home,
    running,
    primaries,
    host,
    open: () => openState({ home, host, clock, log, version: '1' }),
    recover: async () => {
      const all = {
        home,
        host,
        clock,
        environment: {},
        ask: async (_spec: GroupSpec, node: { readonly id: string }) => statusOf(node.id),
      }
      const recovery = await planRecovery(all)
      await applyRecovery(all, recovery)
      return recovery
    },
  }
}

export const demo = groupSpec('demo', 'cmd', 1, 2)

export const writeGroup = async (
  scene: Scene,
  { store }: OpenedState,
  spec: GroupSpec = demo,
  primary = `${spec.id}-001`,
): Promise<void> => {
  const state = stateOf(spec, primary)
  const nodes = Object.values(state.nodes)
  await store.transact(
    [],
    [
      put(specKey(spec), spec),
      put(stateKey(spec), state),
      ...nodes.map((node) => put(clusterKey(region, node.id), { space: 'rg', id: spec.id })),
      ...nodes.map((node) => put(addressKey(node.address), { group: `${region}/rg/${spec.id}`, use: node.id })),
      put(addressKey('127.64.0.1'), { group: `${region}/rg/${spec.id}`, use: 'primary' }),
    ],
  )
  for (const node of nodes) {
    mkdirSync(scene.home.nodeFolder(region, node.id), { recursive: true })
    if (node.process !== null) scene.running.set(scene.home.nodeFolder(region, node.id), node.process)
  }
  scene.primaries.add(primary)
}

export const keeperOf = (
  scene: Scene,
  { store, groups }: OpenedState,
  writeFile: (path: string) => void = () => undefined,
): GroupFileKeeper =>
  keepGroupFiles({
    store,
    storeId: store.id,
    nodesFolder: scene.home.nodesFolder,
    host: {
      writeFile: async (path, content) => {
        writeFile(path)
        writeFileSync(path, content)
      },
      removeFile: async (path) => rmSync(path, { force: true }),
      makeFolder: async (path) => void mkdirSync(path, { recursive: true }),
    },
    clock: realClock,
    log,
    present: groups,
  })

export const describeGroups = async (scene: Scene, opened: OpenedState): Promise<void> => {
  const keeper = keeperOf(scene, opened)
  await keeper.start()
  await keeper.stop()
}

export const withoutState = (home: Home): void => {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${home.stateFile}${suffix}`, { force: true })
}

export const contentOf = async (scene: Scene): Promise<Record<string, unknown>> => {
  const opened = await scene.open()
  const { entries } = await opened.store.list('')
  await opened.close()
  return Object.fromEntries(entries.map(({ key, value }) => [key, JSON.parse(value) as unknown]))
}

export const isRefused = { code: 'store-lost', message: /Nothing was touched.*npx larder recover/ }
