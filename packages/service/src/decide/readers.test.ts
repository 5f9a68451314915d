/** The reader endpoint refuses nobody while any node could answer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { gone, groupAtRest, seeing } from '../testing/group-at-rest.ts'
import { decideReaders, endpointText } from './endpoints.ts'
import { allFactsOf, type GroupInput, hasData, isServing } from './input.ts'

type Seen = 'in sync' | 'link down' | 'never synced' | 'loading' | 'silent' | 'hung' | 'gone' | 'being started'
const kinds: readonly Seen[] = ['in sync', 'link down', 'never synced', 'loading', 'silent', 'hung', 'gone', 'being started']

const seen = (input: GroupInput, id: string, how: Seen): GroupInput => {
  const engine = input.observed.nodes[id]?.engine ?? null
  assert.ok(engine?.replication != null)
  const { replication } = engine
  switch (how) {
    case 'in sync':
      return input
    case 'link down':
      return seeing(input, id, { engine: { ...engine, replication: { ...replication, linkUp: false } } })
    case 'never synced': {
      const node = input.state.nodes[id]
      assert.ok(node !== undefined)
      const blank = { ...engine, replication: { ...replication, linkUp: false, offset: 0 } }
      const nodes = { ...input.state.nodes, [id]: { ...node, joined: false, synced: false } }
      return seeing({ ...input, state: { ...input.state, nodes } }, id, { engine: blank })
    }
    case 'loading':
      return seeing(input, id, { engine: { ...engine, loading: true } })
    case 'silent':
      return seeing(input, id, { engine: null })
    case 'hung':
      return seeing(input, id, { engine: null, hung: true })
    case 'gone':
      return seeing(input, id, gone)
    case 'being started':
      return seeing(input, id, { engine: null, starting: true })
  }
}

/** What stands behind the endpoint when the decision has been carried out. */
const listOf = (input: GroupInput): readonly string[] => {
  const [action] = decideReaders(input)
  return action?.do === 'readers' ? action.backends.map(endpointText) : (input.observed.readers ?? [])
}

const canAnswer = (input: GroupInput): readonly string[] =>
  input.spec.shards.flatMap((shard) =>
    allFactsOf(input, shard)
      .filter((node) => isServing(node) && hasData(node))
      .map(({ state }) => endpointText(state)),
  )

const atRest = groupAtRest('cmd', 3)
const ids = ['demo-001', 'demo-002', 'demo-003'] as const
const places = ['127.65.0.1:6379', '127.65.0.2:6379', '127.65.0.3:6379'] as const

test('whenever a node could answer a read, one that can stands behind the reader endpoint', () => {
  const groups = fc.record({
    nodes: fc.tuple(fc.constantFrom(...kinds), fc.constantFrom(...kinds), fc.constantFrom(...kinds)),
    readers: fc.option(fc.subarray([...places]), { nil: null }),
    target: fc.constantFrom(...ids),
  })
  fc.assert(
    fc.property(groups, ({ nodes, readers, target }) => {
      const named = { ...atRest, state: { ...atRest.state, shards: { '0001': { primary: target, epoch: 2 } } } }
      const input = nodes.reduce<GroupInput>((world, how, index) => seen(world, ids[index] ?? '', how), {
        ...named,
        observed: { ...named.observed, readers },
      })
      const able = canAnswer(input)
      const list = listOf(input)
      if (able.length > 0)
        assert.ok(
          list.some((place) => able.includes(place)),
          `${list} of ${able}`,
        )
      const running = nodes.flatMap((how, index) => (how === 'gone' || how === 'being started' ? [] : [places[index]]))
      if (running.length > 0 && readers?.some((place) => running.includes(place as (typeof places)[number])))
        assert.ok(list.length > 0, 'it was not emptied')
    }),
    { numRuns: 2_000 },
  )
})

test('replicas that dropped out of sync go on serving while their primary is busy', () => {
  const busy = seen(seen(seen(atRest, 'demo-001', 'silent'), 'demo-002', 'link down'), 'demo-003', 'link down')
  assert.deepEqual(listOf(busy), places.slice(1))
  assert.deepEqual(decideReaders(busy), [], 'they stay as they are')
})

test('a dead only replica is replaced by the primary', () => {
  const pair = groupAtRest('cmd', 2)
  assert.deepEqual(listOf(seen(pair, 'demo-002', 'gone')), [places[0]])
})

test('while everybody is busy the list stays', () => {
  const busy = ids.reduce<GroupInput>((world, id) => seen(world, id, 'silent'), atRest)
  assert.deepEqual(decideReaders(busy), [])
})
