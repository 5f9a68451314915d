/** What is published, as an application has it: compiled, by every Node on this machine that it is for, by import and by require. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openServers } from './testing/servers.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

const program = (url: string, load: string): string => `
  (async () => {
    const { createCache, binaryCodec } = await ${load}('@larder/client')
    const { createLeaderboard } = await ${load}('@larder/client/leaderboards')
    if (typeof createLeaderboard !== 'function') throw new Error('no leaderboards')
    const { createSessions } = await ${load}('@larder/client/sessions')
    if (typeof createSessions !== 'function') throw new Error('no sessions')
    const cache = await createCache({ url: '${url}', near: { maxBytes: 1e6 }, codec: binaryCodec, namespace: String(process.pid) })
    let n = 0
    const get = () => cache.get('k', () => new Map([['n', ++n]]), { tags: ['t'] })
    await get(); await cache.invalidate(['t'])
    console.log(JSON.stringify([...await get(), ...await get()]))
    await cache.close()
  })()`

const nodes = [...(process.env['PATH'] ?? '').split(':').map((folder) => join(folder, 'node')), process.execPath]
  .filter((file) => existsSync(file))
  .map((file) => realpathSync(file))

test('the compiled library works by import and by require', async () => {
  await using servers = await openServers()
  const { url } = await servers.start()
  for (const node of new Set(nodes)) {
    const [major = 0, minor = 0] = spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' })
      .stdout.split('.')
      .map(Number)
    if (major < 20 || (major === 20 && minor < 19)) continue
    for (const load of ['import', 'require']) {
      const { stdout, stderr, status } = spawnSync(node, ['-e', program(url, load)], {
        cwd: root,
        encoding: 'utf8',
        timeout: 20_000,
      })
      assert.equal(status, 0, `${node} ${load}: ${stderr}`)
      assert.deepEqual(
        JSON.parse(stdout),
        [
          ['n', 2],
          ['n', 2],
        ],
        `${node} ${load}`,
      )
    }
  }
})
