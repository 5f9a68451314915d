/** Homes on disk whose state is lost or older, without engines: what is refused, what a recovery takes from where. */
import assert from 'node:assert/strict'
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Home, openHome } from '../../home/home.ts'
import { keepFiles, keptFiles } from '../../home/kept.ts'
import { openSealKey } from '../../home/seal-key.ts'
import { openSecrets } from '../../home/secrets.ts'
import { temporaryFolder } from '../../home/testing.ts'
import type { GroupSpec, GroupState, ProcessIdentity } from '../../model/group.ts'
import { addressKey, clusterKey, removedKey, specKey, stateKey } from '../../model/keys.ts'
import type { EngineStatus } from '../../ports/engine.ts'
import { put, readRecord } from '../../ports/records.ts'
import { createSealer } from '../../security/seal.ts'
import { openAuthority } from '../../security/tls/authority.ts'
import { takeCopy } from '../../store/copies.ts'
import { groupSpec, realClock, region } from '../../testing/fixtures.ts'
import { groupFileOf, keepGroupFiles } from './group-files.ts'
import { checkFiles, type OpenedState, openState } from './opening.ts'
import { applyRecovery, planRecovery } from './recover.ts'

const clock = { now: () => Date.UTC(2026, 10, 30) }
const log = (): void => undefined

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

const processOf = (pid: number): ProcessIdentity => ({ pid: 100_000 + pid, startTime: String(pid), bootId: 'boot' })

interface Scene {
  readonly home: Home
  /** Running processes by the folder of their node. */
  readonly running: Map<string, ProcessIdentity>
  /** Node ids that say that they are primaries. */
  readonly primaries: Set<string>
  readonly host: { findByTag(tag: string): Promise<readonly ProcessIdentity[]> }
  open(): Promise<OpenedState>
  recover(): Promise<Awaited<ReturnType<typeof planRecovery>>>
}

