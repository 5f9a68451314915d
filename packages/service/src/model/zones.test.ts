import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allBlocks } from './addresses.ts'
import { isRegion, zoneId, zoneIndex, zoneOfAddress, zonesOf } from './zones.ts'

test('a region has three zones, each with an index of its own', () => {
  for (const region of ['us-east-1', 'eu-central-2', 'us-gov-west-1', 'ap-southeast-10', 'eusc-de-east-1']) {
    assert.ok(isRegion(region))
    assert.deepEqual(zonesOf(region), [`${region}a`, `${region}b`, `${region}c`])
    assert.deepEqual(zonesOf(region).map(zoneIndex), [0, 1, 2])
  }
})

test('a zone that does not exist has no index', () => {
  assert.throws(() => zoneIndex('us-east-1d'), TypeError)
  assert.throws(() => zoneIndex(''), TypeError)
})

test('what is no region is told from one, also where it could be a path or a key', () => {
  for (const text of [
    '',
    'us-east',
    'us-east-1a',
    'US-EAST-1',
    'us--1',
    '../x-1',
    'us-east-1/x',
    'us-east-0',
    `us-${'x'.repeat(40)}-1`,
  ])
    assert.equal(isRegion(text), false, text)
})

test('the id of a zone is the region in the letters of AWS, and a number', () => {
  const ids = {
    'us-east-1a': 'use1-az1',
    'us-gov-west-1b': 'usgw1-az2',
    'eu-central-1c': 'euc1-az3',
    'ap-southeast-2a': 'apse2-az1',
    'ap-northeast-1a': 'apne1-az1',
    'me-south-1a': 'mes1-az1',
  }
  for (const [zone, id] of Object.entries(ids)) assert.equal(zoneId(zone), id)
})

test('an address of a node tells its zone; others tell none', () => {
  for (const block of allBlocks)
    for (const [index, zone] of zonesOf('eu-west-1').entries())
      assert.equal(zoneOfAddress('eu-west-1', `127.${block.first + 1 + index}.3.9`), zone)
  for (const address of ['127.64.0.1', '127.0.0.1', '127.63.0.1', '10.65.0.1', ''])
    assert.equal(zoneOfAddress('eu-west-1', address), null)
})
