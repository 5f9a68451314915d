/**
 * How much slower this machine is than the one on which the limits of the tests were set: 1 there and on every faster one. What it does is of the
 * kind that tests do: text made, parsed and hashed by one thread. A machine that is busy with something else counts as slow.
 */
import { createHash } from 'node:crypto'

/** Milliseconds that the work takes on the machine of the limits, two cores of a server of 2024 at rest. */
const referenceMs = 45
const tries = 7
const most = 6

const work = (): number => {
  const from = performance.now()
  let text = ''
  for (let round = 0; round < 250; round += 1) {
    const rows = Array.from({ length: 500 }, (_, index) => ({ id: index, name: `node-${index}`, round }))
    text = createHash('sha256')
      .update(JSON.stringify(JSON.parse(JSON.stringify(rows))))
      .update(text)
      .digest('hex')
  }
  return performance.now() - from
}

/** 1 to 6, to a tenth. Takes half a second. */
export const measureSlowness = (): number => {
  // The first is not compiled yet. The middle one of the others: neither a lucky nor an unlucky moment.
  const times = Array.from({ length: tries }, work)
    .slice(1)
    .sort((a, b) => a - b)
  const middle = times[Math.floor(times.length / 2)] ?? referenceMs
  return Math.round(Math.min(most, Math.max(1, middle / referenceMs)) * 10) / 10
}
