import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FaultShape, planRound, type Target } from './schedule.ts'

const faults: readonly FaultShape[] = [
  { name: 'kill', most: 3, suits: ({ replicas }) => replicas > 0 },
  { name: 'pair', most: 2, suits: ({ replicas }) => replicas > 1 },
  { name: 'larder', most: 0, suits: () => false },
]
const targets: readonly Target[] = ['a/1', 'b/1', 'b/2', 'c/1'].map((key, index) => ({
  key,
  group: key.split('/')[0] ?? '',
  kind: 'cme',
  replicas: index,
}))

const rounds = (seed: number, count: number) =>
  Array.from({ length: count }, (_, index) => {
    const { draw, ...plan } = planRound(seed, index + 1, faults, targets)
    return { ...plan, first: draw.next() }
  })

test('the same seed makes the same rounds, another seed makes others', () => {
  assert.deepEqual(rounds(7, 50), rounds(7, 50))
  assert.notDeepEqual(rounds(7, 50), rounds(8, 50))
})

test('every fault comes before any comes again', () => {
  for (let turn = 0; turn < 20; turn += 1) {
    const names = rounds(3, 60).slice(turn * 3, turn * 3 + 3)
    assert.deepEqual(names.map((plan) => plan.fault).sort(), faults.map((fault) => fault.name).sort())
  }
})

test('a fault is done to shards that suit it, of a group each, and to no more than it may', () => {
  const plans = rounds(11, 300)
  for (const plan of plans) {
    const fault = faults.find((each) => each.name === plan.fault)
    const chosen = targets.filter((target) => plan.targets.includes(target.key))
    assert.ok(fault !== undefined && chosen.every(fault.suits) && chosen.length <= fault.most)
    assert.equal(new Set(chosen.map((target) => target.group)).size, chosen.length)
    if (fault.most > 0) assert.ok(chosen.length > 0)
  }
  assert.ok(plans.some((plan) => plan.targets.length > 1))
})
