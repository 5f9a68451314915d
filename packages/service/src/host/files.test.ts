import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { createLinuxHost } from './linux.ts'
import { randomLoopbackPrefix } from './testing.ts'

const host = createLinuxHost()
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'larder-files-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('a written file is private, whole, and replaces what was there', async () => {
  const path = join(folder, 'node.conf')
  writeFileSync(path, 'old', { mode: 0o644 })
  await Promise.all([host.writeFile(path, 'x'.repeat(100_000)), host.writeFile(path, 'y'.repeat(100_000))])
  assert.match((await host.readFile(path)) ?? '', /^(x{100000}|y{100000})$/)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(folder), ['node.conf'])
})

test('folders are private and are made with all above them', async () => {
  const path = join(folder, 'nodes', 'a')
  await host.makeFolder(path)
  await host.makeFolder(path)
  assert.equal(statSync(path).mode & 0o777, 0o700)
  assert.equal(statSync(join(folder, 'nodes')).mode & 0o777, 0o700)
})

test('what is not there is read as nothing and removed without complaint', async () => {
  const path = join(folder, 'none')
  assert.equal(await host.readFile(path), null)
  assert.equal(await host.tail(path, 10), '')
  assert.deepEqual(await host.listFolder(path), [])
  await host.removeFile(path)
  await host.removeFolder(path)
})

test('a file that cannot be written leaves nothing behind and says why', async () => {
  await host.makeFolder(join(folder, 'taken', 'inside'))
  await assert.rejects(host.writeFile(join(folder, 'taken'), 'text'), /EISDIR|ENOTEMPTY|EEXIST/)
  assert.deepEqual(readdirSync(folder), ['taken'])
})

test('the tail of a file is its last bytes', async () => {
  const path = join(folder, 'log')
  await host.writeFile(path, 'first\nsecond\n')
  assert.equal(await host.tail(path, 7), 'second\n')
  assert.equal(await host.tail(path, 1_000), 'first\nsecond\n')
})

test('an address is free until somebody listens on it or on all addresses', async () => {
  const address = `${randomLoopbackPrefix()}.1`
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  const { port } = server.address() as { port: number }
  try {
    assert.equal(await host.isFree(address, port), false)
    assert.equal(await host.isFree(address.replace(/1$/, '2'), port), true)
    assert.equal(await host.isFree('192.0.2.1', port), false)
  } finally {
    server.close()
  }
  const everywhere = createServer()
  await new Promise<void>((resolve) => everywhere.listen(0, '0.0.0.0', resolve))
  try {
    assert.equal(await host.isFree(address, (everywhere.address() as { port: number }).port), false)
  } finally {
    everywhere.close()
  }
})
