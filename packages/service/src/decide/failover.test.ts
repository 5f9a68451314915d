/** Who is fenced, who takes over, and in which order. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupSpec, NodeState } from '../model/group.ts'
import type { EngineStatus } from '../ports/engine.ts'
import { atOffset, configurationEndpoint, gone, groupAtRest, primaryEndpoint, seeing } from '../testing/group-at-rest.ts'
import type { Action } from './actions.ts'
import { decideGroup } from './group.ts'
import type { GroupInput } from './input.ts'

const actionsOf = (input: GroupInput): readonly Action[] => decideGroup(input).actions
const kinds = (input: GroupInput): readonly string[] => actionsOf(input).map((action) => action.do)
const hung = { hung: true, engine: null } as const

const withSpec = (input: GroupInput, change: Partial<GroupSpec>): GroupInput => ({ ...input, spec: { ...input.spec, ...change } })
const withTarget = (input: GroupInput, primary: string, epoch: number, fence: readonly string[] = []): GroupInput => ({
  ...input,
  state: { ...input.state, shards: { '0001': { primary, epoch, fence } } },
})
const withNode = (input: GroupInput, id: string, change: Partial<NodeState>): GroupInput => {
  const node = input.state.nodes[id]
  assert.ok(node)
  return { ...input, state: { ...input.state, nodes: { ...input.state.nodes, [id]: { ...node, ...change } } } }
}
const withEngine = (input: GroupInput, id: string, change: Partial<EngineStatus>): GroupInput => {
  const engine = input.observed.nodes[id]?.engine
  assert.ok(engine)
  return seeing(input, id, { engine: { ...engine, ...change } })
}
/** Started, and with its first sync before it. */
const unsynced = (input: GroupInput, id: string): GroupInput => atOffset(withNode(input, id, { synced: false }), id, 1)
const without = (input: GroupInput, id: string): GroupInput =>
  withSpec(input, {
    shards: input.spec.shards.map((shard) => ({ ...shard, nodes: shard.nodes.filter((node) => node.id !== id) })),
  })

test('a hung primary is ended before anybody takes over, and only where somebody can', () => {
  const rest = groupAtRest('cmd', 2)
  assert.deepEqual(actionsOf(seeing(rest, 'demo-001', hung)), [{ do: 'stop', node: 'demo-001', because: 'hung' }])
  const alone = seeing(groupAtRest('single', 1), 'demo', hung)
  assert.deepEqual(decideGroup(alone), {
    actions: [],
    waitingFor: 'node demo is stopped or stuck, and is left alone: nobody else has its data',
  })
  const logged = withNode(alone, 'demo', { parameters: { appendonly: 'yes' } })
  assert.deepEqual(kinds(logged), ['stop'], 'what is on disk comes back with a start')
  const bothHung = seeing(seeing(rest, 'demo-001', hung), 'demo-002', hung)
  assert.ok(
    !kinds({ ...bothHung, observed: { ...bothHung.observed, readers: [] } }).includes('stop'),
    'nobody who answers has the data',
  )
})

test('a hung replica is ended, and a busy one is not', () => {
  const rest = groupAtRest('cmd', 3)
  const seen = seeing(rest, 'demo-003', hung)
  const readers = ['127.65.0.2:6379']
  assert.deepEqual(kinds(seen), ['readers'], 'nobody reads from it any more')
  assert.deepEqual(actionsOf({ ...seen, observed: { ...seen.observed, readers } }), [
    { do: 'stop', node: 'demo-003', because: 'hung' },
  ])
  assert.ok(!kinds(seeing(rest, 'demo-003', { engine: null })).includes('stop'))
})

test('a hung node is ended also where it holds the configuration endpoint, which nobody can take before', () => {
  const rest = groupAtRest('cme', 3)
  const primary = rest.observed.nodes['demo-0001-001']
  assert.ok(primary?.engine)
  const moved = withEngine(rest, 'demo-0001-001', { bound: ['127.65.0.1'] })
  const silent = seeing(moved, 'demo-0001-003', { engine: null })
  const take = [{ do: 'bind', node: 'demo-0001-001', addresses: ['127.65.0.1', configurationEndpoint] }]
  assert.deepEqual(actionsOf(seeing(silent, 'demo-0001-003', hung)), [{ do: 'stop', node: 'demo-0001-003', because: 'hung' }])
  assert.deepEqual(actionsOf(seeing(silent, 'demo-0001-003', gone)), take, 'it is free')
  assert.deepEqual(actionsOf(silent), take, 'nothing else is left to do: it may not be the one that holds it')
})

