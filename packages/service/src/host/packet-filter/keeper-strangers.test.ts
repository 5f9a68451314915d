/** What another user of the machine can do to the keeper of the rules: nothing. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../../testing/busy-machine.ts'
import { createLinuxHost } from '../linux.ts'
import { createKeeper } from './keeper.ts'

const notRoot = process.getuid?.() !== 0 && 'only root can act for another user'
const nobody = 65_534

/** As nobody. Gives for each attempt how it ended. */
const attempts = (node: string, pid: number, folder: string): Readonly<Record<string, string>> => {
  const script = `
    const fs = require('node:fs')
    const [pid, folder] = process.argv.slice(1)
    const pipe = folder + '/serving'
    const attempts = {
      'end it': () => process.kill(Number(pid), 'SIGTERM'),
      'stop it': () => process.kill(Number(pid), 'SIGSTOP'),
      'end its group': () => process.kill(-Number(pid), 'SIGKILL'),
      'hold the pipe open': () => fs.openSync(pipe, fs.constants.O_RDWR | fs.constants.O_NONBLOCK),
      'write to the pipe': () => fs.openSync(pipe, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK),
      'by its descriptors': () => fs.openSync('/proc/' + pid + '/fd/4', 'r'),
      'read the script': () => fs.readFileSync(folder + '/keeper.sh'),
      'put another script': () => fs.writeFileSync(folder + '/keeper.sh', 'exit 0'),
      'put rules of his': () => fs.writeFileSync(folder + '/x.nft', 'flush ruleset'),
      'write its memory': () => fs.openSync('/proc/' + pid + '/mem', 'r+'),
      'lower its priority': () => require('node:os').setPriority(Number(pid), 19),
    }
    const found = {}
    for (const [name, attempt] of Object.entries(attempts)) {
      try { attempt(); found[name] = 'done' } catch (error) { found[name] = error.code }
    }
    console.log(JSON.stringify(found))`
  const said = execFileSync(node, ['-e', script, String(pid), folder], {
    uid: nobody,
    gid: nobody,
    cwd: '/',
    encoding: 'utf8',
  })
  return JSON.parse(said)
}

test('nobody signals, starves or misleads the keeper of the rules', { skip: notRoot }, async () => {
  const root = mkdtempSync(join(tmpdir(), 'larder-test-'))
  chmodSync(root, 0o700) // as a home is
  // Where this is run from may be a folder that nobody else may enter, and so is the one for files of tests.
  const open = mkdtempSync('/tmp/larder-nobody-')
  chmodSync(open, 0o755)
  const node = join(open, 'node')
  copyFileSync(process.execPath, node)
  const file = join(root, 'keeper.sh')
  const host = createLinuxHost()
  const keeper = createKeeper({ folder: root, nft: ['false'], host, log: () => undefined })
  // It looks like a keeper of this folder, and never ends when asked.
  const impostor = spawn(
    node,
    ['-e', "process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1e6); console.log('there')", file, root],
    { uid: nobody, gid: nobody, cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'ignore'] },
  )
  try {
    await new Promise((resolve) => impostor.stdout.once('data', resolve))
    await keeper.ensure()
    const [found, ...others] = await host.findByTag(file)
    assert.ok(found)
    assert.deepEqual(others, [], 'nobody is taken for it')
    assert.notEqual(found.pid, impostor.pid)
    const all = attempts(node, found.pid, root)
    assert.ok(Object.keys(all).length > 10)
    for (const [name, ended] of Object.entries(all)) assert.match(ended, /^(EPERM|EACCES|ERR_SYSTEM_ERROR)$/, name)
    assert.equal(await host.check(found, file), 'running')
    await keeper.end()
    await until('it has ended when asked', async () => (await host.findByTag(file)).length === 0)
    assert.equal(impostor.exitCode ?? impostor.signalCode, null, 'and a stranger is left alone')
  } finally {
    keeper.release()
    await keeper.end()
    impostor.kill('SIGKILL')
    rmSync(root, { recursive: true, force: true })
    rmSync(open, { recursive: true, force: true })
  }
})
