import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../errors.ts'
import * as windows from './windows.ts'

const refused =
  (shape = 'InvalidParameterValueException') =>
  (error: unknown): boolean =>
    error instanceof Fault && error.shape === shape

const minuteMs = 60_000
const weekMs = 7 * 24 * 60 * minuteMs
/** A Sunday, 00:00 UTC. */
const sunday = Date.UTC(2026, 0, 4)

test('windows are taken in the form of AWS, days in any case', () => {
  assert.equal(windows.maintenanceWindow('Sun:23:00-MON:01:30'), 'sun:23:00-mon:01:30')
  assert.equal(windows.maintenanceWindow('sat:23:30-sun:00:30'), 'sat:23:30-sun:00:30')
  assert.equal(windows.snapshotWindow('23:30-00:30'), '23:30-00:30')
})

test('windows that are too short, not of the form, or at no time are refused', () => {
  for (const text of [
    '',
    'sun:23:00',
    'sun:23:00-sun:23:59',
    'sun:23:00-sun:23:00',
    'day:00:00-sun:01:00',
    'sun:24:00-mon:01:00',
    'sun:1:00-sun:03:00',
    'sun:01:60-sun:03:00',
    ' sun:01:00-sun:03:00',
  ])
    assert.throws(() => windows.maintenanceWindow(text), refused(), text)
  for (const text of ['', '05:00', '05:00-05:59', '05:00-05:00', '24:00-01:00', '5:00-6:00', '05:00-06:00 '])
    assert.throws(() => windows.snapshotWindow(text), refused(), text)
})

test('a moment is in the window from its first minute to the one before its last, also over the end of the week', () => {
  const window = 'sat:23:30-sun:01:00'
  const at = (minutes: number): boolean => windows.inMaintenanceWindow(window, sunday + minutes * minuteMs)
  assert.deepEqual([-31, -30, -1, 0, 59, 60].map(at), [false, true, true, true, true, false])
})

test('windows that are picked are valid, one hour long, the same for the same seed, and apart', () => {
  fc.assert(
    fc.property(fc.string(), (seed) => {
      const maintenance = windows.pickMaintenanceWindow(seed)
      const snapshot = windows.pickSnapshotWindow(seed, maintenance)
      assert.equal(windows.maintenanceWindow(maintenance), maintenance)
      assert.equal(windows.snapshotWindow(snapshot), snapshot)
      assert.equal(windows.pickMaintenanceWindow(seed), maintenance)
      assert.equal(windows.pickSnapshotWindow(seed, maintenance), snapshot)
      windows.checkWindowsApart(maintenance, snapshot)
      let minutes = 0
      for (let at = sunday; at < sunday + weekMs; at += 10 * minuteMs)
        if (windows.inMaintenanceWindow(maintenance, at)) minutes += 10
      assert.equal(minutes, 60)
    }),
    { numRuns: 50 },
  )
})

test('different seeds are spread over the week', () => {
  const picked = new Set(Array.from({ length: 100 }, (_, index) => windows.pickMaintenanceWindow(`group-${index}`)))
  assert.ok(picked.size > 60, `${picked.size} windows`)
})

test('overlapping windows are refused; windows that touch are not', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['mon:05:00-mon:06:00', '05:30-06:30', true],
    ['mon:05:00-mon:06:00', '04:30-05:30', true],
    ['mon:05:00-mon:08:00', '06:00-07:00', true],
    ['mon:06:00-mon:07:00', '05:00-08:00', true],
    ['sat:23:30-sun:00:30', '00:00-01:00', true],
    ['mon:05:00-tue:06:00', '20:00-21:00', true],
    ['mon:05:00-mon:06:00', '06:00-07:00', false],
    ['mon:05:00-mon:06:00', '04:00-05:00', false],
    ['sun:23:00-mon:00:00', '00:00-01:00', false],
  ]
  for (const [maintenance, snapshot, overlap] of cases) {
    const check = (): void => windows.checkWindowsApart(maintenance, snapshot)
    if (overlap) assert.throws(check, refused('InvalidParameterCombinationException'), `${maintenance} ${snapshot}`)
    else check()
  }
})
