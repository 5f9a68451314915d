import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupKind, GroupSpec, GroupState, NodeState } from '../model/group.ts'
import {
  defaultSecurityGroup,
  defaultSecurityGroupId,
  type RuleSource,
  type SecurityGroupRecord,
  type SecurityGroupRule,
} from '../model/security-groups.ts'
import { groupSpec, region } from '../testing/fixtures.ts'
import { decideFirewall } from './firewall.ts'

const everyone = '0.0.0.0/0'
let rules = 0

const rule = (source: RuleSource, from = -1, to = from): SecurityGroupRule => {
  rules += 1
  return { id: `sgr-${rules}`, protocol: from < 0 ? '-1' : 'tcp', from, to, source }
}

const securityGroup = (id: string, ...ingress: readonly SecurityGroupRule[]): SecurityGroupRecord => ({
  region,
  id,
  name: id,
  description: id,
  ingress,
  egress: [],
  tags: [],
})

const withGroups = (id: string, kind: GroupKind, securityGroupIds: readonly string[]): GroupSpec => {
  const spec = groupSpec(id, kind, 1, 2)
  return { ...spec, labels: { ...spec.labels, securityGroupIds } }
}

/** Nodes at `127.65.<third>.1` and `.2`, the first endpoint at `127.64.<third>.1`. */
const stateOf = (spec: GroupSpec, third: number): GroupState => {
  const nodes = spec.shards.flatMap((shard) => shard.nodes)
  const endpoint = { address: `127.64.${third}.1`, port: spec.port }
  return {
    ...{ region: spec.region, space: spec.space, id: spec.id, status: 'available', reason: null, generation: 1, shards: {} },
    nodes: Object.fromEntries(
      nodes.map(({ id }, index) => [id, { id, address: `127.65.${third}.${index + 1}`, port: spec.port } as NodeState]),
    ),
    primaryEndpoint: spec.kind === 'cmd' ? endpoint : null,
    readerEndpoint: spec.kind === 'cmd' ? { ...endpoint, address: `127.64.${third}.2` } : null,
    configurationEndpoint: spec.kind === 'cmd' ? null : endpoint,
    discoveryVersion: 0,
    discoveryNodes: [],
  }
}

const decide = (specs: readonly GroupSpec[], securityGroups: readonly SecurityGroupRecord[]) =>
  decideFirewall({ specs, states: specs.map((spec, index) => stateOf(spec, index + 1)), securityGroups, cacheSecurityGroups: [] })

test('whom everybody may reach is not guarded: the default group as it comes, and rules for everyone at the port', () => {
  assert.deepEqual(decide([withGroups('a', 'cmd', [])], []), [])
  assert.deepEqual(decide([withGroups('a', 'cmd', ['sg-1'])], [securityGroup('sg-1', rule({ cidr: everyone }))]), [])
  const atPort = [securityGroup('sg-1', rule({ cidr: everyone }, 6000, 7000))]
  assert.deepEqual(decide([withGroups('a', 'cmd', ['sg-1'])], atPort), [])
  // Not so where the nodes listen to each other at another port too.
  assert.equal(decide([withGroups('a', 'cme', ['sg-1'])], atPort).length, 1)
  assert.equal(decide([withGroups('a', 'memcached', ['sg-1'])], atPort).length, 1)
})

test('the bus of a sharded group is for its members alone: where everybody may reach the group only as far as that can be had', () => {
  const [open] = decide([withGroups('a', 'cme', [])], [])
  assert.deepEqual([open?.bus, open?.optional], [16_379, true])
  assert.deepEqual(open?.allows, [{ ports: null, networks: [everyone], nodes: [] }])
  const [restricted] = decide([withGroups('a', 'cme', ['sg-1'])], [securityGroup('sg-1', rule({ cidr: '10.0.0.0/8' }))])
  assert.deepEqual([restricted?.bus, restricted?.optional], [16_379, undefined])
})

test('all addresses of a group are guarded, and the rules of all its security groups are taken together', () => {
  const [guard, ...more] = decide(
    [withGroups('a', 'cmd', ['sg-1', 'sg-2'])],
    [
      securityGroup('sg-1', rule({ cidr: '10.0.0.0/8' }, 6379), rule({ cidr: '10.1.0.0/16' }, 6379)),
      securityGroup(
        'sg-2',
        rule({ cidr: '127.0.0.1/32' }),
        rule({ cidr: '127.0.0.2/32' }, 0, 65_535),
        rule({ cidr: '192.168.0.0/16' }, 6379),
      ),
    ],
  )
  assert.deepEqual(more, [])
  assert.deepEqual(guard, {
    group: 'us-east-1/rg/a',
    addresses: ['127.64.1.1', '127.64.1.2', '127.65.1.1', '127.65.1.2'],
    allows: [
      { ports: null, networks: ['127.0.0.1/32', '127.0.0.2/32'], nodes: [] },
      { ports: { from: 6379, to: 6379 }, networks: ['10.0.0.0/8', '192.168.0.0/16'], nodes: [] },
    ],
  })
})

