import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../errors.ts'
import type { SlotRange } from './group.ts'
import { checkCoverage, evenSlots, formatSlots, parseSlots, slotCount, slotsWithout, slotTotal } from './slots.ts'

const shards = fc.integer({ min: 1, max: 500 })

test('even slots cover everything once, and no shard has more than one more than another', () => {
  fc.assert(
    fc.property(shards, (count) => {
      const spread = evenSlots(count)
      checkCoverage(spread)
      const sizes = spread.map(slotCount)
      assert.equal(sizes.length, count)
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
    }),
  )
})

test('three shards have the slots that every guide shows', () => {
  assert.deepEqual(evenSlots(3).map(formatSlots), ['0-5461', '5462-10922', '10923-16383'])
})

const ranges = fc.uniqueArray(fc.integer({ min: 0, max: slotTotal - 1 }), { minLength: 1, maxLength: 20 }).map((numbers) => {
  const sorted = numbers.sort((a, b) => a - b)
  return sorted.flatMap((first, index): [number, number][] => {
    const last = sorted[index + 1]
    return index % 2 === 1 ? [] : [[first, last ?? first]]
  })
})

test('what is formatted is parsed back to the same', () => {
  fc.assert(fc.property(ranges, (list) => assert.deepEqual(parseSlots(formatSlots(list)), list)))
})

test('spaces around ranges do not matter; single slots count one', () => {
  assert.deepEqual(parseSlots(' 1 - 3 , 9'), [
    [1, 3],
    [9, 9],
  ])
  assert.equal(slotCount(parseSlots('1-3,9')), 4)
})

test('what is no list of slots is refused', () => {
  for (const text of ['', ',', '1-', '-1', '3-1', '0-16384', '16384', 'a', '1;2', '1-2-3', '1.5', '1,,2', '999999'])
    assert.throws(
      () => parseSlots(text),
      (error) => error instanceof Fault && error.shape === 'InvalidParameterValueException',
      text,
    )
})

test('gaps and overlaps are refused, and named', () => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [['0-100', '100-16383'], /Slot 100 is given to more than one/],
    [['0-99', '101-16383'], /Slots 100-100 are given to no/],
    [['1-16383'], /Slots 0-0 are given to no/],
    [['0-16382'], /Slots 16383-16383 are given to no/],
    [[], /Slots 0-16383/],
  ]
  for (const [texts, message] of cases)
    assert.throws(
      () => checkCoverage(texts.map(parseSlots)),
      (error) => error instanceof Fault && error.shape === 'InvalidParameterCombinationException' && message.test(error.message),
    )
})

test('ranges without others have every slot of the first that is in none of the second', () => {
  const range = fc.tuple(fc.nat(40), fc.nat(8)).map(([first, more]): SlotRange => [first, first + more])
  const all = (ranges: readonly SlotRange[]): ReadonlySet<number> =>
    new Set(ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, index) => first + index)))
  fc.assert(
    fc.property(fc.array(range), fc.array(range), (ranges, others) => {
      const left = all(slotsWithout(ranges, others))
      const taken = all(others)
      assert.deepEqual([...left].toSorted(), [...all(ranges)].filter((slot) => !taken.has(slot)).toSorted())
    }),
  )
})
