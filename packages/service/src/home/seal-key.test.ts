import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openSealKey } from './seal-key.ts'

const homeOf = (context: TestContext): { readonly sealKeyFile: string } => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-seal-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return { sealKeyFile: join(folder, 'seal.key') }
}

test('the first start makes a key that only its owner can read, later starts find it', (context) => {
  const home = homeOf(context)
  const key = openSealKey(home, {})
  assert.equal(key.length, 32)
  assert.equal(statSync(home.sealKeyFile).mode & 0o777, 0o600)
  assert.equal(readFileSync(home.sealKeyFile, 'utf8'), `${Buffer.from(key).toString('hex')}\n`)
  chmodSync(home.sealKeyFile, 0o644)
  assert.deepEqual(openSealKey(home, {}), key)
  assert.equal(statSync(home.sealKeyFile).mode & 0o777, 0o600)
})

test('a key of the environment is used and not written', (context) => {
  const home = homeOf(context)
  assert.deepEqual(openSealKey(home, { LARDER_SEAL_KEY: 'aB'.repeat(32) }), Buffer.alloc(32, 0xab))
  assert.ok(!existsSync(home.sealKeyFile))
})

test('a key of another form is refused and not repeated', (context) => {
  const home = homeOf(context)
  for (const given of ['', 'topsecret', 'ab'.repeat(31), `${'ab'.repeat(32)}c`, 'zz'.repeat(32)])
    assert.throws(
      () => openSealKey(home, { LARDER_SEAL_KEY: given }),
      (error: Error) => 'code' in error && error.code === 'usage' && (given === '' || !error.message.includes(given)),
      given,
    )
  writeFileSync(home.sealKeyFile, 'topsecret')
  assert.throws(
    () => openSealKey(home, {}),
    (error: Error) => 'code' in error && error.code === 'store-corrupt' && !error.message.includes('topsecret'),
  )
})