const sceneIn = (context: TestContext): Scene => {
  const folder = temporaryFolder()
  context.after(() => folder[Symbol.dispose]())
  const home = openHome(folder.path)
  const running = new Map<string, ProcessIdentity>()
  const primaries = new Set<string>()
  const host = {
    findByTag: async (tag: string) => [...running].filter(([path]) => `${path}/`.startsWith(tag)).map(([, identity]) => identity),
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

const demo = groupSpec('demo', 'cmd', 1, 2)

const writeGroup = async (
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

const describeGroups = async (scene: Scene, { store, groups }: OpenedState): Promise<void> => {
  const keeper = keepGroupFiles({
    store,
    storeId: store.id,
    nodesFolder: scene.home.nodesFolder,
    host: {
      writeFile: async (path, content) => writeFileSync(path, content),
      removeFile: async (path) => rmSync(path, { force: true }),
      makeFolder: async (path) => void mkdirSync(path, { recursive: true }),
    },
    clock: realClock,
    log,
    present: groups,
  })
  await keeper.start()
  await keeper.stop()
}

const withoutState = (home: Home): void => {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${home.stateFile}${suffix}`, { force: true })
}

const contentOf = async (scene: Scene): Promise<Record<string, unknown>> => {
  const opened = await scene.open()
  const { entries } = await opened.store.list('')
  await opened.close()
  return Object.fromEntries(entries.map(({ key, value }) => [key, JSON.parse(value) as unknown]))
}

const isRefused = { code: 'store-lost', message: /Nothing was touched.*npx larder recover/ }

test('a new home is opened, and an ended start of one too', async (context) => {
  const scene = sceneIn(context)
  await (await scene.open()).close()
  await (await scene.open()).close()
})

const traces: Readonly<Record<string, (scene: Scene) => void>> = {
  'a folder of a node': ({ home }) => mkdirSync(home.nodeFolder(region, 'a-001'), { recursive: true }),
  'a running engine': ({ home, running }) => void running.set(home.nodeFolder(region, 'a-001'), processOf(1)),
  'a description of a group': ({ home }) => {
    mkdirSync(join(home.nodesFolder, region))
    writeFileSync(groupFileOf(home.nodesFolder, demo), 'damaged')
  },
  'a claimed block': ({ home }) => writeFileSync(home.blockFile, '{"first":64}'),
  keys: ({ home }) => void openSecrets(home),
  'the log of a state': ({ home }) => writeFileSync(`${home.stateFile}-wal`, ''),
}

for (const [what, leave] of Object.entries(traces)) {
  test(`a home without a state and with ${what} is refused, and left as it is`, async (context) => {
    const scene = sceneIn(context)
    leave(scene)
    const before = readdirSync(scene.home.path, { recursive: true }).sort()
    await assert.rejects(scene.open(), isRefused)
    assert.deepEqual(readdirSync(scene.home.path, { recursive: true }).sort(), before)
  })
}

test('a state that ends before its journal, or before the files beside the nodes, is refused', async (context) => {
  const scene = sceneIn(context)
  const first = await scene.open()
  await writeGroup(scene, first)
  const old = join(scene.home.path, 'last-week.db')
  await first.store.copyTo(old)
  await writeGroup(scene, first, { ...demo, generation: 2 })
  await describeGroups(scene, first)
  await first.close()
  withoutState(scene.home)
  copyFileSync(old, scene.home.stateFile)
  await assert.rejects(scene.open(), { ...isRefused, message: /a journal that goes on to change 2 .*larder recover/ })
  rmSync(scene.home.copiesFolder, { recursive: true })
  await assert.rejects(scene.open(), { ...isRefused, message: /1 group of later changes .*larder recover/ })
  const { state } = await scene.recover()
  assert.ok(state.taken.some((line) => line.startsWith('group demo as of change 2')))
  const content = await contentOf(scene)
  assert.equal((content[specKey(demo)] as GroupSpec).generation, 2)
})

test('a state of another home is refused, and is not what a recovery takes', async (context) => {
  const [scene, other] = [sceneIn(context), sceneIn(context)]
  const own = await scene.open()
  await writeGroup(scene, own)
  await own.close()
  const foreign = await other.open()
  for (let count = 0; count < 5; count += 1) await foreign.store.transact([], [{ put: 'x', value: String(count) }])
  await foreign.close()
  withoutState(scene.home)
  copyFileSync(other.home.stateFile, scene.home.stateFile)
  await assert.rejects(scene.open(), { ...isRefused, message: /the journal of another state/ })
  await scene.recover()
  assert.ok(specKey(demo) in (await contentOf(scene)))
})

test('an engine that the state does not know is a sign of an older one; starts and removals that were cut off are none', async (context) => {
  const scene = sceneIn(context)
  const opened = await scene.open()
  await writeGroup(scene, opened)
  const stray = scene.home.nodeFolder(region, 'stray-001')
  mkdirSync(stray)
  scene.running.set(stray, processOf(9))
  await opened.close()
  await assert.rejects(scene.open(), { ...isRefused, message: /1 running engine that it does not know \(process 100009/ })
  scene.running.delete(stray)
  const folder = scene.home.nodeFolder(region, 'demo-002')
  scene.running.set(folder, processOf(77))
  await assert.rejects(scene.open(), { ...isRefused, message: /process 100077/ })

  scene.running.set(folder, processOf(2))
  const again = await scene.open()
  const record = await readRecord<GroupState>(again.store, stateKey(demo))
  assert.ok(record !== null)
  const { nodes } = record.value
  const second = nodes['demo-002']
  assert.ok(second !== undefined)
  await again.store.transact(
    [],
    [
      put(record.key, { ...record.value, nodes: { ...nodes, 'demo-002': { ...second, process: null, starting: true } } }),
      put(removedKey(region, 'stray-001'), { region, id: 'stray-001', at: 1 }),
    ],
  )
  await again.close()
  scene.running.set(stray, processOf(9))
  await (await scene.open()).close()
})

/** By which way the state is lost, and whether everything comes back exactly. */
const losses: Readonly<Record<string, { readonly lose: (home: Home) => void; readonly exact: boolean }>> = {
  'the state alone': { lose: withoutState, exact: true },
  'the state, and the end of the journal': {
    lose: (home) => {
      withoutState(home)
      const [name = ''] = readdirSync(home.copiesFolder).filter((each) => each.endsWith('.jsonl'))
      appendFileSync(join(home.copiesFolder, name), '[7,"cut')
    },
    exact: true,
  },
  'the state, and a line of the journal': {
    lose: (home) => {
      withoutState(home)
      const [name = ''] = readdirSync(home.copiesFolder).filter((each) => each.endsWith('.jsonl'))
      appendFileSync(join(home.copiesFolder, name), 'garbage\n')
    },
    exact: true,
  },
  'the state and the journal': {
    lose: (home) => {
      withoutState(home)
      for (const name of readdirSync(home.copiesFolder)) if (name.endsWith('.jsonl')) rmSync(join(home.copiesFolder, name))
    },
    exact: true,
  },
  'the state and all copies': {
    lose: (home) => {
      withoutState(home)
      rmSync(home.copiesFolder, { recursive: true })
    },
    exact: false,
  },
  'a state of garbage': { lose: (home) => writeFileSync(home.stateFile, 'garbage'), exact: true },
}

for (const [what, { lose, exact }] of Object.entries(losses)) {
  test(`lost: ${what}; a recovery brings back ${exact ? 'everything' : 'the groups, and says what is nowhere'}`, async (context) => {
    const scene = sceneIn(context)
    const opened = await scene.open()
    await opened.store.transact([], [put('parametergroup/us-east-1/own', { values: { a: 'b' } })])
    await writeGroup(scene, opened)
    await takeCopy(scene.home.copiesFolder, opened.store, 'day', '2026-11-29')
    await describeGroups(scene, opened)
    await opened.close()
    const before = await contentOf(scene)
    lose(scene.home)
    await assert.rejects(scene.open(), isRefused)
    const { state } = await scene.recover()
    const after = await contentOf(scene)
    if (exact) assert.deepEqual(after, before)
    else {
      const { 'parametergroup/us-east-1/own': _nowhere, ...groups } = before
      assert.deepEqual(after, groups)
      assert.ok(state.missing.some((line) => line.includes('parameter groups')))
    }
    assert.equal((await scene.recover()).state.isWhole, true, 'there is nothing more to do')
  })
}

test('a running primary is believed over an older record, an unknown process of a known node is adopted', async (context) => {
  const scene = sceneIn(context)
  const opened = await scene.open()
  await writeGroup(scene, opened)
  await opened.close()
  withoutState(scene.home)
  scene.primaries.clear()
  scene.primaries.add('demo-002')
  scene.running.set(scene.home.nodeFolder(region, 'demo-002'), processOf(55))
  const { state } = await scene.recover()
  assert.ok(state.taken.some((line) => line.includes('demo-002 runs as the primary')))
  const content = await contentOf(scene)
  const recovered = content[stateKey(demo)] as GroupState
  assert.deepEqual(recovered.shards['0001'], { primary: 'demo-002', epoch: 2, fence: [], former: 'demo-001' })
  assert.deepEqual([recovered.nodes['demo-002']?.starting, recovered.nodes['demo-002']?.process], [true, null])
  assert.deepEqual(recovered.nodes['demo-001']?.process, processOf(1))
})

test('a group of an older copy of which nothing is there any more does not come back; removals of then count no longer', async (context) => {
  const scene = sceneIn(context)
  const opened = await scene.open()
  await writeGroup(scene, opened)
  await opened.store.transact([], [put(removedKey(region, 'old-001'), { region, id: 'old-001', at: 1 })])
  await takeCopy(scene.home.copiesFolder, opened.store, 'day', '2026-11-29')
  await opened.close()
  withoutState(scene.home)
  for (const name of readdirSync(scene.home.copiesFolder))
    if (name.endsWith('.jsonl')) rmSync(join(scene.home.copiesFolder, name))
  rmSync(scene.home.nodesFolder, { recursive: true })
  mkdirSync(scene.home.nodeFolder(region, 'old-001'), { recursive: true })
  scene.running.clear()
  const { state } = await scene.recover()
  assert.ok(state.missing.some((line) => line.startsWith('group demo is left out')))
  assert.ok(state.missing.some((line) => line.includes('old-001') && line.includes('moves it aside')))
  assert.deepEqual(Object.keys(await contentOf(scene)), [])
  assert.ok(existsSync(scene.home.nodeFolder(region, 'old-001')), 'a recovery deletes nothing')
})

test('a group that was removed loses the file beside its nodes, one that was changed has it written anew', async (context) => {
  const scene = sceneIn(context)
  const opened = await scene.open()
  await writeGroup(scene, opened)
  await describeGroups(scene, opened)
  const file = groupFileOf(scene.home.nodesFolder, demo)
  const first = readFileSync(file, 'utf8')
  await writeGroup(scene, opened, { ...demo, generation: 2 })
  await describeGroups(scene, opened)
  assert.notEqual(readFileSync(file, 'utf8'), first)
  await opened.store.transact([], [{ delete: specKey(demo) }, { delete: stateKey(demo) }])
  await opened.close()
  scene.running.clear()
  const again = await scene.open()
  await describeGroups(scene, again)
  await again.close()
  assert.ok(!existsSync(file))
})

// ---- the small files --------------------------------------------------------------------------------------------------

const tlsDemo: GroupSpec = { ...demo, transitEncryption: 'required' }

const damages: Readonly<Record<string, (path: string) => void>> = {
  'is missing': (path) => rmSync(path),
  'is empty': (path) => writeFileSync(path, ''),
  'is garbage': (path) => writeFileSync(path, 'garbage'),
  'is of another day': (path) => renameSync(`${path}.old`, path),
}

/** Its own check refuses it, or whoever reads it does (`reader`). */
const isFaulty = async (scene: Scene): Promise<void> => {
  const opened = await scene.open()
  try {
    await checkFiles(scene.home, opened.store, {})
    openAuthority(scene.home.tlsFolder, Date.now).prepare()
  } finally {
    await opened.close()
  }
}

for (const name of ['secrets.json', 'seal.key', 'ca.crt', 'ca.key'] as const) {
  for (const [how, damage] of Object.entries(damages)) {
    test(`${name} ${how}: refused with what to do, and put back by a recovery`, async (context) => {
      const scene = sceneIn(context)
      const opened = await scene.open()
      await writeGroup(scene, opened, tlsDemo)
      openSecrets(scene.home)
      const sealer = createSealer(openSealKey(scene.home, {}))
      openAuthority(scene.home.tlsFolder, Date.now).prepare()
      await opened.store.transact([], [put('iam/user/x', { secret: sealer.seal('a', 'b') })])
      await opened.close()
      keepFiles(scene.home, log)
      const { path, copy } = keptFiles(scene.home)[name]
      const good = readFileSync(path, 'utf8')
      assert.equal(readFileSync(copy, 'utf8'), good)
      const other = sceneIn(context)
      openSecrets(other.home)
      openSealKey(other.home, {})
      openAuthority(other.home.tlsFolder, Date.now).prepare()
      copyFileSync(keptFiles(other.home)[name].path, `${path}.old`)
      await isFaulty(scene)
      damage(path)
      await assert.rejects(isFaulty(scene), isRefused)
      const { files } = await scene.recover()
      assert.deepEqual(files.missing, [])
      await isFaulty(scene)
      assert.equal(readFileSync(path, 'utf8'), good)
    })
  }
}

test('keys that are nowhere are made anew only while no engine runs, and it is said', async (context) => {
  const scene = sceneIn(context)
  const opened = await scene.open()
  await writeGroup(scene, opened, tlsDemo)
  const sealer = createSealer(openSealKey(scene.home, {}))
  await opened.store.transact([], [put('iam/user/x', { secret: sealer.seal('a', 'b') })])
  await opened.close()
  rmSync(scene.home.sealKeyFile)
  await assert.rejects(isFaulty(scene), isRefused)
  const all = { home: scene.home, host: scene.host, clock, environment: {}, ask: async () => null }
  assert.match((await planRecovery(all)).files.blocked ?? '', /password by which 2 running engines are controlled is nowhere/)
  scene.running.clear()
  const { files } = await scene.recover()
  assert.equal(files.blocked, null)
  assert.deepEqual([...files.make], ['secrets', 'seal', 'authority'])
  assert.equal(files.missing.length, 3)
  await isFaulty(scene)
})
