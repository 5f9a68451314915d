import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { defaultSubnetGroup, defaultVpc, isSubnetId, placeSubnets } from './network.ts'
import { zonesOf } from './zones.ts'

const subnetId = fc
  .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 17, maxLength: 17 })
  .map((hex) => `subnet-${hex}`)

describe('the default VPC', () => {
  it('has one subnet in each zone, with ids of the form of EC2', () => {
    const vpc = defaultVpc('us-east-1', '000000000000')
    assert.match(vpc.id, /^vpc-[0-9a-f]{17}$/)
    assert.deepEqual(
      vpc.subnets.map((subnet) => subnet.zone),
      zonesOf('us-east-1'),
    )
    assert.ok(vpc.subnets.every((subnet) => isSubnetId(subnet.id)))
    assert.equal(new Set(vpc.subnets.map((subnet) => subnet.id)).size, 3)
  })

  it('is the same on every call and another one in each region and account', () => {
    assert.deepEqual(defaultVpc('us-east-1', '000000000000'), defaultVpc('us-east-1', '000000000000'))
    const ids = [
      ['us-east-1', '000000000000'],
      ['us-east-2', '000000000000'],
      ['us-east-1', '000000000001'],
    ].flatMap(([region = '', account = '']) => defaultVpc(region, account).subnets.map((subnet) => subnet.id))
    assert.equal(new Set(ids).size, ids.length)
  })

  it('makes the subnet group default', () => {
    const group = defaultSubnetGroup('eu-west-1', '000000000000')
    assert.equal(group.name, 'default')
    assert.equal(group.description, 'Default CacheSubnetGroup')
    assert.deepEqual(group.subnets, defaultVpc('eu-west-1', '000000000000').subnets)
  })
})

describe('a subnet id', () => {
  it('is subnet- and 8 or 17 hexadecimal digits', () => {
    for (const id of ['subnet-12345678', 'subnet-0123456789abcdef0']) assert.ok(isSubnetId(id), id)
    for (const id of [
      '',
      'subnet-',
      'subnet-1234567',
      'subnet-123456789',
      'subnet-1234567G',
      'SUBNET-12345678',
      'vpc-12345678',
      'subnet-12345678\n',
    ]) {
      assert.ok(!isSubnetId(id), id)
    }
  })
})

describe('subnets of a group', () => {
  it('that nobody knows are spread over the zones as evenly as can be', () => {
    fc.assert(
      fc.property(fc.uniqueArray(subnetId, { minLength: 1, maxLength: 20 }), (ids) => {
        const load = new Map<string, number>()
        for (const { zone } of placeSubnets(ids, 'us-east-1', [])) load.set(zone, (load.get(zone) ?? 0) + 1)
        const counts = zonesOf('us-east-1').map((zone) => load.get(zone) ?? 0)
        assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, JSON.stringify(counts))
      }),
    )
  })

  it('keep the zone that they have elsewhere, and their order', () => {
    const known = [
      { id: 'subnet-0000000c', zone: 'us-east-1c' },
      { id: 'subnet-0000000a', zone: 'us-east-1a' },
    ]
    const ids = ['subnet-00000001', 'subnet-0000000c', 'subnet-00000002', 'subnet-0000000a']
    const placed = placeSubnets(ids, 'us-east-1', known)
    assert.deepEqual(
      placed.map((subnet) => subnet.id),
      ids,
    )
    assert.deepEqual(
      placed.map((subnet) => subnet.zone),
      ['us-east-1b', 'us-east-1c', 'us-east-1a', 'us-east-1a'],
    )
  })

  it('count once when they are named twice', () => {
    assert.equal(placeSubnets(['subnet-12345678', 'subnet-12345678'], 'us-east-1', []).length, 1)
  })
})