test('who takes over stands for election where the engines may elect another, and takes over by itself where too few are left to vote', () => {
  let input = groupAtRest('cme', 2, 3)
  const heir = input.observed.nodes['demo-0001-002']?.engine
  assert.ok(heir?.cluster)
  const nodes = heir.cluster.nodes.map((entry) => (entry.id === 'c0' ? { ...entry, flags: ['master', 'fail'] } : entry))
  input = seeing(input, 'demo-0001-002', { engine: { ...heir, cluster: { ...heir.cluster, nodes } } })
  input = seeing(input, 'demo-0001-001', gone)
  input = {
    ...input,
    state: { ...input.state, shards: { ...input.state.shards, '0001': { primary: 'demo-0001-002', epoch: 2 } } },
  }
  const byVote = (seen: GroupInput): readonly unknown[] =>
    actionsOf(seen).flatMap((action) => (action.do === 'promote' ? [action.byVote] : []))
  assert.deepEqual(byVote(input), [true])
  assert.deepEqual(byVote(seeing(input, 'demo-0002-001', { engine: null })), [true], 'who does not answer may vote')
  const lost = seeing(seeing(input, 'demo-0002-001', gone), 'demo-0002-002', gone)
  assert.deepEqual(byVote(lost), [false], 'one of three primaries is no majority')
})

test('the last one with the data is not ended: not a hung replica whose primary is gone, not a primary that is to be rebooted', () => {
  const orphan = seeing(seeing(groupAtRest('cmd', 2), 'demo-001', gone), 'demo-002', hung)
  assert.ok(!kinds(orphan).includes('stop'))
  const rest = groupAtRest('cmd', 2)
  const asked = withSpec(rest, {
    shards: rest.spec.shards.map((shard) => ({
      ...shard,
      nodes: shard.nodes.map((node) => (node.id === 'demo-001' ? { ...node, reboots: 1 } : node)),
    })),
  })
  const alone = seeing(asked, 'demo-002', { engine: null })
  assert.deepEqual(
    kinds(alone).filter((kind) => kind === 'stop' || kind === 'target'),
    [],
  )
  assert.deepEqual(kinds(asked), ['target'], 'with a replica in sync it hands over')
})

test('a primary that is to be rebooted and does not answer is not ended before it has handed over', () => {
  const rest = groupAtRest('cmd', 2)
  const shards = rest.spec.shards.map((shard) => ({ ...shard, nodes: shard.nodes.map((node) => ({ ...node, reboots: 1 })) }))
  const input = withTarget(withSpec(rest, { shards }), 'demo-002', 2, ['demo-001'])
  const silent = seeing(input, 'demo-001', { engine: null })
  assert.deepEqual(
    actionsOf(silent).filter((action) => action.do === 'stop' && action.node === 'demo-001'),
    [],
    'it may have writes that nobody else has',
  )
  assert.deepEqual(actionsOf(input), [{ do: 'hand-over', from: 'demo-001', to: 'demo-002' }])
})

test('who was killed and is still there is not killed again, and keeps nobody else waiting', () => {
  const rest = groupAtRest('cmd', 3)
  const stuck = seeing(rest, 'demo-003', { ...hung, killed: true })
  assert.ok(!kinds(stuck).includes('stop'))
  const [target] = actionsOf(seeing(stuck, 'demo-001', gone))
  assert.equal(target?.do === 'target' && target.primary, 'demo-002')
  const primary = seeing(withTarget(rest, 'demo-002', 2, ['demo-001']), 'demo-001', { ...hung, killed: true })
  assert.ok(!kinds(primary).some((kind) => kind === 'promote' || kind === 'stop'), 'nobody takes its place before it has ended')
})

test('a hung replica is ended after its dead primary has been replaced', () => {
  const both = seeing(seeing(groupAtRest('cmd', 3), 'demo-001', gone), 'demo-003', hung)
  assert.deepEqual(kinds(both), ['target'])
})

test('a target is not promoted while one of its fence may still accept writes', () => {
  const silent = seeing(withTarget(groupAtRest('cmd', 3), 'demo-002', 2, ['demo-001']), 'demo-001', { engine: null })
  assert.ok(!kinds(silent).includes('promote'), 'it does not answer, and may be primary')
  assert.deepEqual(
    kinds(seeing(silent, 'demo-001', { process: 'doubt' })).filter((kind) => kind === 'promote'),
    [],
  )
  const dead = seeing(silent, 'demo-001', gone)
  assert.deepEqual(actionsOf(dead), [
    {
      do: 'promote',
      node: 'demo-002',
      shard: '0001',
      epoch: 2,
      addresses: ['127.65.0.2', primaryEndpoint],
      byVote: false,
      owner: null,
    },
  ])
  const noFence = seeing(withTarget(groupAtRest('cmd', 3), 'demo-002', 2), 'demo-003', { engine: null })
  assert.ok(!kinds(seeing(noFence, 'demo-001', { engine: null })).includes('stop'), 'busy ones are not ended')
})

