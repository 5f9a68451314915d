import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ruleXml } from '../api/services/ec2/permissions.ts'
import { byPorts, rulesIn, ruleText } from './allow-text.ts'

test('rules are read out of an answer, and told with the services that listen at their ports', () => {
  const one = { id: 'sgr-1', protocol: 'tcp', from: 6379, to: 6379, source: { cidr: '10.0.0.0/8' } } as const
  const rules = [
    one,
    { ...one, id: 'sgr-2', from: 7000, to: 7010, source: { cidr: '127.0.0.1/32' }, description: 'the <app>' },
    { ...one, id: 'sgr-3', protocol: '-1', from: -1, to: -1, source: { group: 'sg-11111111' } },
    { ...one, id: 'sgr-4', from: 11_211, to: 11_211, source: { cidr: '0.0.0.0/0' }, tags: [{ key: 'a', value: 'b' }] },
    { ...one, id: 'sgr-5', source: { cidr6: '::/0' } },
    { ...one, id: 'sgr-6', protocol: 'udp', from: 53, to: 53 },
    { ...one, id: 'sgr-7', protocol: '-1', from: -1, to: -1, source: { prefixList: 'pl-12345678' } },
  ] as const
  const place = { region: 'us-east-1', account: '0' }
  const items = rules.map((rule) => `<item>${ruleXml({ groupId: 'sg-2', rule, egress: false }, place)}</item>`)
  const out = `<item>${ruleXml({ groupId: 'sg-2', rule: one, egress: true }, place)}</item>`
  assert.deepEqual(
    rulesIn(`<securityGroupRuleSet>${items.join('')}${out}</securityGroupRuleSet>`).map((rule) =>
      ruleText(rule).replace(/ +/g, ' '),
    ),
    [
      '6379 (redis, valkey) from 10.0.0.0/8',
      '7000-7010 from 127.0.0.1',
      'every port from members of sg-11111111',
      '11211 (memcached) from everybody',
      '6379 (redis, valkey) from everybody by IPv6 (tcp; without effect: caches take TCP by IPv4)',
      '53 from 10.0.0.0/8 (udp; without effect: caches take TCP by IPv4)',
      'every port from pl-12345678 (every protocol; without effect: caches take TCP by IPv4)',
    ],
  )
})

test('rules are shown in the order of ports', () => {
  const rule = (from: number, to: number, source = '10.0.0.0/8') => ({ from, to, source })
  const sorted = [rule(22, 22), rule(80, 80), rule(80, 443), rule(11_211, 11_211), rule(11_211, 11_211, '127.0.0.1/32')]
  assert.deepEqual([rule(-1, -1), ...sorted].toReversed().toSorted(byPorts), [rule(-1, -1), ...sorted])
})