test('a security group as source is the nodes of all groups that have it, the default group too', () => {
  const usual = defaultSecurityGroupId(region)
  const guards = decide(
    [withGroups('a', 'cmd', ['sg-1']), withGroups('b', 'cmd', ['sg-2']), withGroups('c', 'single', [])],
    [
      securityGroup('sg-1', rule({ group: 'sg-2' }, 6379), rule({ group: usual }, 6379), rule({ cidr: '127.65.3.0/24' }, 6379)),
      securityGroup('sg-2', rule({ cidr: everyone })),
    ],
  )
  assert.deepEqual(
    guards.map(({ group, allows }) => [group, allows]),
    [['us-east-1/rg/a', [{ ports: { from: 6379, to: 6379 }, networks: ['127.65.3.0/24'], nodes: ['127.65.2.1', '127.65.2.2'] }]]],
  )
})

test('without a rule, and where the security group is unknown, nobody is let in', () => {
  for (const records of [[securityGroup('sg-1')], []]) {
    const [guard] = decide([withGroups('a', 'cmd', ['sg-1'])], records)
    assert.deepEqual(guard?.allows, [])
  }
})

test('the default group guards those that name none as soon as it no longer lets everybody in', () => {
  const usual = defaultSecurityGroup(region)
  const closed = { ...usual, ingress: usual.ingress.filter(({ source }) => 'group' in source) }
  const guards = decide([withGroups('a', 'cmd', []), withGroups('b', 'memcached', [])], [closed])
  assert.deepEqual(
    guards.map(({ group, allows }) => [group, allows.flatMap(({ nodes }) => nodes)]),
    ['us-east-1/cc/b', 'us-east-1/rg/a'].map((name) => [name, ['127.65.1.1', '127.65.1.2', '127.65.2.1', '127.65.2.2']]),
  )
})

test('a group without addresses has nothing to guard, and groups of another region do not meet', () => {
  const spec = withGroups('a', 'cmd', ['sg-1'])
  assert.deepEqual(decideFirewall({ specs: [spec], states: [], securityGroups: [], cacheSecurityGroups: [] }), [])
  const elsewhere: GroupSpec = { ...withGroups('b', 'cmd', ['sg-1']), region: 'us-east-2' }
  const [guard] = decide([spec, elsewhere], [securityGroup('sg-1', rule({ group: 'sg-1' }))])
  assert.deepEqual(guard?.allows, [{ ports: null, networks: [], nodes: ['127.65.1.1', '127.65.1.2'] }])
})

test('a cache security group lets in, at every port, whoever has the security groups that it names', () => {
  const spec = withGroups('a', 'memcached', [])
  const old: GroupSpec = { ...spec, labels: { ...spec.labels, cacheSecurityGroupNames: ['old', 'gone'] } }
  const specs = [old, withGroups('b', 'cmd', ['sg-1'])]
  const app = { ...securityGroup('sg-2'), tags: [{ key: 'larder:members', value: '127.1.2.3  10.1.2.3/8' }] }
  const [guard] = decideFirewall({
    specs,
    states: specs.map((each, index) => stateOf(each, index + 1)),
    securityGroups: [securityGroup('sg-1', rule({ cidr: everyone })), app],
    cacheSecurityGroups: [{ region, name: 'old', description: '', allowed: ['sg-1', 'sg-2'], tags: [] }],
  })
  assert.equal(guard?.group, 'us-east-1/cc/a')
  assert.deepEqual(guard.allows, [{ ports: null, networks: ['10.0.0.0/8', '127.1.2.3/32'], nodes: ['127.65.2.1', '127.65.2.2'] }])
})

test('rules of another protocol, of IPv6 and of prefix lists let nobody in, and leave the others as they are', () => {
  const idle: readonly SecurityGroupRule[] = [
    rule({ cidr6: '::/0' }),
    rule({ cidr6: '::/0' }, 6379),
    rule({ prefixList: 'pl-12345678' }),
    ...['udp', 'icmp', 'icmpv6', '50'].map((protocol) => ({ ...rule({ cidr: everyone }, 6379), protocol })),
    { ...rule({ group: 'sg-1' }, 6379), protocol: 'udp' },
  ]
  const one = rule({ cidr: '10.0.0.0/8' }, 6379)
  const with1 = [withGroups('a', 'cmd', ['sg-1'])]
  for (const each of idle) {
    const [guard] = decide(with1, [securityGroup('sg-1', each)])
    assert.deepEqual(guard?.allows, [], JSON.stringify(each))
  }
  assert.deepEqual(decide(with1, [securityGroup('sg-1', ...idle, one)]), decide(with1, [securityGroup('sg-1', one)]))
})
