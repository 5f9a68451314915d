import { invalidCombination, invalidValue } from '../errors.ts'
import type { SlotRange } from './group.ts'

export const slotTotal = 16_384

/** One list of ranges for each shard, spread as evenly as AWS does (`0-5461`, `5462-10922`, `10923-16383`). */
export const evenSlots = (shards: number): readonly (readonly SlotRange[])[] => {
  const small = Math.floor(slotTotal / shards)
  const larger = slotTotal % shards
  let first = 0
  return Array.from({ length: shards }, (_, index): readonly SlotRange[] => {
    const size = small + (index < larger ? 1 : 0)
    const range: SlotRange = [first, first + size - 1]
    first += size
    return [range]
  })
}

/** `0-5461,6000`. Throws `InvalidParameterValueException`. */
export const parseSlots = (text: string): readonly SlotRange[] =>
  text.split(',').map((part): SlotRange => {
    const match = /^\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?$/.exec(part)
    const first = Number(match?.[1] ?? Number.NaN)
    const last = Number(match?.[2] ?? first)
    if (match === null || first > last || last >= slotTotal) {
      throw invalidValue(`Invalid slots: expected ranges like 0-5461 between 0 and ${slotTotal - 1}, found ${text}`)
    }
    return [first, last]
  })

export const formatSlots = (ranges: readonly SlotRange[]): string =>
  ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(',')

export const slotCount = (ranges: readonly SlotRange[]): number =>
  ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0)

/** Every slot belongs to exactly one shard. Throws `InvalidParameterCombinationException`. */
export const checkCoverage = (shards: readonly (readonly SlotRange[])[]): void => {
  const sorted = shards.flat().sort((a, b) => a[0] - b[0])
  let next = 0
  for (const [first, last] of sorted) {
    if (first < next) throw invalidCombination(`Slot ${first} is given to more than one node group.`)
    if (first > next) throw invalidCombination(`Slots ${next}-${first - 1} are given to no node group.`)
    next = last + 1
  }
  if (next !== slotTotal) throw invalidCombination(`Slots ${next}-${slotTotal - 1} are given to no node group.`)
}

/** What is left of these ranges without the others, in their order; both need not be sorted. */
export const slotsWithout = (ranges: readonly SlotRange[], others: readonly SlotRange[]): readonly SlotRange[] =>
  others.reduce<readonly SlotRange[]>(
    (left, [from, to]) =>
      left.flatMap(([first, last]): readonly SlotRange[] => {
        if (to < first || from > last) return [[first, last]]
        const before: readonly SlotRange[] = first < from ? [[first, from - 1]] : []
        return to < last ? [...before, [to + 1, last]] : before
      }),
    ranges,
  )