test('the new target names the old primary in its fence unless that is gone, and keeps who stood there before', () => {
  const asked = withSpec(groupAtRest('cmd', 3), {
    shards: groupAtRest('cmd', 3).spec.shards.map((shard) => ({ ...shard, wantedPrimary: { id: 'demo-002', epoch: 1 } })),
  })
  const [planned] = actionsOf(asked)
  assert.deepEqual(planned?.do === 'target' && planned.fence, ['demo-001'])
  const heirDied = seeing(seeing(withTarget(groupAtRest('cmd', 3), 'demo-002', 2, ['demo-001']), 'demo-002', gone), 'demo-001', {
    engine: null,
  })
  const [next] = actionsOf(heirDied)
  assert.ok(next?.do !== 'target' || next.fence.includes('demo-001'), 'the silent one may still be primary')
})

test('a living primary hands over only to one that has everything, and never follows one that has not', () => {
  const rest = withTarget(groupAtRest('cmd', 2), 'demo-002', 2, ['demo-001'])
  const replication = rest.observed.nodes['demo-002']?.engine?.replication
  assert.ok(replication)
  const behind = withEngine(rest, 'demo-002', { replication: { ...replication, linkUp: false } })
  assert.ok(!kinds(behind).some((kind) => ['hand-over', 'promote', 'follow'].includes(kind)))
  assert.deepEqual(actionsOf(rest), [{ do: 'hand-over', from: 'demo-001', to: 'demo-002' }])
  const elsewhere = { ...replication, linkUp: false, primary: { address: '127.65.0.9', port: 6379 } }
  assert.deepEqual(actionsOf(withEngine(rest, 'demo-002', { replication: elsewhere })), [
    { do: 'follow', node: 'demo-002', primary: 'demo-001' },
  ])
})

test('a replica that started and has copied nothing yet is no heir while the data is somewhere else', () => {
  const input = unsynced(withNode(groupAtRest('cmd', 2), 'demo-001', { synced: true }), 'demo-002')
  const onDisk = seeing(input, 'demo-001', { ...gone, persisted: { kind: 'aof', offset: null, modifiedAt: 1 } })
  assert.deepEqual(
    actionsOf(onDisk).find((action) => action.do === 'target' || action.do === 'start'),
    {
      do: 'start',
      node: 'demo-001',
      replicaOf: null,
      because: 'recovered',
    },
  )
  const nothingLeft = actionsOf(seeing(input, 'demo-001', gone))
  assert.deepEqual(
    nothingLeft.map((action) => action.do === 'target' && action.primary),
    ['demo-002'],
    'whoever lives',
  )
  const empty = seeing(unsynced(groupAtRest('cmd', 3), 'demo-003'), 'demo-001', gone)
  assert.deepEqual(
    actionsOf(empty).map((action) => action.do === 'target' && action.primary),
    ['demo-002'],
  )
})

test('while one that has the data may yet answer, nobody without it takes over', () => {
  const input = seeing(unsynced(groupAtRest('cmd', 3), 'demo-003'), 'demo-002', { engine: null })
  assert.ok(!kinds(seeing(input, 'demo-001', gone)).includes('target'))
})

test('all of a zone that is down is ended, and not started; the primary is replaced elsewhere', () => {
  const rest = groupAtRest('cmd', 3)
  const zone = rest.spec.shards[0]?.nodes[0]?.zone ?? ''
  const down = { ...rest, zonesDown: new Set([zone]) }
  assert.deepEqual(actionsOf(down), [{ do: 'stop', node: 'demo-001', because: 'zone' }])
  const ended = seeing(down, 'demo-001', gone)
  const [target] = actionsOf(ended)
  assert.equal(target?.do === 'target' && target.primary, 'demo-002')
  const alone = seeing({ ...groupAtRest('single', 1), zonesDown: new Set([zone]) }, 'demo', gone)
  assert.deepEqual(decideGroup(alone), { actions: [], waitingFor: `${zone} is down, and node demo with it` })
})

