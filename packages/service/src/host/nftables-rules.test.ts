import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LarderError } from '../errors.ts'
import { parseListing, removalText, tableText } from './nftables-rules.ts'

const at = (address: string, port = 6379) => ({ address, port })

test('a reader of several replicas takes them in turn, one replica gets all, and none refuses', () => {
  const text = tableText('larder_1', [
    { endpoint: at('127.64.0.1'), backends: [at('127.65.0.1'), at('127.66.0.1'), at('127.67.0.1')] },
    { endpoint: at('127.64.0.2', 7000), backends: [at('127.65.0.2', 7000)] },
    { endpoint: at('127.64.0.3'), backends: [] },
  ])
  assert.deepEqual(
    text
      .split('\n')
      .filter((line) => line.includes('daddr'))
      .map((line) => line.trim().replace('tcp flags & (fin | syn | rst | ack) == syn ', '')),
    [
      'ip daddr 127.64.0.1 tcp dport 6379 dnat to numgen inc mod 3 map { 0 : 127.65.0.1 . 6379, 1 : 127.66.0.1 . 6379, 2 : 127.67.0.1 . 6379 }',
      'ip daddr 127.64.0.2 tcp dport 7000 dnat to 127.65.0.2:7000',
      'ip daddr 127.64.0.3 tcp dport 6379 ct state new reject with tcp reset',
    ],
  )
  assert.ok(text.startsWith(removalText('larder_1')), 'what was there before goes in the same transaction')
})

test('without a rule there is no table', () => {
  assert.equal(tableText('larder_1', []), removalText('larder_1'))
})

test('what is not an address or not a port never reaches the packet filter', () => {
  for (const endpoint of [
    at('127.0.0.1; flush ruleset'),
    at('localhost'),
    at('::1'),
    at('127.0.0.1', 0),
    at('127.0.0.1', 70_000),
    at('127.0.0.1', 1.5),
  ]) {
    assert.throws(() => tableText('larder_1', [{ endpoint, backends: [] }]), LarderError)
    assert.throws(() => tableText('larder_1', [{ endpoint: at('127.64.0.1'), backends: [endpoint] }]), LarderError)
  }
})

test('a listing that holds other rules than those of Larder is refused', () => {
  const json = JSON.stringify({ nftables: [{ metainfo: {} }, { rule: { chain: 'readers', expr: [{ counter: {} }] } }] })
  assert.throws(() => parseListing(json), LarderError)
})
