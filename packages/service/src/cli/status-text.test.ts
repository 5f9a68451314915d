import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import type { GroupReport, NodeReport } from '../observe/report.ts'
import { environmentOf, exportLines } from './environment.ts'
import { bytesText, statusText } from './status-text.ts'

const node = (id: string, changes: Partial<NodeReport> = {}): NodeReport => ({
  id,
  role: 'replica',
  status: 'available',
  zone: 'us-east-1a',
  address: '127.65.0.1',
  port: 6379,
  pid: 12,
  engine: 'valkey',
  version: '9.1.2',
  memoryBytes: 2 * 1024 ** 2,
  maxMemoryBytes: 1024 ** 3,
  lagBytes: 0,
  clients: 1,
  maxClients: 65_000,
  ...changes,
})

const group = (changes: Partial<GroupReport> = {}): GroupReport => ({
  id: 'shop',
  region: 'us-east-1',
  kind: 'cmd',
  status: 'available',
  reason: null,
  tls: false,
  security: null,
  nodeType: 'cache.t4g.small',
  endpoints: { primary: { address: '127.64.0.1', port: 6379 }, reader: null, configuration: null },
  shards: [{ id: '0001', slots: [], nodes: [node('shop-001', { role: 'primary' }), node('shop-002')] }],
  ...changes,
})

const plain = (...groups: readonly GroupReport[]): string => statusText({ groups }, { colour: false })

test('a group is a heading, its endpoints, and a line for each node, in columns', () => {
  assert.equal(
    plain(group()),
    `shop  available  valkey 9.1.2, replication group, cache.t4g.small, us-east-1
│  primary 127.64.0.1:6379
├─ shop-001  primary  available  us-east-1a  127.65.0.1:6379  pid 12  2.0 MiB of 1.0 GiB
└─ shop-002  replica  available  us-east-1a  127.65.0.1:6379  pid 12  2.0 MiB of 1.0 GiB  in sync
`,
  )
})

test('a version that another engine serves stands with the one that runs', () => {
  const [served] = plain(group({ engineVersion: '9.0.0' })).split('\n')
  assert.equal(served, 'shop  available  valkey 9.0.0, served by 9.1.2, replication group, cache.t4g.small, us-east-1')
  const [itself] = plain(group({ engineVersion: '9.1.2' })).split('\n')
  assert.equal(itself, 'shop  available  valkey 9.1.2, replication group, cache.t4g.small, us-east-1')
  const nodes = [node('shop-001', { role: 'primary' }), node('shop-002', { version: '9.1.3' })]
  const [moving] = plain(group({ engineVersion: '9.1.2', shards: [{ id: '0001', slots: [], nodes }] })).split('\n')
  assert.match(moving ?? '', /^shop {2}available {2}valkey 9\.1\.2, served by 9\.1\.2 and 9\.1\.3, /)
})

test('an engine without security fixes is told, with what mends it', () => {
  const nodes = [node('shop-001', { role: 'primary', version: '8.0.1' })]
  const lines = plain(group({ engineVersion: '8.0.1', shards: [{ id: '0001', slots: [], nodes }] })).split('\n')
  assert.match(lines[1] ?? '', /^│ {2}valkey 8\.0\.1 gets no security fixes any more: .*EngineVersion 8\.1$/)
  assert.ok(!plain(group()).includes('security fixes'))
})

test('how clients come in stands behind the region', () => {
  const [heading] = plain(group({ security: 'TLS, user group team' })).split('\n')
  assert.equal(heading, 'shop  available  valkey 9.1.2, replication group, cache.t4g.small, us-east-1, TLS, user group team')
})

test('shards of a sharded group stand with their slots, and the tree ends where it ends', () => {
  const shards = [
    { id: '0001', slots: [[0, 8191]] as const, nodes: [node('s-0001-001'), node('s-0001-002')] },
    {
      id: '0002',
      slots: [
        [8192, 16382],
        [16383, 16383],
      ] as const,
      nodes: [node('s-0002-001')],
    },
  ]
  const lines = plain(group({ kind: 'cme', shards })).split('\n')
  assert.deepEqual(
    lines.slice(2, -1).map((line) => line.slice(0, 40).split('  replica')[0]),
    [
      '├─ shard 0001  slots 0-8191',
      '│  ├─ s-0001-001',
      '│  └─ s-0001-002',
      '└─ shard 0002  slots 8192-16382,16383',
      '   └─ s-0002-001',
    ],
  )
})

test('what is wrong is said: the reason, a node that does not run, a replica that is behind or not in sync', () => {
  const nodes = [
    node('a', { status: 'not running', pid: null, memoryBytes: null, lagBytes: null }),
    node('b', { lagBytes: 3_000 }),
    node('c', { lagBytes: null, address: null }),
  ]
  const text = plain(group({ status: 'modifying', reason: 'no space is left', shards: [{ id: '0001', slots: [], nodes }] }))
  for (const part of ['│  no space is left', 'not running', 'pid 12', ' -  ', 'lag 2.9 KiB', 'not in sync', 'no address yet'])
    assert.ok(text.includes(part), part)
})

test('colours change no letter, and stand only where they are wanted', () => {
  const reports = [group(), group({ status: 'create-failed', reason: 'x' })]
  const coloured = statusText({ groups: reports }, { colour: true })
  assert.notEqual(coloured, plain(...reports))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of colours begin with one
  assert.equal(coloured.replaceAll(/\u001b\[\d+m/g, ''), plain(...reports))
})

test('a home without groups tells what to do', () => {
  assert.match(plain(), /larder aws elasticache/)
})

test('numbers of bytes have three digits at most', () => {
  const cases = [
    [0, '0 B'],
    [1_023, '1023 B'],
    [1_024, '1.0 KiB'],
    [150 * 1024, '150 KiB'],
    [1.5 * 1024 ** 3, '1.5 GiB'],
    [5_000 * 1024 ** 4, '5000 TiB'],
  ] as const
  for (const [bytes, text] of cases) assert.equal(bytesText(bytes), text)
})

test('what larder env prints gives a shell exactly the values, whatever they hold', () => {
  const access = { url: 'http://127.0.0.1:4566', accessKeyId: 'AKIA', secretAccessKey: `a'b $(date) "c" \\`, region: 'us-east-1' }
  const script = `${exportLines(access)}printf '%s\\n' "$AWS_ENDPOINT_URL" "$AWS_SECRET_ACCESS_KEY" "$AWS_DEFAULT_REGION" "\${AWS_PROFILE-none}"`
  const said = execFileSync('sh', ['-c', script], { encoding: 'utf8', env: { PATH: process.env['PATH'], AWS_PROFILE: 'other' } })
  assert.deepEqual(said.trimEnd().split('\n'), [access.url, access.secretAccessKey, access.region, 'none'])
  assert.equal(environmentOf(access)['AWS_ACCESS_KEY_ID'], 'AKIA')
})

test('settings without an effect stand below the heading, and what encryption at rest comes to at the end', () => {
  const lines = statusText(
    { groups: [group({ withoutEffect: ['AtRestEncryptionEnabled', 'SnapshotRetentionLimit=5'] })], atRest: 'It covers nothing' },
    { colour: false },
  ).split('\n')
  assert.equal(lines[1], '│  without effect yet: AtRestEncryptionEnabled, SnapshotRetentionLimit=5')
  assert.deepEqual(lines.slice(-3), ['', 'It covers nothing.', ''])
})
