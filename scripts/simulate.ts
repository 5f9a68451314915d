/**
 * The failover simulator by hand: `node_modules/.bin/node scripts/simulate.ts --seed N [--seeds M] [--trace]`. Ends with 1 at the first seed that
 * breaks a rule, and prints what happened before. `--budget SECONDS` ends it early, after `--least L` seeds at the soonest.
 */
import { parseArgs } from 'node:util'
import { runSeed } from '../packages/service/src/testing/simulation/run.ts'
import { makeRest, shapes } from '../packages/service/src/testing/simulation/scenario.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    budget: { type: 'string' },
    least: { type: 'string' },
    trace: { type: 'boolean' },
    all: { type: 'boolean' },
  },
})
const first = Number(values.seed ?? 1)
const count = Number(values.seeds ?? 1)
const budgetMs = Number(values.budget ?? Number.POSITIVE_INFINITY) * 1_000
const least = Number(values.least ?? 0)
const rests = await Promise.all(shapes.map(makeRest))
const began = performance.now()
const found = new Map<string, number[]>()
let acknowledged = 0
let lost = 0
const reasons = new Map<string, number>()
let ran = 0
for (let seed = first; seed < first + count; seed += 1) {
  if (ran >= least && performance.now() - began > budgetMs) break
  ran += 1
  const outcome = await runSeed(seed, rests)
  acknowledged += outcome.acknowledged
  lost += outcome.lost
  for (const [reason, count] of outcome.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + count)
  if (values.trace === true) process.stdout.write(`${outcome.trace.join('\n')}\n`)
  if (outcome.violation === null) continue
  process.stdout.write(`seed ${seed} (${outcome.shape}) breaks a rule: ${outcome.violation.message}\n`)
  found.set(outcome.violation.rule, [...(found.get(outcome.violation.rule) ?? []), seed])
  process.exitCode = 1
  if (values.all === true) continue
  if (values.trace !== true) process.stdout.write(`${outcome.trace.slice(-60).join('\n')}\n`)
  break
}
for (const [rule, seeds] of found) process.stdout.write(`${rule}: ${seeds.length} seeds, first ${seeds.slice(0, 5).join(', ')}\n`)
for (const [reason, count] of reasons) process.stdout.write(`given up: ${count} by ${reason}\n`)
const seconds = (performance.now() - began) / 1_000
process.stdout.write(
  `${ran} of ${count} seeds from ${first} in ${seconds.toFixed(1)} s; ${acknowledged} writes acknowledged, ${lost} lost with their primary\n`,
)
