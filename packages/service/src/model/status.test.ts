import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupAtRest } from '../testing/group-at-rest.ts'
import type { GroupSpec, GroupState, GroupStatus, NodeState, NodeStatus } from './group.ts'
import { cacheNodeStatus, clusterStatus, groupStatus, isDeletable, nodeStatus } from './status.ts'

const { spec, state } = groupAtRest('cmd', 2)
const deleted: GroupSpec = { ...spec, deletion: { requestedAt: 1, retainPrimary: false }, generation: 2 }
const changed: GroupSpec = { ...spec, generation: 2 }
const guarded: GroupSpec = {
  ...spec,
  labels: { ...spec.labels, securityGroupIds: ['sg-1'], cacheSecurityGroupNames: ['mine'] },
}
const stuck = { reason: 'no address is free' }

const groups: readonly (readonly [
  what: string,
  spec: GroupSpec,
  state: GroupState | null,
  status: GroupStatus,
  deletable: boolean,
])[] = [
  ['no controller has seen it', spec, null, 'creating', false],
  ['it is being made', spec, { ...state, generation: 0, status: 'creating' }, 'creating', false],
  ['making it fails again and again', spec, { ...state, ...stuck, generation: 0, status: 'creating' }, 'creating', true],
  ['it could not be made', spec, { ...state, ...stuck, generation: 0, status: 'create-failed' }, 'create-failed', true],
  ['all is done', spec, state, 'available', true],
  ['its security groups are not in force yet', guarded, state, 'modifying', false],
  ['its security groups cannot be put in force', guarded, { ...state, ...stuck }, 'modifying', true],
  ['its security groups are in force', guarded, { ...state, securityGroups: ['sg-1', 'mine'] }, 'available', true],
  ['one of its security groups is still in force', spec, { ...state, securityGroups: ['sg-1'] }, 'modifying', false],
  ['a change is not carried out yet', changed, state, 'modifying', false],
  ['a change cannot be carried out', changed, { ...state, ...stuck }, 'modifying', true],
  ['it was deleted before anybody saw it', deleted, null, 'deleting', false],
  ['it is being deleted', deleted, state, 'deleting', false],
  ['its deletion fails again and again', deleted, { ...state, ...stuck }, 'deleting', false],
  ['a part that could not be made is deleted', deleted, { ...state, generation: 0, status: 'create-failed' }, 'deleting', false],
]

for (const [what, wanted, found, status, deletable] of groups) {
  test(`a group is ${status}, and can ${deletable ? '' : 'not '}be deleted, when ${what}`, () => {
    assert.equal(groupStatus(wanted, found), status)
    assert.equal(isDeletable(wanted, found), deletable)
  })
}

const node = state.nodes['demo-001'] as NodeState
const wantedNode = spec.shards[0]?.nodes[0] ?? null

test('a node has the word that fits the most to what is going on', () => {
  const status = (over: { spec?: GroupSpec; node?: NodeState | null; wanted?: typeof wantedNode; state?: GroupState }) =>
    nodeStatus(
      over.spec ?? spec,
      over.state ?? state,
      over.wanted === undefined ? wantedNode : over.wanted,
      over.node === undefined ? node : over.node,
    )
  assert.equal(status({}), 'available')
  assert.equal(status({ node: null }), 'creating')
  assert.equal(status({ node: { ...node, status: 'creating' } }), 'creating')
  assert.equal(status({ wanted: null }), 'deleting')
  assert.equal(status({ spec: deleted }), 'deleting')
  assert.equal(status({ node: { ...node, status: 'modifying' } }), 'modifying')
  assert.equal(status({ wanted: wantedNode === null ? null : { ...wantedNode, reboots: 1 } }), 'rebooting cluster nodes')
  assert.equal(status({ state: { ...state, generation: 0, status: 'create-failed' } }), 'create-failed')
})

test('a cluster of its own has the word of its group, a member its own', () => {
  const single: GroupSpec = { ...spec, space: 'cc', kind: 'single' }
  const busy: GroupSpec = { ...single, generation: 2 }
  const words = (of: GroupSpec, nodes: readonly NodeStatus[]) => clusterStatus(of, state, nodes)
  assert.equal(words(single, ['available']), 'available')
  assert.equal(words(single, ['modifying']), 'available')
  assert.equal(words(busy, ['available']), 'modifying')
  assert.equal(words(busy, ['available', 'rebooting cluster nodes']), 'rebooting cluster nodes')
  assert.equal(words({ ...busy, deletion: deleted.deletion }, ['deleting']), 'deleting')
  assert.equal(words(changed, ['available']), 'available')
  assert.equal(words(changed, ['creating']), 'creating')
  assert.equal(words(spec, ['create-failed']), 'incompatible-network')
  assert.equal(words(spec, []), 'deleting')
})

test('cache nodes have words of their own', () => {
  const words: readonly NodeStatus[] = [
    'creating',
    'available',
    'modifying',
    'rebooting cluster nodes',
    'deleting',
    'create-failed',
  ]
  assert.deepEqual(words.map(cacheNodeStatus), ['creating', 'available', 'modifying', 'rebooting', 'deleting', 'creating'])
})
