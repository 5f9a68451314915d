/** A process whose descriptors are used up: nothing that the service opens or starts may end it, and all of it works again afterwards. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createLinuxHost } from '../host/linux.ts'

const program = fileURLToPath(new URL('./starved.ts', import.meta.url))
type Results = Readonly<Record<string, string>>

interface Told {
  readonly before: Results
  readonly starved: Readonly<Record<string, Results>>
  readonly after: Results
  readonly uncaught: readonly string[]
}

test('whatever cannot be opened or started for want of descriptors is told, ends nothing, and works again afterwards', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  const engine = createServer((socket) => socket.on('data', () => socket.write('+OK\r\n')).on('error', () => socket.destroy()))
  context.after(async () => {
    engine.close()
    const host = createLinuxHost()
    for (const { pid } of await host.findByTag(`${folder}/`)) process.kill(pid, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  const socket = join(folder, 'engine')
  await new Promise<void>((resolve) => engine.listen(socket, resolve))
  const command = ['sh', '-c', 'ulimit -n 80; exec "$@"', 'sh', process.execPath, program, folder, socket]
  const { stdout } = await promisify(execFile)(command[0] ?? '', command.slice(1), {
    timeout: 300_000,
    maxBuffer: 16 * 1024 ** 2,
  })
  const { before, starved, after, uncaught } = JSON.parse(stdout) as Told
  assert.deepEqual(uncaught, [])
  const fails = (results: Results): readonly string[] =>
    Object.entries(results).flatMap(([name, result]) => (result === 'ok' ? [] : [`${name}: ${result}`]))
  assert.deepEqual(fails(before), [])
  assert.deepEqual(fails(after), [])
  const none = fails(starved['0'] ?? {})
  assert.ok(none.length >= 15, `expected most calls to be refused without a descriptor, found ${none.length}`)
  for (const [left, results] of Object.entries(starved))
    for (const each of fails(results)) {
      assert.doesNotMatch(each, /taken for|not found$|hangs/, `with ${left} descriptors`)
      context.diagnostic(`with ${left} descriptors, ${each}`)
    }
})
