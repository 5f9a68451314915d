import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gone, groupAtRest, seeing } from '../testing/group-at-rest.ts'
import { decideGroup } from './group.ts'
import type { GroupInput } from './input.ts'
import { namesAll } from './naming.ts'

/** Two shards of two nodes, c0 to c3, in which each node names these. */
const naming = (named: Readonly<Record<string, readonly string[] | undefined>>, rest = groupAtRest('cme', 2, 2)): GroupInput =>
  Object.values(rest.observed.nodes).reduce((input, node) => {
    const { engine } = node
    const ids = named[node.id]
    if (engine?.cluster == null || ids === undefined) return input
    return seeing(input, node.id, { engine: { ...engine, cluster: { ...engine.cluster, named: ids } } })
  }, rest)

const [a, b, c, d] = ['demo-0001-001', 'demo-0001-002', 'demo-0002-001', 'demo-0002-002'] as const
const all = ['c0', 'c1', 'c2', 'c3']
const whole = { [a]: all, [b]: all, [c]: all, [d]: all }
const announces = (node: string, primary: string, others: readonly string[]) => ({ do: 'announce', node, primary, others })

test('a replica is announced to the nodes that do not name it, itself among them', () => {
  assert.deepEqual(decideGroup(naming(whole)), { actions: [], waitingFor: null })
  assert.deepEqual(decideGroup(naming({ ...whole, [b]: ['c0', 'c2', 'c3'], [c]: ['c0', 'c2'] })).actions, [
    announces(b, a, [b, c]),
    announces(d, c, [c]),
  ])
})

test('a node that was not asked, or does not serve, says nothing about whom it names', () => {
  assert.deepEqual(decideGroup(groupAtRest('cme', 2, 2)).actions, [])
  const input = naming({ ...whole, [c]: ['c0', 'c2'] })
  const engine = input.observed.nodes[c]?.engine
  assert.ok(engine)
  const loading = seeing(input, c, { engine: { ...engine, loading: true } })
  assert.ok(!decideGroup(loading).actions.some((action) => action.do === 'announce'))
})

test('a replica that has not copied its data yet is not announced', () => {
  const input = naming({ ...whole, [a]: ['c0', 'c2', 'c3'] })
  const engine = input.observed.nodes[b]?.engine
  assert.ok(engine?.replication)
  const copying = seeing(input, b, { engine: { ...engine, replication: { ...engine.replication, linkUp: false } } })
  assert.deepEqual(decideGroup(copying).actions, [])
})

test('all is named when every node runs and names every other one', () => {
  assert.ok(namesAll(naming(whole)))
  assert.ok(!namesAll(naming({ ...whole, [d]: ['c0', 'c1', 'c2'] })))
  assert.ok(!namesAll(naming({ ...whole, [d]: undefined })))
  assert.ok(!namesAll(seeing(naming(whole), d, gone)))
})
