/** Nodes that are to be removed, and somebody dies meanwhile: nobody waits for ever, and nothing is lost that somebody has. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gone, groupAtRest, primaryEndpoint, seeing } from '../testing/group-at-rest.ts'
import type { Action } from './actions.ts'
import { decideGroup } from './group.ts'
import type { GroupInput } from './input.ts'

const actionsOf = (input: GroupInput): readonly Action[] => decideGroup(input).actions

/** A group without automatic failover of which `demo-002` is to be removed. */
const shrinking = (): GroupInput => {
  const rest = groupAtRest('cmd', 2)
  const shards = rest.spec.shards.map((shard) => ({ ...shard, nodes: shard.nodes.filter((node) => node.id === 'demo-001') }))
  return { ...rest, spec: { ...rest.spec, automaticFailover: false, shards } }
}

/** `demo-001` has died; `demo-002`, which is to be removed, has become primary, and `demo-001` follows it with its first sync done. */
const takenOver = (offset: number): GroupInput => {
  const input = shrinking()
  const [first, second] = [input.state.nodes['demo-001'], input.state.nodes['demo-002']]
  const [one, two] = [input.observed.nodes['demo-001']?.engine, input.observed.nodes['demo-002']?.engine]
  assert.ok(first && second && one?.replication && two?.replication)
  const state = {
    ...input.state,
    shards: { '0001': { primary: 'demo-002', epoch: 2, former: 'demo-001' } },
    nodes: { 'demo-001': { ...first, synced: false }, 'demo-002': { ...second, synced: false } },
  }
  const follows = { ...two.replication, offset, primary: { address: second.address, port: second.port } }
  const replica = { ...one, bound: [first.address], replication: follows }
  const primary = {
    ...two,
    bound: [second.address, primaryEndpoint],
    replication: { ...two.replication, offset, role: 'primary' as const, linkUp: false, primary: null },
  }
  const observed = { ...input.observed, readers: [`${first.address}:${first.port}`] }
  return seeing(seeing({ ...input, state, observed }, 'demo-001', { engine: replica }), 'demo-002', { engine: primary })
}

test('the primary dies while its last replica is being removed: the replica, which has the data, takes over and is not removed', () => {
  const [target, ...others] = actionsOf(seeing(shrinking(), 'demo-001', gone))
  assert.equal(target?.do === 'target' && target.primary, 'demo-002')
  assert.deepEqual(others, [])
})

test('one that is primary and to be removed hands over to a replica that has copied a data set of nothing', () => {
  const input = takenOver(0)
  assert.deepEqual(actionsOf(input), [{ do: 'joined', nodes: ['demo-001'] }])
  const { 'demo-001': first, ...nodes } = input.state.nodes
  assert.ok(first)
  const joined = { ...input, state: { ...input.state, nodes: { ...nodes, 'demo-001': { ...first, synced: true } } } }
  assert.deepEqual(actionsOf(joined), [
    { do: 'target', shard: '0001', primary: 'demo-001', epoch: 3, fence: ['demo-002'], because: 'demo-002 is to be removed' },
  ])
})

test('the heir dies before it could take over: the one that still is primary goes on, also when it is to be removed', () => {
  const input = takenOver(100)
  const named = {
    ...input,
    state: { ...input.state, shards: { '0001': { primary: 'demo-001', epoch: 3, fence: ['demo-002'] } } },
  }
  assert.deepEqual(actionsOf(seeing(named, 'demo-001', gone)), [
    { do: 'target', shard: '0001', primary: 'demo-002', epoch: 4, fence: [], because: 'demo-001 is gone' },
  ])
})

test('while one that is leaving is primary the group says what it waits for', () => {
  const input = takenOver(100)
  const engine = input.observed.nodes['demo-001']?.engine
  assert.ok(engine?.replication)
  const behind = { ...engine, replication: { ...engine.replication, linkUp: false } }
  const copying = seeing({ ...input, observed: { ...input.observed, readers: ['127.65.0.2:6379'] } }, 'demo-001', {
    engine: behind,
  })
  assert.deepEqual(decideGroup(copying), { actions: [], waitingFor: 'node demo-001 copies the data of its primary' })
})

/** All nodes are in the first zone; `demo-002` is to be removed. */
const zoneDown = (input: GroupInput): GroupInput => ({ ...input, zonesDown: new Set(['us-east-1a']) })

test('one that is leaving is ended with its zone, as every other one', () => {
  const ends = actionsOf(zoneDown(shrinking())).filter((action) => action.do === 'stop')
  assert.deepEqual(ends.map((action) => [action.node, action.because]).toSorted(), [
    ['demo-001', 'zone'],
    ['demo-002', 'zone'],
  ])
})

test('one that is leaving and has the data is not started in a zone that is down', () => {
  const input = takenOver(100)
  const dead = seeing(seeing(input, 'demo-001', gone), 'demo-002', gone)
  const named = { ...dead, observed: { ...dead.observed, readers: [] } }
  const starts = (input: GroupInput): readonly string[] =>
    actionsOf(input).flatMap((action) => (action.do === 'start' ? [action.node] : []))
  assert.deepEqual(starts(named), ['demo-002'])
  assert.deepEqual(starts(zoneDown(named)), [])
})
