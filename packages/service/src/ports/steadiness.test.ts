import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSteadiness } from './steadiness.ts'

const hour = 3_600_000

for (const [what, jump] of [
  ['ahead', 365 * 24 * hour],
  ['back', -365 * 24 * hour],
  ['two minutes ahead', 120_000],
] as const)
  test(`a clock that jumps ${what} is not steady for a day`, () => {
    let [steady, wrong] = [0, 0]
    const isSteady = createSteadiness({ now: () => 1_000_000 + steady + wrong, steady: () => steady })
    for (let hours = 0; hours < 48; hours += 1) {
      steady += hour
      assert.ok(isSteady())
    }
    wrong = jump
    for (let hours = 0; hours < 25; hours += 1) {
      steady += hour
      assert.ok(!isSteady(), `${hours}`)
    }
    steady += hour
    assert.ok(isSteady())
  })
