/** A minute of chaos with a seed of its own; `npm run chaos -- --minutes N --seed S` makes longer ones. What it found is in the lines it says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runChaos } from '../chaos/chaos.ts'
import { ordinaryFaults } from '../chaos/faults.ts'

const seed = 4_242
const minutes = 0.9

test('nodes and Larder itself die for a minute under load, and no guarantee is broken', async (context) => {
  const lines: string[] = []
  const { violations, figures } = await runChaos({
    seed,
    minutes,
    allowed: ordinaryFaults.map((fault) => fault.name),
    say: (line) => lines.push(line),
    signal: context.signal,
  })
  const { byFault: _byFault, violations: _violations, ...summary } = figures
  context.diagnostic(JSON.stringify(summary))
  if (violations.length > 0) console.log(lines.join('\n'))
  assert.deepEqual(violations, [])
  assert.ok(Number(figures['rounds']) >= 5, `expected at least 5 rounds, found ${String(figures['rounds'])}`)
})
