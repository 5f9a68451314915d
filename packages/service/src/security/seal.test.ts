import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createSealer } from './seal.ts'

const sealer = createSealer(randomBytes(32))
const secret = 'wJalrXUtnFEMI/K7MDENG+é€'

test('what was sealed is opened, and cannot be read before', () => {
  const sealed = sealer.seal(secret, 'key A')
  assert.equal(sealer.open(sealed, 'key A'), secret)
  assert.match(sealed, /^sealed1:[0-9a-f]{8}:[A-Za-z0-9+/]+=*$/)
  assert.ok(!Buffer.from(sealed.split(':')[2] ?? '', 'base64').includes(Buffer.from(secret)))
})

test('the same secret is sealed otherwise each time', () => {
  assert.notEqual(sealer.seal(secret, 'key A'), sealer.seal(secret, 'key A'))
})

test('another purpose, another key or one altered bit opens nothing', () => {
  const sealed = sealer.seal(secret, 'key A')
  assert.throws(() => sealer.open(sealed, 'key B'), { code: 'store-corrupt', message: 'the sealed secret for key B was altered' })
  assert.throws(() => createSealer(randomBytes(32)).open(sealed, 'key A'), { code: 'store-corrupt', message: /LARDER_SEAL_KEY/ })
  const [head, by, content = ''] = sealed.split(':')
  const bytes = Buffer.from(content, 'base64')
  for (let at = 0; at < bytes.length; at += 1) {
    const altered = Buffer.from(bytes)
    altered[at] = (altered[at] ?? 0) ^ 1
    assert.throws(
      () => sealer.open([head, by, altered.toString('base64')].join(':'), 'key A'),
      { code: 'store-corrupt' },
      `byte ${at}`,
    )
  }
})

test('texts that are not sealed are refused, and their content is in no message', () => {
  for (const text of ['', 'in-clear-text', 'sealed1', 'sealed1::', 'sealed2:00000000:AAAA', `${sealer.seal(secret, 'p')}:x`])
    assert.throws(
      () => sealer.open(text, 'p'),
      (error: Error) => 'code' in error && error.code === 'store-corrupt' && !error.message.includes('in-clear-text'),
      text,
    )
  const cut = sealer.seal(secret, 'p').slice(0, 30)
  assert.throws(() => sealer.open(cut, 'p'), { code: 'store-corrupt' })
})

test('a key has 32 bytes', () => {
  for (const length of [0, 16, 31, 33]) assert.throws(() => createSealer(randomBytes(length)), TypeError)
})
