/** What is made of measured numbers. Pure. */

/** The value below which this share (0 to 1) of the values lies, nearest rank. Throws without values. */
export const percentile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const found = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (found === undefined) throw new TypeError('expected measured values, found none')
  return found
}

export const median = (values: readonly number[]): number => {
  const middle = percentile(values, 0.5)
  return values.length % 2 === 1 ? middle : (middle + percentile(values, 0.5 + 1 / values.length)) / 2
}

/** Median of the ratios of values that were measured one after the other: what drifts slowly touches both. */
export const pairedRatio = (ours: readonly number[], theirs: readonly number[]): number =>
  median(ours.map((value, index) => value / (theirs[index] ?? Number.NaN)))

export const round = (value: number, digits = 3): number => Number(value.toFixed(digits))

/** The same targets in every round, in turn from the front and from the back. */
export const inTurn = <T>(targets: readonly T[], turn: number): readonly T[] =>
  turn % 2 === 0 ? targets : [...targets].reverse()
