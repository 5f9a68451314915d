import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../errors.ts'
import type { Tag } from './group.ts'
import { tagsOnResource } from './quotas.ts'
import { checkTags, type RequestTag } from './tags.ts'

const isFault =
  (shape: string) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.shape === shape
const invalid = isFault('InvalidParameterValueException')

test('tags are added in their order, and a key that is there gets the new value', () => {
  const there: readonly Tag[] = [
    { key: 'a', value: '1' },
    { key: 'b', value: '2' },
  ]
  assert.deepEqual(checkTags(there, undefined), there)
  assert.deepEqual(checkTags(there, [{ Key: 'c' }, { Key: 'a', Value: '9' }]), [
    { key: 'b', value: '2' },
    { key: 'c', value: '' },
    { key: 'a', value: '9' },
  ])
})

test('tags with letters of any script and the signs that AWS allows are taken', () => {
  const tags: readonly RequestTag[] = [
    { Key: 'Kostenstelle Größe', Value: '日本 1.5' },
    { Key: 'a_.:/=+-@', Value: '_.:/=+-@' },
    { Key: 'k'.repeat(128), Value: 'v'.repeat(256) },
  ]
  assert.equal(checkTags([], tags).length, 3)
})

test('tags that AWS refuses are refused', () => {
  const bad: readonly RequestTag[] = [
    {},
    { Key: '' },
    { Key: 'k'.repeat(129) },
    { Key: 'k', Value: 'v'.repeat(257) },
    { Key: 'aws:name', Value: 'x' },
    { Key: 'AWS:name', Value: 'x' },
    { Key: 'a*b' },
    { Key: 'k', Value: '<x>' },
    { Key: 'k', Value: 'a\nb' },
  ]
  for (const tag of bad) assert.throws(() => checkTags([], [tag]), invalid, JSON.stringify(tag))
  assert.throws(() => checkTags([], [{ Key: 'a' }, { Key: 'a' }]), invalid)
})

test('a resource has fifty tags at most; a new value for one of them is still taken', () => {
  const fifty = Array.from({ length: tagsOnResource }, (_, index): Tag => ({ key: `k${index}`, value: '' }))
  assert.equal(checkTags(fifty, [{ Key: 'k7', Value: 'new' }]).length, tagsOnResource)
  assert.throws(() => checkTags(fifty, [{ Key: 'one-more' }]), isFault('TagQuotaPerResourceExceeded'))
})
