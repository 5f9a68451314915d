/** Rules that a home left in the kernel are removed by the home that has its addresses now, and by no other. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { lastBlock } from '../model/addresses.ts'
import type { Guard } from '../ports/firewall.ts'
import { guardText } from './firewall-rules.ts'
import { decidedAddresses, removeFormerTables } from './former-tables.ts'
import { applyRules, listTables } from './nftables.ts'
import { removalText, tableText } from './nftables-rules.ts'
import { canUseNftables } from './nftables-try.ts'
import { nft } from './testing.ts'

const capability = await canUseNftables(nft)
const skip = capability.ok ? false : `needs nftables: ${capability.reason}`
/** Of a machine with 47 homes; no other test has it. */
const block = { first: lastBlock }
const nameOf = (suffix = ''): string => `larder_${randomBytes(4).toString('hex')}${suffix}`

const guardsOf = (addresses: readonly string[], sources: readonly string[] = ['10.0.0.0/8']): readonly Guard[] => [
  { group: 'us-east-1/rg/a', addresses, allows: [{ ports: null, networks: sources, nodes: [] }], bus: 16_379 },
]

test('only the addresses that a rule decides about are taken out of a listing', () => {
  const listing = `table ip larder_0a1b2c3d_guard {
	chain group0 {
		ip saddr { 127.252.0.9, 127.252.0.10 } accept
		ip saddr 10.0.0.0/8 tcp dport 6379 accept
		reject with icmp type admin-prohibited
	}
	chain arriving {
		type filter hook input priority filter; policy accept;
		tcp flags syn / fin,syn,rst,ack ip daddr vmap { 127.64.0.1 : goto group0, 127.65.0.1 : goto group0,
							 127.66.0.1 : goto group0 }
		ip daddr 127.67.0.1 tcp dport 6379 dnat to numgen inc mod 2 map { 0 : 127.252.1.1 . 6379, 1 : 127.252.1.2 . 6379 }
		ip daddr { 127.64.0.5, 127.64.0.6 } tcp dport 6379 reject
	}
}`
  assert.deepEqual(decidedAddresses(listing), [
    '127.64.0.1',
    '127.65.0.1',
    '127.66.0.1',
    '127.67.0.1',
    '127.64.0.5',
    '127.64.0.6',
  ])
})

test('tables of homes that had the addresses before go; those of other homes and of other programs stay', { skip }, async () => {
  assert.ok(nft)
  const at = (network: number, last: number): string => `127.${network}.77.${last}`
  const inside = [at(252, 1), at(253, 1), at(254, 9)]
  const tables = {
    guards: { name: nameOf('_guard'), text: (name: string) => guardText(name, guardsOf(inside), 0), goes: true },
    'guards one': { name: nameOf('_guard'), text: (name: string) => guardText(name, guardsOf([at(255, 4)]), 0), goes: true },
    balances: {
      name: nameOf(),
      text: (name: string) =>
        tableText(name, [{ endpoint: { address: at(252, 2), port: 6379 }, backends: [{ address: at(253, 2), port: 6379 }] }]),
      goes: true,
    },
    'is its own': { name: nameOf('_guard'), text: (name: string) => guardText(name, guardsOf(inside), 0), goes: false },
    'of another home, which lets this one in': {
      name: nameOf('_guard'),
      text: (name: string) => guardText(name, guardsOf([at(248, 1)], ['127.252.0.0/14']), 0),
      goes: false,
    },
    'of two homes': {
      name: nameOf('_guard'),
      text: (name: string) => guardText(name, guardsOf([at(248, 1), at(252, 1)]), 0),
      goes: false,
    },
    'of another program': {
      name: `other_${randomBytes(4).toString('hex')}`,
      text: (name: string) => guardText(name, guardsOf(inside), 0),
      goes: false,
    },
    empty: { name: nameOf(), text: (name: string) => `table ip ${name} {\n}\n`, goes: false },
  }
  const all = Object.entries(tables)
  try {
    for (const [, { name, text }] of all) await applyRules(nft, text(name))
    const said: string[] = []
    const removed = await removeFormerTables(nft, {
      block,
      own: [tables['is its own'].name],
      log: (level, text) => said.push(`${level} ${text}`),
    })
    const left = await listTables(nft)
    for (const [what, { name, goes }] of all) assert.equal(left.includes(name), !goes, what)
    assert.deepEqual([...removed].sort(), all.flatMap(([, { name, goes }]) => (goes ? [name] : [])).sort())
    assert.equal(said.length, removed.length)
    assert.match(said[0] ?? '', /^warn rules of a home that is no longer there/)
  } finally {
    for (const [, { name }] of all) await applyRules(nft, removalText(name))
  }
})
