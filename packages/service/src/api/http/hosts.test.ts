import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LarderError } from '../../errors.ts'
import { allowedHosts, whyRefused } from './hosts.ts'

const allowed = allowedHosts('10.0.0.7', 'cache.example.org, Other')
const at = (host: string, more: Readonly<Record<string, string>> = {}, target = '/health'): boolean =>
  whyRefused(allowed, { target, headers: { host, ...more } }) === null

test('names of this machine, the address that is listened on, and configured names are answered', () => {
  const here = [
    'localhost',
    'LOCALHOST',
    'localhost.',
    '127.0.0.1',
    '127.65.0.9',
    '[::1]',
    '10.0.0.7',
    'cache.example.org',
    'other',
  ]
  for (const host of here.flatMap((name) => [name, `${name}:4566`])) assert.ok(at(host), host)
})

test('no other name is answered, however it is written', () => {
  const foreign = [
    ...[
      '',
      'x',
      'rebound.example.org',
      'localhost.example.org',
      '127.0.0.1.example.org',
      'xlocalhost',
      'localhost@x',
      'x@localhost',
    ],
    ...['127.0.0.256', '127.1', '0x7f.0.0.1', '2130706433', '0.0.0.0', '[::]', '[::ffff:127.0.0.1]', '10.0.0.8', '126.0.0.1'],
    ...[
      'localhost:',
      'localhost:x',
      'localhost:1:2',
      'localhost/',
      'localhost\\',
      'local host',
      'localhost,x',
      '..',
      '.',
      'localhost..',
    ],
  ]
  for (const host of foreign) assert.ok(!at(host), host)
})

test('a request without a host is answered: it comes from no browser', () => {
  assert.equal(whyRefused(allowed, { target: '/health', headers: {} }), null)
})

test('the host in the first line counts too', () => {
  assert.ok(at('localhost', {}, 'http://localhost:4566/health'))
  for (const target of ['http://x/health', 'HTTP://x', 'http://localhost@x/', 'http:///health'])
    assert.ok(!at('localhost', {}, target), target)
})

test('a page of another site is not answered, also under a right host', () => {
  for (const site of ['cross-site', 'same-site', 'new']) assert.ok(!at('localhost', { 'sec-fetch-site': site }), site)
  for (const site of ['same-origin', 'none']) assert.ok(at('localhost', { 'sec-fetch-site': site }), site)
  for (const origin of ['null', 'https://example.org', 'http://localhost.example.org', 'x', ''])
    assert.ok(!at('localhost', { origin }), origin)
  for (const origin of ['http://localhost:4566', 'https://cache.example.org']) assert.ok(at('localhost', { origin }), origin)
})

test('a refusal says what was expected and what was found', () => {
  assert.equal(
    whyRefused(allowed, { target: '/health', headers: { host: 'x.example.org' } }),
    'Expected the host localhost, a loopback address or one of LARDER_ALLOWED_HOSTS, found x.example.org.',
  )
})

test('a setting that holds no names is refused', () => {
  for (const setting of ['http://a', 'a b', 'a:80', '*', '*.example.org', 'a/b'])
    assert.throws(
      () => allowedHosts('127.0.0.1', setting),
      (error: unknown) => error instanceof LarderError && error.code === 'usage' && error.message.endsWith(`found ${setting}`),
    )
  assert.deepEqual([...allowedHosts('127.0.0.1', ' ,, ').names], ['127.0.0.1'])
  assert.ok(allowedHosts('::1', '').names.has('[::1]'))
})
