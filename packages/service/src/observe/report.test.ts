import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LarderError } from '../errors.ts'
import type { GroupState, NodeState } from '../model/group.ts'
import { specKey, stateKey } from '../model/keys.ts'
import { type HomeVolume, unknownVolume } from '../model/without-effect.ts'
import type { EngineStatus } from '../ports/engine.ts'
import { put } from '../ports/records.ts'
import { createMemoryStore } from '../store/memory.ts'
import { groupSpec } from '../testing/fixtures.ts'
import { createLog } from './log.ts'
import { metricsText } from './metrics.ts'
import { makeReport, type Probe } from './report.ts'

const spec = groupSpec('shop', 'cmd', 1, 3)

const nodeState = (id: string, address: string): NodeState => ({
  id,
  shard: '0001',
  address,
  port: 6379,
  status: 'available',
  process: { pid: 7, startTime: '1', bootId: 'b' },
  starting: false,
  engine: 'valkey',
  engineVersion: '9.1.2',
  nodeType: 'cache.t4g.small',
  parameters: {},
  parameterStatus: 'in-sync',
  rebootsDone: 0,
  clusterNodeId: null,
  joined: true,
})

const state: GroupState = {
  region: spec.region,
  space: spec.space,
  id: spec.id,
  status: 'available',
  reason: null,
  generation: 1,
  shards: { '0001': { primary: 'shop-002', epoch: 3 } },
  nodes: {
    'shop-001': nodeState('shop-001', '127.65.0.1'),
    'shop-002': nodeState('shop-002', '127.66.0.1'),
    'shop-003': nodeState('shop-003', '127.67.0.1'),
  },
  primaryEndpoint: { address: '127.64.0.1', port: 6379 },
  readerEndpoint: null,
  configurationEndpoint: null,
  discoveryVersion: 0,
  discoveryNodes: [],
}

const status = (role: 'primary' | 'replica', offset: number): EngineStatus => ({
  pid: 7,
  version: '9.1.2',
  loading: false,
  usedMemoryBytes: 1_000,
  maxMemoryBytes: 5_000,
  clients: 4,
  bound: [],
  ioThreads: 1,
  persistenceFails: false,
  cluster: null,
  replication: { role, primary: null, linkUp: true, offset, replicationId: 'r', connectedReplicas: 0 },
})

/** The primary runs, one replica is 40 bytes behind it, the other does not run. */
const probe: Probe = async (_spec, node) => {
  if (node.id === 'shop-003') return { pid: null, engine: null }
  return { pid: 7, engine: node.id === 'shop-002' ? status('primary', 1_040) : status('replica', 1_000) }
}

const reportOf = async (withState: boolean) => {
  const store = createMemoryStore()
  await store.transact([], [put(specKey(spec), spec), ...(withState ? [put(stateKey(spec), state)] : [])])
  return makeReport(store, probe, unknownVolume)
}

test('the report says who is what, where, how far behind, and who does not run', async () => {
  const { groups } = await reportOf(true)
  const nodes = groups[0]?.shards[0]?.nodes ?? []
  assert.deepEqual(
    nodes.map(({ id, role, status: word, lagBytes, pid }) => [id, role, word, lagBytes, pid]),
    [
      ['shop-001', 'replica', 'available', 40, 7],
      ['shop-002', 'primary', 'available', null, 7],
      ['shop-003', 'replica', 'not running', null, null],
    ],
  )
  assert.deepEqual(groups[0]?.endpoints, { primary: { address: '127.64.0.1', port: 6379 }, reader: null, configuration: null })
})

test('a group whose primary does not run or does not answer is not called available, whatever was written last', async () => {
  const store = createMemoryStore()
  await store.transact([], [put(specKey(spec), spec), put(stateKey(spec), state)])
  for (const pid of [null, 7]) {
    const { groups } = await makeReport(
      store,
      async (one, node) => (node.id === 'shop-002' ? { pid, engine: null } : probe(one, node)),
      unknownVolume,
    )
    assert.equal(groups[0]?.status, 'not serving')
  }
  assert.equal((await reportOf(true)).groups[0]?.status, 'available')
})

test('a group is modifying from the moment that another one is wanted', async () => {
  const store = createMemoryStore()
  await store.transact([], [put(specKey(spec), { ...spec, generation: 2 }), put(stateKey(spec), state)])
  assert.equal((await makeReport(store, probe, unknownVolume)).groups[0]?.status, 'modifying')
})

