import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { chooseLeaving, placeNodes, placeShards } from './placement.ts'

const allZones = ['us-east-1a', 'us-east-1b', 'us-east-1c']
const zonesArbitrary = fc.subarray(allZones, { minLength: 1 })
const loadArbitrary = fc.dictionary(fc.constantFrom(...allZones), fc.nat(20))

const counts = (zones: readonly string[], placed: readonly string[]): readonly number[] =>
  zones.map((zone) => placed.filter((each) => each === zone).length)

const spread = (zones: readonly string[], placed: readonly string[]): number => {
  const found = counts(zones, placed)
  return Math.max(...found) - Math.min(...found)
}

test('the nodes of a shard never crowd one zone while another is freer', () => {
  fc.assert(
    fc.property(
      zonesArbitrary,
      loadArbitrary,
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 20 }),
      (zones, load, sizes) => {
        const placed = placeShards(
          zones,
          load,
          sizes.map((nodes) => ({ nodes, wanted: [] })),
        )
        assert.deepEqual(
          placed.map((shard) => shard.length),
          sizes,
        )
        for (const shard of placed) {
          assert.ok(shard.every((zone) => zones.includes(zone)))
          assert.ok(spread(zones, shard) <= 1)
        }
      },
    ),
  )
})

test('the primaries of all shards are spread over the zones', () => {
  fc.assert(
    fc.property(
      zonesArbitrary,
      loadArbitrary,
      fc.integer({ min: 1, max: 90 }),
      fc.integer({ min: 1, max: 6 }),
      (zones, load, shards, nodes) => {
        const placed = placeShards(
          zones,
          load,
          Array.from({ length: shards }, () => ({ nodes, wanted: [] })),
        )
        assert.ok(
          spread(
            zones,
            placed.map((shard) => shard[0] ?? ''),
          ) <= 1,
        )
      },
    ),
  )
})

test('all nodes of a group together are spread over the zones too', () => {
  fc.assert(
    fc.property(zonesArbitrary, fc.integer({ min: 1, max: 90 }), fc.integer({ min: 1, max: 6 }), (zones, shards, nodes) => {
      const placed = placeShards(
        zones,
        {},
        Array.from({ length: shards }, () => ({ nodes, wanted: [] })),
      )
      assert.ok(spread(zones, placed.flat()) <= zones.length)
    }),
  )
})

test('zones that were asked for are kept, and the others give way to them', () => {
  const wishes = fc.array(fc.option(fc.constantFrom(...allZones), { nil: undefined }), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(wishes, loadArbitrary, (wanted, load) => {
      const [placed = []] = placeShards(allZones, load, [{ nodes: 6, wanted }])
      assert.equal(placed.length, 6)
      for (const [index, wish] of wanted.entries()) if (wish !== undefined) assert.equal(placed[index], wish)
    }),
  )
})

test('the emptiest zone of the region gets the first node', () => {
  assert.deepEqual(placeShards(allZones, { 'us-east-1a': 3, 'us-east-1b': 1, 'us-east-1c': 2 }, [{ nodes: 3, wanted: [] }]), [
    ['us-east-1b', 'us-east-1c', 'us-east-1a'],
  ])
})

test('a node that joins goes where its shard has the fewest', () => {
  fc.assert(
    fc.property(
      zonesArbitrary,
      fc.array(fc.constantFrom(...allZones), { maxLength: 5 }),
      fc.integer({ min: 1, max: 5 }),
      (zones, present, added) => {
        const placed = placeNodes(
          zones,
          {},
          present,
          Array.from({ length: added }, () => undefined),
        )
        assert.equal(placed.length, added)
        let before = [...present]
        for (const zone of placed) {
          const lowest = Math.min(...counts(zones, before))
          assert.equal(before.filter((each) => each === zone).length, lowest)
          before = [...before, zone]
        }
      },
    ),
  )
})

test('placing without a zone is a mistake of the caller', () => {
  assert.throws(() => placeNodes([], {}, [], [undefined]), TypeError)
})

test('nodes leave the crowded zones first, and the primary stays', () => {
  const nodes = [
    { id: 'n1', zone: 'a' },
    { id: 'n2', zone: 'b' },
    { id: 'n3', zone: 'c' },
    { id: 'n4', zone: 'a' },
    { id: 'n5', zone: 'b' },
  ]
  assert.deepEqual(chooseLeaving(nodes, new Set(['n1']), 2), ['n5', 'n4'])
  assert.deepEqual(chooseLeaving(nodes, new Set(['n5']), 4).toSorted(), ['n1', 'n2', 'n3', 'n4'])
  assert.deepEqual(chooseLeaving(nodes, new Set(['n1']), 9).length, 4)
})

test('what stays of an evenly spread shard is evenly spread', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 5 }), (size, leaving) => {
      const nodes = Array.from({ length: size }, (_, index) => ({ id: `n${index}`, zone: allZones[index % 3] ?? '' }))
      const gone = new Set(chooseLeaving(nodes, new Set(['n0']), leaving))
      const left = nodes.filter((node) => !gone.has(node.id))
      assert.equal(left.length, size - Math.min(leaving, size - 1))
      assert.ok(
        spread(
          allZones,
          left.map((node) => node.zone),
        ) <= 1,
      )
    }),
  )
})
