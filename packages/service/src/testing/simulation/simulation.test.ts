/**
 * Ten thousand seeds of faults around the real controllers, and the proof that the simulator would notice if a rule were missing.
 * One seed again: node_modules/.bin/node scripts/simulate.ts --seed N --trace
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isQuick, slowness } from '../busy-machine.ts'
import { mutations } from './mutations.ts'
import { runSeed } from './run.ts'
import { makeRest, shapes } from './scenario.ts'

const seeds = 10_000
const processes = 2
const mostMutatedSeeds = 400
/** A machine on which all of them take longer than this runs those that it gets done, and at least `leastSeeds`. */
const budgetSeconds = isQuick ? 5 : 60
const leastSeeds = isQuick ? 200 : 2_000
/** Against one that never ends. */
const deadlineMs = (budgetSeconds + 100) * 1_000 * slowness
const script = fileURLToPath(new URL('../../../../../scripts/simulate.ts', import.meta.url))

const simulate = (
  first: number,
  count: number,
  least: number,
): Promise<{ readonly status: number | null; readonly said: string }> =>
  new Promise((resolve, reject) => {
    const range = ['--seed', String(first), '--seeds', String(count), '--budget', String(budgetSeconds), '--least', String(least)]
    const child = spawn(process.execPath, [script, ...range], { stdio: ['ignore', 'pipe', 'inherit'], timeout: deadlineMs })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, said }))
  })

test(`${seeds} seeds, or those that the time allows, break no rule`, async (t) => {
  const share = seeds / processes
  const runs = await Promise.all(
    Array.from({ length: processes }, (_, index) => simulate(1 + index * share, share, leastSeeds / processes)),
  )
  for (const { status, said } of runs) {
    assert.equal(status, 0, said)
    t.diagnostic(said.trim())
  }
})

test('a seed gives the same trace each time', async () => {
  const rests = await Promise.all(shapes.map(makeRest))
  for (const seed of [3, 77, 4_711]) {
    const first = await runSeed(seed, rests)
    const again = await runSeed(seed, rests)
    assert.ok(first.trace.length > 3)
    assert.deepEqual(again.trace, first.trace)
  }
})

for (const [rule, { decide, breaks }] of Object.entries(mutations)) {
  test(`without ${rule} the simulator finds a broken rule`, async (t) => {
    const rests = await Promise.all(shapes.map(makeRest))
    for (let seed = 1; seed <= mostMutatedSeeds; seed += 1) {
      const { violation } = await runSeed(seed, rests, decide)
      if (violation === null) continue
      assert.match(violation.rule, breaks)
      t.diagnostic(`seed ${seed}: ${violation.message}`)
      return
    }
    assert.fail(`expected one of ${mostMutatedSeeds} seeds to break a rule, found none`)
  })
}
