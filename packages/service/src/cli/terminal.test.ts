import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const terminal = fileURLToPath(new URL('./terminal.ts', import.meta.url))
const main = fileURLToPath(new URL('../main.ts', import.meta.url))

/** Runs with a standard output that nobody reads any more. */
const unread = async (args: readonly string[]): Promise<{ readonly code: unknown; readonly said: string }> => {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 })
  child.stdout.destroy()
  const said = text(child.stderr)
  const [code] = await once(child, 'close')
  return { code, said: await said }
}

const writing = (isService: boolean): readonly string[] => [
  '--input-type=module',
  '--eval',
  `import { endWithReader, print } from ${JSON.stringify(terminal)}
   endWithReader(${isService})
   for (let count = 0; count < 20; count += 1) {
     print('x'.repeat(1000))
     await new Promise(setImmediate)
   }
   process.stderr.write('went on')`,
]

test('a command whose reader has seen enough ends without a word', async () => {
  assert.deepEqual(await unread([main, 'help']), { code: 0, said: '' })
  assert.deepEqual(await unread(writing(false)), { code: 0, said: '' })
})

test('a service goes on without its reader', async () => {
  assert.deepEqual(await unread(writing(true)), { code: 0, said: 'went on' })
})
