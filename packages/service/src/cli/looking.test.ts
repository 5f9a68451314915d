/** Commands that only look make no home, and touch no folder of something else. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../home/testing.ts'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))
const commands = ['status', 'recover', 'down', 'env', 'ca', 'doctor'] as const

for (const command of commands) {
  test(`larder ${command} makes no home, and leaves a folder of something else as it is`, () => {
    using folder = temporaryFolder()
    const run = (home: string) =>
      spawnSync(process.execPath, [main, command], {
        env: { ...process.env, LARDER_HOME: home, LARDER_NFTABLES: 'off' },
        encoding: 'utf8',
        timeout: 30_000,
      })
    const nowhere = join(folder.path, 'nowhere')
    const project = join(folder.path, 'project')
    mkdirSync(project)
    writeFileSync(join(project, 'package.json'), '{}')
    chmodSync(project, 0o755)
    for (const home of [nowhere, project]) {
      const { status, stderr } = run(home)
      assert.equal(status, command === 'doctor' ? 0 : 2, stderr)
      if (command !== 'doctor') assert.match(stderr, /expected the home of a Larder in \S+, found none/)
    }
    assert.equal(existsSync(nowhere), false)
    assert.deepEqual(readdirSync(project), ['package.json'])
    assert.equal(statSync(project).mode & 0o777, 0o755)
  })
}
