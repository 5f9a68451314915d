import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeState } from '../model/group.ts'
import { atOffset, gone, groupAtRest, seeing } from '../testing/group-at-rest.ts'
import type { Action } from './actions.ts'
import { servesWithinMs } from './disk-first.ts'
import { decideGroup } from './group.ts'
import type { GroupInput } from './input.ts'
import type { LastWord, PersistedData } from './observed.ts'
import { processKey } from './under-way.ts'

const now = 1_000_000
const logged = { appendonly: 'yes' }
const whole: PersistedData = { kind: 'aof', offset: null, modifiedAt: 1, loadMs: 700, stamp: 'log' }
const last: LastWord = { offset: 100, replicationId: 'r', at: now - 2_000 }

interface Case {
  readonly primary?: Partial<NodeState>
  readonly replica?: Partial<NodeState>
  readonly persisted?: Partial<PersistedData>
  readonly last?: LastWord | null
  readonly offset?: number
  readonly wanted?: Readonly<Record<string, string>>
  readonly zoneDown?: boolean
}

/** The primary of 1+1 is dead; its replica is behind and answers. */
const after = (each: Case): GroupInput => {
  const rest = groupAtRest('cmd', 2)
  const [first, second] = [rest.state.nodes['demo-001'], rest.state.nodes['demo-002']]
  assert.ok(first !== undefined && second !== undefined)
  const nodes = {
    'demo-001': { ...first, parameters: logged, ...each.primary },
    'demo-002': { ...second, parameters: logged, ...each.replica },
  }
  const input = {
    ...rest,
    now,
    state: { ...rest.state, nodes },
    wanted: { ...rest.wanted, parameters: each.wanted ?? logged },
    zonesDown: new Set(each.zoneDown === true ? [rest.spec.shards[0]?.nodes[0]?.zone ?? ''] : []),
  }
  const dead = { ...gone, persisted: { ...whole, ...each.persisted }, last: each.last ?? null }
  return seeing(atOffset(input, 'demo-002', each.offset ?? 100), 'demo-001', dead)
}

const what = (input: GroupInput): string => {
  const [action] = decideGroup(input).actions
  if (action?.do === 'start') return `${action.node} starts, ${action.because}`
  return action?.do === 'target' ? `${action.primary} takes over` : (action?.do ?? 'nothing')
}
const disk = 'demo-001 starts, disk-first'
const replica = 'demo-002 takes over'
const behind: Case = { replica: { level: false } }

for (const [why, each, expected] of [
  ['its replica has not been seen level since its first sync', behind, disk],
  ['its replica lacks what the primary had a while ago', { last, offset: 99 }, disk],
  ['its replica has what the primary had when it was seen last', { last, offset: 100 }, replica],
  ['its replica lacks only what was under way', { last: { ...last, at: now - 20 }, offset: 99 }, replica],
  ['the last word is of another history', { last: { ...last, replicationId: 'another' }, offset: 99 }, replica],
  ['nothing is known', {}, replica],
  ['its log is too large to load quickly', { ...behind, persisted: { loadMs: 30_000 } }, replica],
  ['it left a dump and no log', { replica: { level: false }, persisted: { kind: 'rdb' } }, replica],
  ['its log is of an earlier time', { ...behind, persisted: { flaw: 'unfinished' } }, replica],
  ['parts of its log are missing', { ...behind, persisted: { flaw: 'incomplete' } }, replica],
  ['its log does not load', { ...behind, primary: { damage: { files: ['appendonlydir'], said: 'x', stamp: 'log' } } }, replica],
  ['it kept no log', { ...behind, primary: { parameters: {} } }, replica],
  ['it is to keep no log any more', { ...behind, wanted: {} }, replica],
  ['its zone is down', { ...behind, zoneDown: true }, replica],
  ['it was tried already and did not serve', { ...behind, primary: { returning: now - 1_000 } }, replica],
  ['it was tried, served and died again', { ...behind, primary: { returning: now - 5_000 }, last }, disk],
] as readonly (readonly [string, Case, string])[]) {
  test(`of a dead primary: ${expected === disk ? 'the disk comes first' : 'the replica takes over'} when ${why}`, () => {
    assert.equal(what(after(each)), expected)
  })
}

