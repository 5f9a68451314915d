/** Numbers that look random and are the same for the same seed, so that a run can be made again. */

export interface Draw {
  /** From 0 (included) to 1 (not included). */
  next(): number
  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number
  pick<T>(values: readonly T[]): T
  shuffle<T>(values: readonly T[]): readonly T[]
}

/** Mulberry32. Each stream of one seed has a course of its own: what one round draws does not depend on the rounds before it. */
export const createDraw = (seed: number, stream: number): Draw => {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(stream + 1, 0xc2b2ae35)) >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const whole = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1))
  return {
    next,
    whole,
    pick: (values) => {
      const found = values[whole(0, values.length - 1)]
      if (found === undefined) throw new TypeError('expected values to pick from, found none')
      return found
    },
    shuffle: (values) => {
      const rest = [...values]
      return values.flatMap(() => rest.splice(whole(0, rest.length - 1), 1))
    },
  }
}
