import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TransitMode, TransitState } from '../model/transit.ts'
import { groupAtRest } from '../testing/group-at-rest.ts'
import { decideGroup } from './group.ts'
import type { GroupInput } from './input.ts'
import { frontsText } from './transit.ts'

const wanting = (input: GroupInput, transitEncryption: TransitMode): GroupInput => ({
  ...input,
  spec: { ...input.spec, transitEncryption },
})
const having = (input: GroupInput, modes: Readonly<Record<string, TransitState['mode']>>): GroupInput => {
  const nodes = Object.values(input.state.nodes).map((node) => {
    const mode = modes[node.id]
    return [node.id, mode === undefined ? node : { ...node, transit: { mode, plain: false } }] as const
  })
  return { ...input, state: { ...input.state, nodes: Object.fromEntries(nodes) } }
}
const inFront = (input: GroupInput, fronts: string | null): GroupInput => ({ ...input, observed: { ...input.observed, fronts } })

const [own, other, floating] = ['127.65.0.1:6379', '127.65.0.2:6379', '127.64.0.1:6379']

const next = (input: GroupInput): readonly string[] =>
  decideGroup(input).actions.map((action) => {
    if (action.do === 'fronts') return `fronts ${frontsText(action.fronts)}`
    return action.do === 'transit' ? `transit ${action.node}` : action.do
  })

test('fronts are there before engines leave their ports; then primaries change first', () => {
  const rest = wanting(groupAtRest('cmd', 2), 'preferred')
  const all = `${own} ${other} ${floating}`
  assert.deepEqual(next(rest), [`fronts ${all}`])
  assert.deepEqual(next(inFront(rest, all)), ['transit demo-001'])
  assert.deepEqual(next(inFront(having(rest, { 'demo-001': 'preferred' }), all)), ['transit demo-002'])
  const both = having(rest, { 'demo-001': 'preferred', 'demo-002': 'preferred' })
  assert.ok(!next(inFront(both, all)).some((action) => /fronts|transit/.test(action)))
  assert.deepEqual(next(inFront(both, null)), [`fronts ${all}`], 'what an earlier Larder put there is not known')
})

test('the ports behind a front are beside the port of the group, also at the end of what there is', () => {
  for (const [port, plain, tls] of [
    [6_379, 6_380, 6_381],
    [65_535, 65_534, 65_533],
  ] as const) {
    const rest = wanting(groupAtRest('single', 1), 'preferred')
    const node = rest.state.nodes['demo-001'] ?? Object.values(rest.state.nodes)[0]
    assert.ok(node)
    const input: GroupInput = {
      ...rest,
      state: { ...rest.state, nodes: { [node.id]: { ...node, port, transit: { mode: 'preferred', plain: false } } } },
    }
    const { address } = node
    assert.deepEqual(decideGroup(input).actions, [
      { do: 'fronts', fronts: [{ endpoint: { address, port }, plain: { address, port: plain }, tls: { address, port: tls } }] },
    ])
  }
})

test('fronts leave before an engine takes its port back', () => {
  const all = { 'demo-001': 'preferred', 'demo-002': 'preferred' } as const
  const rest = having(wanting(groupAtRest('cmd', 2), 'required'), all)
  assert.deepEqual(next(inFront(rest, null)), ['fronts '], 'whatever an earlier Larder put there')
  assert.deepEqual(next(inFront(rest, '')), ['transit demo-001'])
  assert.deepEqual(next(inFront(having(rest, { 'demo-001': 'required' }), '')), ['transit demo-002'])
})

test('a node whose start was cut off is told once more; Memcached has no modes', () => {
  assert.deepEqual(next(inFront(having(groupAtRest('cmd', 1), { 'demo-001': 'unknown' }), '')), ['transit demo-001'])
  assert.ok(!next(wanting(groupAtRest('memcached', 2), 'required')).some((action) => /fronts|transit/.test(action)))
})
