import assert from 'node:assert/strict'
import { isIPv6 } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { network6Of } from './ipv6.ts'

test('a network of IPv6 is kept without the bits of hosts, in its short form', () => {
  const kept: readonly (readonly [string, string])[] = [
    ['::/0', '::/0'],
    ['2001:DB8::1/32', '2001:db8::/32'],
    ['2001:db8:0:0:1:0:0:1/128', '2001:db8::1:0:0:1/128'],
    ['2001:db8:1:2:3:4:5:6/64', '2001:db8:1:2::/64'],
    ['2001:db8:1:2:3:4:5:6/127', '2001:db8:1:2:3:4:5:6/127'],
    ['fe80::ffff/9', 'fe80::/9'],
    ['::ffff:10.0.0.1/128', '::ffff:a00:1/128'],
    ['1::/16', '1::/16'],
    ['0:1:0:1:0:1:0:1/128', '0:1:0:1:0:1:0:1/128'],
  ]
  for (const [text, network] of kept) assert.equal(network6Of(text), network, text)
})

test('what is no network of IPv6 is told from one', () => {
  const wrong = [
    '',
    '::',
    '::/129',
    '::/-1',
    '1::2::3/64',
    ':::/0',
    '1:2:3:4:5:6:7/64',
    '1:2:3:4:5:6:7:8:9/64',
    '::g/64',
    '::12345/64',
  ]
  for (const text of [...wrong, '10.0.0.0/8', '::/0/0', '::1.2.3.256/128', '1:2:3:4:5:6:7::8/64x', '::/ 0'])
    assert.equal(network6Of(text), null, text)
})

test('every address of IPv6 is one, and what is kept stays as it is', () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.integer({ min: 0, max: 128 }), (address, length) => {
      const network = network6Of(`${address}/${length}`)
      assert.ok(network !== null && isIPv6(network.split('/')[0] ?? ''), `${address}/${length}`)
      assert.equal(network6Of(network), network)
    }),
  )
})
