/** What is refused as lost or older, and what a recovery takes from where. */
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
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { LarderError } from '../../errors.ts'
import type { Home } from '../../home/home.ts'
import { openSecrets } from '../../home/secrets.ts'
import type { GroupSpec, GroupState } from '../../model/group.ts'
import { removedKey, specKey, stateKey } from '../../model/keys.ts'
import { put, readRecord } from '../../ports/records.ts'
import { takeCopy } from '../../store/copies.ts'
import { region } from '../../testing/fixtures.ts'
import { groupFileOf } from './group-files.ts'
import { whyNotNewest } from './opening.ts'

import {
  clock,
  contentOf,
  demo,
  describeGroups,
  isRefused,
  processOf,
  type Scene,
  sceneIn,
  withoutState,
  writeGroup,
} from './testing.ts'

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

test('a state that an earlier version wrote is copied as it was, and refused by that version from then on', async (context) => {
  const scene = sceneIn(context)
  const first = await scene.open()
  await writeGroup(scene, first)
  await first.close()
  // As a version of before leaves it: nothing beside the state.
  rmSync(scene.home.copiesFolder, { recursive: true })
  const formats = (path: string): unknown => {
    const database = new DatabaseSync(path, { readOnly: true })
    try {
      return database.prepare('PRAGMA user_version').get()?.['user_version']
    } finally {
      database.close()
    }
  }
  const former = new DatabaseSync(scene.home.stateFile)
  former.exec('PRAGMA user_version = 1')
  former.close()
  await (await scene.open()).close()
  const copy = readdirSync(scene.home.copiesFolder).find((name) => name.startsWith('before-unknown-'))
  assert.equal(formats(join(scene.home.copiesFolder, copy ?? '')), 1)
  assert.equal(formats(scene.home.stateFile), 2)
  assert.ok(specKey(demo) in (await contentOf(scene)))
})

test('a state that cannot be read now is not replaced by a recovery', async (context) => {
  const scene = sceneIn(context)
  const first = await scene.open()
  await writeGroup(scene, first)
  await first.close()
  // Where its log would be: SQLite cannot open the file then, as on a disk that may only be read.
  mkdirSync(`${scene.home.stateFile}-wal`)
  await assert.rejects(scene.open(), { code: 'store-failed', message: /could not be read/ })
  await assert.rejects(scene.recover(), { code: 'store-failed', message: /could not be read/ })
  rmSync(`${scene.home.stateFile}-wal`, { recursive: true })
  assert.ok(specKey(demo) in (await contentOf(scene)))
})

const unreadable: Readonly<Record<string, (home: Home) => void>> = {
  'its log cannot be opened (SQLITE_CANTOPEN)': (home) => void mkdirSync(`${home.stateFile}-wal`),
  'its file cannot be looked at': (home) => {
    rmSync(home.stateFile)
    symlinkSync(home.stateFile, home.stateFile)
  },
  'its journal cannot be read': (home) => {
    rmSync(home.copiesFolder, { recursive: true })
    symlinkSync(home.copiesFolder, home.copiesFolder)
  },
}

for (const [what, damage] of Object.entries(unreadable)) {
  test(`a state of which ${what} now is told from one that is lost`, async (context) => {
    const scene = sceneIn(context)
    const first = await scene.open()
    await writeGroup(scene, first)
    await first.close()
    damage(scene.home)
    const trouble = await whyNotNewest(scene.home, scene.host, clock, {})
    assert.equal(trouble?.isLost, false, trouble?.why)
    await assert.rejects(scene.open(), (error: unknown) => !(error instanceof LarderError) || error.code === 'store-failed')
  })
}

test('a home that was moved while its engines run is refused, also by whoever only looks', async (context) => {
  const scene = sceneIn(context)
  const first = await scene.open()
  await writeGroup(scene, first)
  await first.close()
  openSecrets(scene.home)
  scene.running.clear()
  scene.running.set('/where/it/was/nodes/us-east-1/demo-001', processOf(1))
  const expected = /found node demo-001 \(process 100001\) running from another folder: the home was moved .* larder down/
  await assert.rejects(scene.open(), { code: 'machine', message: expected })
  assert.match((await whyNotNewest(scene.home, scene.host, clock, {}))?.why ?? '', expected)
  // The same number of another process.
  scene.running.clear()
  await (await scene.open()).close()
})

test('a state that is missing, damaged or older is told as lost', async (context) => {
  const scene = sceneIn(context)
  const first = await scene.open()
  await writeGroup(scene, first)
  await first.close()
  openSecrets(scene.home)
  assert.equal(await whyNotNewest(scene.home, scene.host, clock, {}), null)
  // What a start would refuse for its other files is told as well.
  const aside = `${scene.home.secretsFile}.aside`
  renameSync(scene.home.secretsFile, aside)
  const trouble = await whyNotNewest(scene.home, scene.host, clock, {})
  assert.equal(trouble?.isLost, true)
  assert.match(trouble?.why ?? '', /expected the keys of this home in .* npx larder recover/)
  renameSync(aside, scene.home.secretsFile)
  writeFileSync(scene.home.stateFile, 'garbage that is no database, and long enough to be looked at')
  assert.equal((await whyNotNewest(scene.home, scene.host, clock, {}))?.isLost, true)
  withoutState(scene.home)
  assert.equal((await whyNotNewest(scene.home, scene.host, clock, {}))?.isLost, true)
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