test('data on disk in a zone that is down is waited for, and a group without any starts elsewhere', () => {
  const rest = groupAtRest('cmd', 2)
  const zone = rest.spec.shards[0]?.nodes[0]?.zone ?? ''
  const lost = seeing(seeing({ ...rest, zonesDown: new Set([zone]) }, 'demo-001', gone), 'demo-002', gone)
  const [target] = actionsOf(lost)
  assert.equal(target?.do === 'target' && target.primary, 'demo-002')
  const onDisk = seeing(lost, 'demo-001', { ...gone, persisted: { kind: 'aof', offset: null, modifiedAt: 1 } })
  assert.ok(!kinds(onDisk).some((kind) => kind === 'target' || kind === 'start'))
})

test('a primary that is to be removed hands over first, and goes when it follows; one that dies meanwhile is replaced', () => {
  const leaving = without(groupAtRest('cmd', 3), 'demo-001')
  const [target] = actionsOf(leaving)
  assert.equal(target?.do === 'target' && target.primary, 'demo-002')
  assert.deepEqual(actionsOf(withTarget(leaving, 'demo-002', 2, ['demo-001'])), [
    { do: 'hand-over', from: 'demo-001', to: 'demo-002' },
  ])
  const [afterDeath] = actionsOf(seeing(leaving, 'demo-001', gone))
  assert.equal(afterDeath?.do === 'target' && afterDeath.because, 'demo-001 is gone')
})

test('a primary that cannot write to its disk hands over to a replica that can', () => {
  const rest = groupAtRest('cmd', 2)
  const failing = withEngine(rest, 'demo-001', { persistenceFails: true })
  const [target] = actionsOf(failing)
  assert.equal(target?.do === 'target' && target.primary, 'demo-002')
  assert.deepEqual(actionsOf(withEngine(failing, 'demo-002', { persistenceFails: true })), [])
})

test('another node type with other threads restarts the replicas one by one, then the primary after it has handed over', () => {
  const rest = withSpec(groupAtRest('cmd', 3), { nodeType: 'cache.r7g.4xlarge' })
  const wanted = { ...rest, wanted: { ...rest.wanted, ioThreads: 2 } }
  const first = actionsOf(wanted)
  assert.equal(first.length, 1)
  assert.deepEqual(first[0]?.do === 'stop' && [first[0].because, first[0].node === 'demo-001'], ['replace', false])
  const replaced = (input: GroupInput, id: string): GroupInput =>
    withNode(withEngine(input, id, { ioThreads: 2 }), id, { nodeType: 'cache.r7g.4xlarge' })
  const last = replaced(replaced(wanted, 'demo-002'), 'demo-003')
  const [target] = actionsOf(last)
  assert.equal(target?.do === 'target' && target.because, 'demo-001 gets another node type')
  const sameThreads = { ...rest, wanted: { ...rest.wanted, maxMemoryBytes: 9 } }
  assert.deepEqual(new Set(kinds(sameThreads)), new Set(['parameters']), 'memory alone is changed on the running engines')
})

test('another engine comes to the replicas one by one, then to the primary after it has handed over', () => {
  const input: GroupInput = { ...groupAtRest('cmd', 3), engineVersion: '9.2.0' }
  const first = actionsOf(input)
  assert.equal(first.length, 1)
  assert.deepEqual(first[0]?.do === 'stop' && [first[0].because, first[0].node === 'demo-001'], ['replace', false])
  const last = withEngine(withEngine(input, 'demo-002', { version: '9.2.0' }), 'demo-003', { version: '9.2.0' })
  const [target] = actionsOf(last)
  assert.equal(target?.do === 'target' && target.because, 'demo-001 gets another engine')
  assert.deepEqual(actionsOf({ ...groupAtRest('cmd', 3), engineVersion: '9.1.9' }), [], 'another patch waits for the next start')
})

test('primaries of a cluster hand over one after the other: they vote on each other', () => {
  const rest: GroupInput = { ...groupAtRest('cme', 2, 3), engineVersion: '9.2.0' }
  const replicas = ['demo-0001-002', 'demo-0002-002', 'demo-0003-002']
  assert.deepEqual(
    actionsOf(rest).map((action) => action.do === 'stop' && action.node),
    replicas,
    'replicas of all shards at once',
  )
  const input = replicas.reduce((now, id) => withEngine(now, id, { version: '9.2.0' }), rest)
  const targets = actionsOf(input)
  assert.deepEqual(
    targets.map((action) => action.do === 'target' && action.shard),
    ['0001'],
  )
})

test('a node that nobody stands in for writes its data before it gets another engine', () => {
  for (const kind of ['single', 'cmd'] as const) {
    const input: GroupInput = { ...groupAtRest(kind, 1), engineVersion: '9.2.0' }
    const [action] = actionsOf(input)
    assert.deepEqual(action?.do === 'stop' && action.because, 'upgrade', kind)
  }
})
