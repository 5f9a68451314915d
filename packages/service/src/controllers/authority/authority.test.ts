import assert from 'node:assert/strict'
import { test } from 'node:test'
import { specKey, stateKey } from '../../model/keys.ts'
import type { EventRecord } from '../../model/records.ts'
import type { AuthorityTerm } from '../../ports/certificates.ts'
import { listRecords, put } from '../../ports/records.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { groupAtRest } from '../../testing/group-at-rest.ts'
import { tellEnds } from './authority.ts'

const day = 86_400_000
const start = Date.parse('2026-01-01T12:00:00Z')
const end = start + 100 * day

/** What is told to the user of a group, looked at each day until two days after the end. */
const toldUntilEnd = async (
  term: AuthorityTerm | null,
  transitEncryption: 'required' | null,
  fixedUntil: number | null = null,
): Promise<readonly string[]> => {
  const store = createMemoryStore()
  const { spec, state } = groupAtRest('memcached', 1)
  const nodes = Object.fromEntries(
    Object.entries(state.nodes).map(([id, node]) => [
      id,
      fixedUntil === null
        ? node
        : { ...node, certificate: { issuedAt: start, endsAt: fixedUntil, places: [], round: 0, fixed: true } },
    ]),
  )
  await store.transact(
    [],
    [
      put(specKey(spec), transitEncryption === null ? spec : { ...spec, transitEncryption }),
      put(stateKey(spec), { ...state, nodes }),
    ],
  )
  let unique = 0
  for (let now = start; now < end + 2 * day; now += day / 4) {
    await tellEnds({
      store,
      certificates: { term: () => term },
      clock: { now: () => now },
      log: () => undefined,
      unique: () => (unique++).toString(16).padStart(8, '0'),
    })
  }
  const { records } = await listRecords<EventRecord>(store, 'event/')
  return records.map(({ value }) => `${Math.round((end - value.date) / day)} ${value.sourceId}: ${value.message}`)
}

const notices = (what: string, after = ''): readonly string[] => [
  ...[60, 30, 14, 7, 3].map((days) => `${days} demo: ${what} ends on 2026-04-11, within ${days} days${after}`),
  `1 demo: ${what} ends on 2026-04-11, within a day${after}`,
  `0 demo: ${what} has ended on 2026-04-11${after}`,
]

test('the end of an authority that the user has brought is told six times before, and once after', async () => {
  assert.deepEqual(await toldUntilEnd({ endsAt: end, renewable: false }, 'required'), notices('The certificate authority'))
})

test('nothing is told of an authority that Larder renews, of none, nor to groups without TLS', async () => {
  assert.deepEqual(await toldUntilEnd({ endsAt: end, renewable: true }, 'required'), [])
  assert.deepEqual(await toldUntilEnd(null, 'required'), [])
  assert.deepEqual(await toldUntilEnd({ endsAt: end, renewable: false }, null), [])
})

test('so is the end of a certificate that a node keeps as long as it runs', async () => {
  const { spec } = groupAtRest('memcached', 1)
  const node = spec.shards[0]?.nodes[0]?.id
  const told = await toldUntilEnd({ endsAt: end + 3_650 * day, renewable: true }, 'required', end)
  assert.deepEqual(told, notices(`The certificate of node ${node}`, '; it gets another when it is rebooted'))
})
