import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupSpec } from '../model/group.ts'
import { groupAtRest } from '../testing/group-at-rest.ts'
import { servingEvents } from './serving.ts'

const builds = [
  { engine: 'redis', version: '7.0.15' },
  { engine: 'valkey', version: '9.1.2' },
] as const
const at = (engine: GroupSpec['engine'], engineVersion: string): GroupSpec => ({
  ...groupAtRest('cmd', 2).spec,
  engine,
  engineVersion,
})
const told = (before: GroupSpec | null, after: GroupSpec): readonly string[] =>
  servingEvents(builds, before, after).map(({ sourceId, message }) => `${sourceId}: ${message}`)

test('a version that another engine serves is told when a group gets it, and once', () => {
  const asked = at('redis', '7.1.0')
  const expected = ['demo: redis 7.1.0 is served by redis 7.0.15, the nearest engine that is installed here']
  assert.deepEqual(told(null, asked), expected)
  assert.deepEqual(told(at('redis', '7.0.15'), asked), expected)
  assert.deepEqual(told(asked, asked), [])
})

test('a version that serves itself is not told', () => {
  assert.deepEqual(told(null, at('valkey', '9.1.2')), [])
  assert.deepEqual(told(at('redis', '6.2.6'), at('redis', '7.0.15')), [])
})
