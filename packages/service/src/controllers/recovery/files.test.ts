/** The small files of a home: missing, damaged or of another day. */
import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { keepFiles, keptFiles } from '../../home/kept.ts'
import { openSealKey } from '../../home/seal-key.ts'
import { openSecrets } from '../../home/secrets.ts'
import type { GroupSpec } from '../../model/group.ts'
import { put } from '../../ports/records.ts'
import { createSealer } from '../../security/seal.ts'
import { openAuthority } from '../../security/tls/authority.ts'
import { checkFiles } from './opening.ts'
import { planRecovery } from './recover.ts'

import { clock, demo, isRefused, log, type Scene, sceneIn, writeGroup } from './testing.ts'

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
      keepFiles(scene.home, log, true)
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
