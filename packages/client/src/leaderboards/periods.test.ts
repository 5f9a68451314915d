import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endAfter, spanOf } from './periods.ts'

const at = (text: string): number => Date.parse(text)

test('days, weeks and months begin where the clocks say, and are named as ISO 8601 does', () => {
  assert.deepEqual(spanOf('daily', at('2026-11-23T23:59:59Z')), {
    name: '2026-11-23',
    from: at('2026-11-23T00:00:00Z'),
    to: at('2026-11-24T00:00:00Z'),
  })
  assert.equal(spanOf('daily', at('2026-11-23T23:30:00Z'), 60).name, '2026-11-24')
  assert.equal(spanOf('daily', at('2026-11-24T02:00:00Z'), -180).name, '2026-11-23')
  assert.deepEqual(spanOf('weekly', at('2026-11-29T12:00:00Z')), {
    name: '2026-W48',
    from: at('2026-11-23T00:00:00Z'),
    to: at('2026-11-30T00:00:00Z'),
  })
  assert.equal(spanOf('weekly', at('2027-01-03T12:00:00Z')).name, '2026-W53')
  assert.equal(spanOf('weekly', at('2027-01-04T00:00:00Z')).name, '2027-W01')
  assert.equal(spanOf('weekly', at('2024-12-30T00:00:00Z')).name, '2025-W01')
  assert.deepEqual(spanOf('monthly', at('2024-02-29T12:00:00Z')), {
    name: '2024-02',
    from: at('2024-02-01T00:00:00Z'),
    to: at('2024-03-01T00:00:00Z'),
  })
})

test('every moment is in its span, and spans follow one another without a gap', () => {
  for (const period of ['daily', 'weekly', 'monthly'] as const)
    for (let moment = at('2023-12-25T03:00:00Z'); moment < at('2025-01-15T00:00:00Z'); moment += 7 * 3_600_000) {
      const span = spanOf(period, moment, 90)
      assert.ok(span.from <= moment && moment < span.to)
      assert.equal(spanOf(period, span.to, 90).from, span.to)
      assert.equal(spanOf(period, span.to - 1, 90).name, span.name)
    }
})

test('a board is kept for whole periods, however long they are', () => {
  const february = spanOf('monthly', at('2026-02-10T00:00:00Z'))
  assert.equal(endAfter('monthly', february, 0), at('2026-03-01T00:00:00Z'))
  assert.equal(endAfter('monthly', february, 1), at('2026-04-01T00:00:00Z'))
  assert.equal(endAfter('monthly', february, 12), at('2027-03-01T00:00:00Z'))
  const east = spanOf('monthly', at('2026-02-10T00:00:00Z'), 600)
  assert.equal(endAfter('monthly', east, 2, 600), at('2026-04-30T14:00:00Z'))
  assert.equal(endAfter('weekly', spanOf('weekly', at('2026-12-30T00:00:00Z')), 1), at('2027-01-11T00:00:00Z'))
})