test('a node that is being removed is shown until it is gone, also one that still is primary', async () => {
  const store = createMemoryStore()
  const smaller = { ...spec, generation: 2, shards: groupSpec('shop', 'cmd', 1, 1).shards }
  await store.transact([], [put(specKey(spec), smaller), put(stateKey(spec), state)])
  const { groups } = await makeReport(store, probe, unknownVolume)
  assert.equal(groups[0]?.status, 'modifying')
  assert.deepEqual(
    groups[0]?.shards[0]?.nodes.map(({ id, role, status: word, zone, pid }) => [id, role, word, zone, pid]),
    [
      ['shop-001', 'replica', 'available', 'us-east-1a', 7],
      ['shop-002', 'primary', 'deleting', 'us-east-1b', 7],
      ['shop-003', 'replica', 'deleting', 'us-east-1c', null],
    ],
  )
})

test('nodes that were ended with the service are not called available, whatever was written last', async () => {
  const store = createMemoryStore()
  const nodes = Object.fromEntries(Object.entries(state.nodes).map(([id, node]) => [id, { ...node, process: null }]))
  await store.transact([], [put(specKey(spec), spec), put(stateKey(spec), { ...state, nodes })])
  const { groups } = await makeReport(store, async () => ({ pid: null, engine: null }), unknownVolume)
  assert.deepEqual(
    groups[0]?.shards[0]?.nodes.map((node) => node.status),
    ['not running', 'not running', 'not running'],
  )
})

test('a group that nobody has looked after yet is being created, and asks no process', async () => {
  const { groups } = await reportOf(false)
  assert.equal(groups[0]?.status, 'creating')
  assert.deepEqual(
    groups[0]?.shards[0]?.nodes.map(({ role, status: word, address, pid }) => [role, word, address, pid]),
    [
      ['primary', 'creating', null, null],
      ['replica', 'creating', null, null],
      ['replica', 'creating', null, null],
    ],
  )
})

test('metrics have one line for each node that has a value, with a help line for each metric', async () => {
  const text = metricsText(await reportOf(true))
  assert.ok(text.endsWith('\n'))
  const labels = (node: string, role: string, zone: string): string =>
    `{region="us-east-1",group="shop",shard="0001",node="${node}",role="${role}",zone="us-east-1${zone}"}`
  assert.ok(text.includes(`larder_node_up${labels('shop-002', 'primary', 'b')} 1\n`))
  assert.ok(text.includes(`larder_node_up${labels('shop-003', 'replica', 'c')} 0\n`))
  assert.ok(text.includes(`larder_node_lag_bytes${labels('shop-001', 'replica', 'a')} 40\n`))
  assert.equal(text.match(/^larder_node_memory_bytes\{/gm)?.length, 2, 'a node that does not run has no memory to tell of')
  for (const line of text.trimEnd().split('\n')) assert.match(line, /^# (HELP|TYPE) larder_\w+ .+$|^larder_\w+\{[^}]+\} \d+$/)
})

test('a log line is one line of JSON, with an error’s message and its causes', () => {
  const lines: string[] = []
  const log = createLog(
    (line) => lines.push(line),
    () => Date.UTC(2026, 0, 2),
  )
  log('warn', 'two\nlines', { error: new LarderError('machine', 'no disk', { cause: new Error('EIO') }), node: 'a' })
  assert.equal(lines.length, 1)
  assert.equal(lines[0]?.indexOf('\n'), (lines[0]?.length ?? 0) - 1)
  assert.deepEqual(JSON.parse(lines[0] ?? ''), {
    time: '2026-01-02T00:00:00.000Z',
    level: 'warn',
    message: 'two\nlines',
    error: 'no disk (because: EIO)',
    node: 'a',
  })
})

test('settings without an effect are named, and what encryption at rest comes to is said once', async () => {
  const store = createMemoryStore()
  const labels = { ...spec.labels, snapshotRetentionLimit: 5, atRestEncryption: { kmsKeyId: null } }
  await store.transact([], [put(specKey(spec), { ...spec, labels })])
  const plain: HomeVolume = { encrypted: false, found: 'ext4 on /dev/vda1' }
  const without = await makeReport(store, probe, plain)
  assert.deepEqual(without.groups[0]?.withoutEffect, ['AtRestEncryptionEnabled', 'SnapshotRetentionLimit=5'])
  assert.match(without.atRest ?? '', /no effect yet: .* a volume that is not encrypted \(ext4 on \/dev\/vda1\)/)
  const within = await makeReport(store, probe, { encrypted: true, found: 'dm-crypt on /dev/dm-0' })
  assert.deepEqual(within.groups[0]?.withoutEffect, ['SnapshotRetentionLimit=5'])
  assert.match(within.atRest ?? '', /lies on an encrypted volume \(dm-crypt on \/dev\/dm-0\)/)
  assert.equal((await reportOf(true)).atRest, undefined)
})
