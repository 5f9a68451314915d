import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LarderError } from '../errors.ts'
import type { Guard } from '../ports/firewall.ts'
import { guardText } from './firewall-rules.ts'
import { removalText } from './nftables-rules.ts'

const guard: Guard = {
  group: 'us-east-1/rg/a',
  addresses: ['127.64.0.1', '127.65.0.1'],
  allows: [
    { ports: null, networks: ['127.0.0.1/32'], nodes: [] },
    { ports: { from: 6379, to: 6380 }, networks: ['10.0.0.0/8'], nodes: ['127.65.0.9'] },
  ],
}

test('members and sources that are allowed are let in, all others refused; nobody else speaks from the address of a node', () => {
  const text = guardText('larder_1_guard', [guard, { ...guard, addresses: ['127.65.0.2'], allows: [] }], 1000)
  assert.ok(text.startsWith(removalText('larder_1_guard')), 'what was there before goes in the same transaction')
  assert.deepEqual(
    text
      .split('\n')
      .map((line) => line.trim().replace('tcp flags & (fin | syn | rst | ack) == syn ', ''))
      .filter((line) => line.startsWith('ip ') || line.startsWith('reject')),
    [
      'ip saddr { 127.64.0.1, 127.65.0.1 } accept',
      'ip saddr { 127.0.0.1/32 } accept',
      'ip saddr { 10.0.0.0/8, 127.65.0.9 } tcp dport 6379-6380 accept',
      'reject with icmp type admin-prohibited',
      'ip saddr { 127.65.0.2 } accept',
      'reject with icmp type admin-prohibited',
      'ip daddr vmap { 127.64.0.1 : goto group0, 127.65.0.1 : goto group0, 127.65.0.2 : goto group1 }',
      'ip saddr { 127.64.0.1, 127.65.0.1, 127.65.0.9, 127.65.0.2 } meta skuid != 1000 reject with icmp type admin-prohibited',
    ],
  )
})

test('the bus is closed to all but members before anything is allowed', () => {
  const text = guardText(
    'larder_1_guard',
    [{ ...guard, allows: [{ ports: null, networks: ['0.0.0.0/0'], nodes: [] }], bus: 16_379 }],
    0,
  )
  const [, chain = ''] = /chain group0 \{\n([^}]*\}[^}]*\}[^}]*)\}/.exec(text) ?? []
  assert.deepEqual(
    chain
      .trim()
      .split('\n')
      .map((line) => line.trim()),
    [
      'ip saddr { 127.64.0.1, 127.65.0.1 } accept',
      'tcp dport 16379 reject with icmp type admin-prohibited',
      'ip saddr { 0.0.0.0/0 } accept',
      'reject with icmp type admin-prohibited',
    ],
  )
  assert.throws(() => guardText('larder_1', [{ ...guard, bus: 70_000 }], 0), LarderError)
})

test('without a guard there is no table', () => {
  assert.equal(guardText('larder_1_guard', [], 0), removalText('larder_1_guard'))
})

test('what is no address, no network, no port or no user never reaches the packet filter', () => {
  const evil = '127.0.0.1; flush ruleset'
  const wrong: readonly Partial<Guard>[] = [
    { addresses: [evil] },
    { addresses: ['::1'] },
    { allows: [{ ports: null, networks: [evil], nodes: [] }] },
    { allows: [{ ports: null, networks: ['10.0.0.0/33'], nodes: [] }] },
    { allows: [{ ports: null, networks: ['10.0.0.0'], nodes: [] }] },
    { allows: [{ ports: null, networks: [], nodes: [evil] }] },
    { allows: [{ ports: { from: 1.5, to: 2 }, networks: ['10.0.0.0/8'], nodes: [] }] },
    { allows: [{ ports: { from: 1, to: 65_536 }, networks: ['10.0.0.0/8'], nodes: [] }] },
  ]
  for (const part of wrong) assert.throws(() => guardText('larder_1', [{ ...guard, ...part }], 0), LarderError)
  for (const user of [-1, 1.5, Number.NaN]) assert.throws(() => guardText('larder_1', [guard], user), LarderError)
})
