import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { checkMachine } from './machine.ts'
import * as checks from './machine-checks.ts'
import { listenNamed } from './testing.ts'

test('every check of this machine says what was found and what follows, and a fault how to mend it', async () => {
  const all = await checkMachine(tmpdir(), ['nft'])
  assert.equal(new Set(all.map((check) => check.name)).size, all.length)
  for (const check of all) {
    assert.ok(check.found.length > 5 && check.follows.length > 5, check.name)
    assert.equal(check.mend === null, check.ok, `${check.name}: ${check.found}`)
  }
  assert.ok(all.find((check) => check.name === 'loopback addresses')?.ok, 'tests need loopback addresses too')
})

test('without nft the check says what to install, and otherwise how to be allowed to use it', () => {
  const refused = { ok: false, reason: 'may not' } as const
  assert.equal(checks.nftablesCheck(refused, null, 0).mend, 'apt-get install nftables')
  assert.match(checks.nftablesCheck(refused, ['nft'], 1000).mend ?? '', /^sudo setpriv .*net_admin/)
  assert.match(checks.nftablesCheck(refused, ['nft'], 0).mend ?? '', /CAP_NET_ADMIN/)
  assert.equal(checks.nftablesCheck({ ok: true }, ['nft'], 0).ok, true)
  assert.equal(checks.securityGroupsCheck(null, false).ok, true)
  assert.match(checks.securityGroupsCheck('no nft', false).follows, /are refused/)
  assert.match(checks.securityGroupsCheck(null, true).follows, /every process of this machine can connect/)
})

test('a limit of open files is told as the number of clients that fit', () => {
  const limits = (soft: string, hard: string): string =>
    `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${soft}   ${hard}   files\n`
  assert.match(checks.openFilesCheck(limits('1024', '4096')).follows, /at most 4064 clients/)
  assert.equal(checks.openFilesCheck(limits('1024', '65032')).ok, true)
  assert.equal(checks.openFilesCheck(limits('1024', '65031')).ok, false)
  assert.equal(checks.openFilesCheck(limits('1024', 'unlimited')).ok, true)
})

test('settings that hurt are faults, others are not', () => {
  assert.equal(checks.overcommitCheck('1\n').ok, true)
  assert.equal(checks.overcommitCheck('0\n').ok, false)
  assert.equal(checks.hugePagesCheck('[always] madvise never\n').ok, false)
  assert.equal(checks.hugePagesCheck('always [madvise] never\n').ok, true)
  assert.equal(checks.backlogCheck('128\n').ok, false)
  assert.equal(checks.backlogCheck('4096\n').ok, true)
  assert.equal(checks.trackingCheck('1024\n', true).ok, false)
  assert.equal(checks.trackingCheck('1024\n', false).ok, true)
  assert.equal(checks.diskCheck('/home', 5e8).ok, false)
  assert.equal(checks.diskCheck('/home', 5e9).ok, true)
  assert.equal(checks.memoryCheck(2e9, 5e8).ok, false)
  assert.equal(checks.kernelCheck('4.15.0-1').ok, false)
  assert.equal(checks.kernelCheck('6.1.0-28-amd64').ok, true)
  assert.equal(checks.loopbackCheck(['127.64.0.1'], { '127.64.0.1': 'EADDRNOTAVAIL' }).ok, false)
})

test('what cannot be read is said and is no fault', () => {
  for (const check of [
    checks.overcommitCheck(null),
    checks.hugePagesCheck(null),
    checks.backlogCheck(null),
    checks.openFilesCheck(null),
  ]) {
    assert.equal(check.ok, true)
    assert.match(check.found, /cannot be read/)
  }
})

test('a listener on all addresses takes its port from every node, one on a single address does not', async () => {
  const tables = (): readonly string[] => ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFileSync(path, 'utf8'))
  await using one = await listenNamed('127.0.0.1', 0)
  await using four = await listenNamed('0.0.0.0', 0)
  const six = createServer()
  await new Promise<void>((resolve) => six.listen(0, '::', resolve))
  try {
    const [single, all, both] = [one, four, six].map((server) => (server.address() as { port: number }).port)
    assert.ok(single !== undefined && all !== undefined && both !== undefined)
    assert.deepEqual(checks.listenersOnAll(tables(), [single, all, both]), [all, both])
    assert.match(checks.listenersCheck([all], [all]).follows, /cannot be created/)
    assert.equal(checks.listenersCheck([], [all]).ok, true)
  } finally {
    six.close()
  }
})
