import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CertificateState } from '../model/group.ts'
import { groupAtRest } from '../testing/group-at-rest.ts'
import { decideCertificates, needsEndpointCertificate } from './certificates.ts'

const hour = 3_600_000
const day = 24 * hour
const made = Date.parse('2026-06-01T00:00:00Z')

/** Is a certificate that was made `made`, and is good for `life`, made anew `later`? Asked for a node and for a configuration endpoint. */
const isRenewed = (later: number, life: number): boolean => {
  const state = (places: readonly string[]): CertificateState => ({ issuedAt: made, endsAt: made + life, places, round: 0 })
  const group = groupAtRest('single', 1)
  const nodes = Object.fromEntries(
    Object.entries(group.state.nodes).map(([id, node]) => [
      id,
      { ...node, certificate: state([node.address, group.state.primaryEndpoint?.address ?? '']) },
    ]),
  )
  const now = made + later
  const node = decideCertificates({
    ...group,
    spec: { ...group.spec, transitEncryption: 'required' },
    state: { ...group.state, nodes },
    now,
  })
  const cache = groupAtRest('memcached', 1)
  const endpoint = needsEndpointCertificate({
    ...cache,
    spec: { ...cache.spec, transitEncryption: 'required' },
    state: { ...cache.state, endpointCertificate: state([]) },
    now,
  })
  assert.equal(node.length === 1, endpoint)
  return endpoint
}

for (const [what, later, life, expected] of [
  ['a moment old', 0, 400 * day, false],
  ['59 days old', 59 * day, 400 * day, false],
  ['61 days old', 61 * day, 400 * day, true],
  ['over by a clock that is two years ahead', 730 * day, 400 * day, true],
  ['half an hour from being made', -hour / 2, 400 * day, false],
  ['two hours from being made: the clock went back', -2 * hour, 400 * day, true],
  ['a year from being made', -365 * day, 400 * day, true],
  ['good for three days, two and a half of which are over', 2.5 * day, 3 * day, true],
  ['good for an hour, since its authority ends, and made 50 minutes ago', (hour * 5) / 6, hour, false],
  ['good for no time, and made ten minutes ago', hour / 6, 0, false],
  ['of an authority that has ended, and made half an hour ago', hour / 2, -100 * day, false],
  ['good for an hour, and made two hours ago', 2 * hour, hour, true],
] as const)
  test(`a certificate is ${expected ? '' : 'not '}made anew that is ${what}`, () => {
    assert.equal(isRenewed(later, life), expected)
  })

test('however near the end of its authority is, a node gets a certificate once in an hour at most', () => {
  for (let left = 365 * day; left > -day; left -= 3 * hour)
    for (const age of [0, 1_000, 60_000, hour / 2, hour]) assert.equal(isRenewed(age, left), age > hour, `${age} of ${left}`)
})
