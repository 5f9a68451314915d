/** Who may come in stands beside the nodes before the change is answered: state and journal may be lost right after it. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import type { GroupSpec } from '../../model/group.ts'
import { specKey } from '../../model/keys.ts'
import { put } from '../../ports/records.ts'
import { type GroupFile, groupFileOf } from './group-files.ts'
import { contentOf, demo, describeGroups, keeperOf, sceneIn, withoutState, writeGroup } from './testing.ts'

const closing: Readonly<Record<string, Partial<GroupSpec>>> = {
  'security groups': { labels: { ...demo.labels, securityGroupIds: ['sg-0123456789abcdef0'] } },
  'cache security groups': { labels: { ...demo.labels, cacheSecurityGroupNames: ['inside'] } },
  'a token': { auth: { tokens: ['a'], optional: false, modifiedAt: 1 } },
  'a user group': { userGroup: { id: 'all', users: [] } },
  'encryption in transit': { transitEncryption: 'required' },
}

for (const [what, change] of Object.entries(closing)) {
  test(`a group that was closed by ${what} does not come back open when all but the folders is lost at once`, async (context) => {
    const scene = sceneIn(context)
    const opened = await scene.open()
    await writeGroup(scene, opened)
    await describeGroups(scene, opened)
    await opened.close()
    const again = await scene.open()
    const keeper = keeperOf(scene, again)
    // Not started: nothing is written but what an answer waits for.
    const answer = await keeper.writingThrough(again.store).transact([], [put(specKey(demo), { ...demo, ...change })])
    assert.ok(answer.ok)
    await again.close()
    withoutState(scene.home)
    rmSync(scene.home.copiesFolder, { recursive: true })
    await scene.recover()
    assert.deepEqual((await contentOf(scene))[specKey(demo)], { ...demo, ...change })
  })
}

test('a change of who may come in that is not made, or of something else, writes no file', async (context) => {
  const scene = sceneIn(context)
  const opened = await scene.open()
  await writeGroup(scene, opened)
  await describeGroups(scene, opened)
  const paths: string[] = []
  const store = keeperOf(scene, opened, (path) => paths.push(path)).writingThrough(opened.store)
  await store.transact([{ key: specKey(demo), revision: 0 }], [put(specKey(demo), { ...demo, ...closing['a token'] })])
  await store.transact([], [put(specKey(demo), { ...demo, nodeType: 'cache.r7g.large' })])
  await opened.close()
  assert.deepEqual(paths, [])
})

test('a new group that is closed is beside its nodes before the answer, and a full disk refuses no change', async (context) => {
  const scene = sceneIn(context)
  const opened = await scene.open()
  const file = groupFileOf(scene.home.nodesFolder, demo)
  const change = put(specKey(demo), { ...demo, ...closing['security groups'] })
  const full = keeperOf(scene, opened, () => {
    throw new Error('no space left on device')
  })
  assert.ok((await full.writingThrough(opened.store).transact([], [change])).ok)
  assert.ok(!existsSync(file))
  assert.ok((await keeperOf(scene, opened).writingThrough(opened.store).transact([], [change])).ok)
  const { spec } = JSON.parse(readFileSync(file, 'utf8')) as GroupFile
  assert.deepEqual(spec.labels.securityGroupIds, ['sg-0123456789abcdef0'])
  await opened.close()
})