test('nobody takes over while the start from disk has only begun, and the replica does when it has not served within its bound', () => {
  const underWay = new Set([processKey('demo-001')])
  const since = (ms: number): string => what({ ...after({ ...behind, primary: { returning: now - ms } }), underWay })
  assert.equal(since(3), 'nothing')
  assert.equal(since(servesWithinMs + 1), replica)
})

const returning = (sinceMs: number, how: 'loads' | 'silent'): GroupInput => {
  const input = after({ ...behind, primary: { returning: now - sinceMs } })
  const { engine } = groupAtRest('cmd', 2).observed.nodes['demo-001'] ?? {}
  assert.ok(engine != null)
  const status = { ...engine, bound: ['127.65.0.1'] }
  const replica = input.observed.nodes['demo-002']?.engine
  assert.ok(replica?.replication != null)
  const cutOff = { ...replica, replication: { ...replica.replication, linkUp: false } }
  return seeing(seeing(input, 'demo-002', { engine: cutOff }), 'demo-001', {
    process: 'running',
    persisted: null,
    engine: how === 'loads' ? { ...status, loading: true } : null,
  })
}
const actionsOf = (input: GroupInput): readonly Action[] =>
  decideGroup(input).actions.filter(({ do: what }) => what !== 'readers')

test('a primary that comes back from its disk has some seconds for it; then it is ended, and the replica takes over', () => {
  for (const how of ['loads', 'silent'] as const) {
    assert.deepEqual(actionsOf(returning(1_000, how)), [])
    assert.deepEqual(actionsOf(returning(6_000, how)), [{ do: 'stop', node: 'demo-001', because: 'late' }])
  }
  assert.equal(what(after({ ...behind, primary: { returning: now - 6_000 } })), replica)
})

test('one that serves has come back: that is written down, and its replica is waited for until it has everything', () => {
  const input = after({ ...behind, primary: { returning: now - 300 } })
  const { engine } = groupAtRest('cmd', 2).observed.nodes['demo-001'] ?? {}
  assert.ok(engine != null)
  const back = seeing(input, 'demo-001', { process: 'running', persisted: null, engine })
  assert.deepEqual(decideGroup(back).actions, [
    { do: 'joined', nodes: ['demo-001', 'demo-002'], level: ['demo-001', 'demo-002'] },
  ])
  const late = decideGroup(atOffset(back, 'demo-002', 40))
  assert.deepEqual(late.actions, [{ do: 'joined', nodes: ['demo-001'], level: ['demo-001'] }])
})

test('under load a replica is level when it has what its primary had at the look before', () => {
  const rest = groupAtRest('cmd', 2)
  const node = rest.state.nodes['demo-002']
  assert.ok(node !== undefined)
  const state = { ...rest.state, nodes: { ...rest.state.nodes, 'demo-002': { ...node, level: false } } }
  const busy = (lastWord: LastWord, linkedAt = now - 40): GroupInput =>
    seeing(seeing(atOffset({ ...rest, now, state }, 'demo-002', 90), 'demo-002', { linkedAt }), 'demo-001', { last: lastWord })
  assert.deepEqual(decideGroup(busy({ offset: 90, replicationId: 'r', at: now - 30 })).actions, [
    { do: 'joined', nodes: ['demo-002'], level: ['demo-002'] },
  ])
  const waiting = { actions: [], waitingFor: 'node demo-002 catches up with its primary' }
  assert.deepEqual(decideGroup(busy({ offset: 95, replicationId: 'r', at: now - 30 })), waiting)
  assert.deepEqual(decideGroup(busy({ offset: 90, replicationId: 'r', at: now - 30 }, now)), waiting, 'it was not linked then')
})
