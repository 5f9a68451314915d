/**
 * The library in what does not load it as Node does: in a bundle that is an ES module, and in Jest with CommonJS. Both are fetched for this test alone, in the versions that are
 * named here, and by npm as it is set up; where they cannot be had the tests are skipped.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openServers } from './testing/servers.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
const servers = await openServers()
const { url } = await servers.start()
after(async () => {
  await servers[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const run = (program: string, args: readonly string[], timeout = 100_000) => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: folder, encoding: 'utf8', timeout, env })
  return { status, said: `${error?.message ?? ''}${stdout}${stderr}` }
}
const tool = (name: string): string => join(folder, 'node_modules', '.bin', name)

writeFileSync(join(folder, 'package.json'), '{ "private": true }')
const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error']
const offline = ['--prefer-offline', '--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=3000']
const { status, said: why } = run('npm', ['install', ...quiet, ...offline, 'esbuild@0.28.2', 'jest@30.5.2'])
const skip = status === 0 ? false : `esbuild and Jest cannot be had: ${why.trim().split('\n')[0] ?? ''}`

const installed = join(folder, 'node_modules', '@larder', 'client')
mkdirSync(installed, { recursive: true })
for (const part of ['dist', 'package.json'])
  cpSync(join(root, 'packages/client', part), join(installed, part), { recursive: true })
for (const name of ['@redis/client', 'lru-cache', 'ioredis']) {
  const to = join(installed, 'node_modules', name)
  mkdirSync(dirname(to), { recursive: true })
  symlinkSync(join(root, 'node_modules', name), to)
}

/** By both clients, a near cache too. */
const program = `
  const work = async () => {
    const found = []
    for (const connect of [undefined, connectIoredis]) {
      const options = { url: '${url}', near: { maxBytes: 1e6 }, namespace: 'n' + Math.random() }
      const cache = await createCache(connect === undefined ? options : { ...options, connect })
      let n = 0
      const get = () => cache.get('k', () => ({ n: ++n }), { tags: ['t'] })
      await get(); await cache.invalidate(['t'])
      found.push((await get()).n, (await get()).n)
      await cache.close()
    }
    return found.join(' ') + ' ' + typeof createSessions + ' ' + typeof createLeaderboard + ' ' + typeof isCacheError
  }`
const expected = '2 2 2 2 function function function'
const names: readonly (readonly [name: string, from: string])[] = [
  ['createCache, isCacheError', '@larder/client'],
  ['connectIoredis', '@larder/client/ioredis'],
  ['createSessions', '@larder/client/sessions'],
  ['createLeaderboard', '@larder/client/leaderboards'],
]
const imports = names.map(([name, from]) => `import { ${name} } from '${from}'`).join('\n')
const requires = names.map(([name, from]) => `const { ${name} } = require('${from}')`).join('\n')

for (const [format, file] of [
  ['esm', 'bundle.mjs'],
  ['cjs', 'bundle.cjs'],
] as const)
  test(`esbuild --format=${format} --platform=node makes a bundle of it that works, and leaves no global`, { skip }, () => {
    const left = 'console.log(typeof globalThis.require)'
    writeFileSync(join(folder, 'app.js'), `${imports}${program}\n${left}\nwork().then(console.log)`)
    const flags = ['--bundle', `--format=${format}`, '--platform=node', `--outfile=${file}`, '--log-level=warning']
    assert.deepEqual(run(tool('esbuild'), ['app.js', ...flags]), { status: 0, said: '' })
    assert.deepEqual(run(process.execPath, [file]), { status: 0, said: `undefined\n${expected}\n` })
  })

test('Jest with CommonJS loads it', { skip }, () => {
  const judged = `test('works', async () => { expect(await work()).toBe('${expected}') })`
  writeFileSync(join(folder, 'app.test.js'), `${requires}${program}\n${judged}`)
  const { status: ended, said } = run(process.execPath, [tool('jest'), '--rootDir', folder, '--no-cache', '--no-watchman'])
  assert.equal(ended, 0, said)
})
