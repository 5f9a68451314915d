import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClusterMember } from '../../ports/engine.ts'
import { isStandIn, renderClusterFile, renderRejoin, standInOf } from './cluster-file.ts'
import { parseCluster } from './parse.ts'

const a = 'a'.repeat(40)
const b = 'b'.repeat(40)
const c = 'c'.repeat(40)
const member = (id: string, changes: Partial<ClusterMember>): ClusterMember => ({
  id,
  address: `127.65.0.${id.charCodeAt(0) - 96}`,
  port: 6379,
  primaryId: null,
  slots: [],
  configEpoch: 0,
  ...changes,
})
const members = [
  member(a, {
    slots: [
      [0, 99],
      [101, 101],
    ],
    configEpoch: 1,
  }),
  member(b, { primaryId: a }),
  member(c, {
    slots: [
      [100, 100],
      [102, 16_383],
    ],
    configEpoch: 2,
  }),
]
const valkey = { engine: 'valkey', version: '9.1.2' } as const
const redis = { engine: 'redis', version: '7.0.15' } as const

/** What the file says, read as the engine's own listing is: it has the same form. */
const nodesOf = (text: string) =>
  parseCluster(text, '').nodes.map(({ id, flags, primaryId, slots }) => ({ id, role: flags.join(), primaryId, slots }))

describe('nodes.conf of a new group', () => {
  it('says the whole plan', () => {
    const text = renderClusterFile({ myId: b, members }, redis)
    assert.deepEqual(nodesOf(text), [
      {
        id: a,
        role: 'master',
        primaryId: null,
        slots: [
          [0, 99],
          [101, 101],
        ],
      },
      { id: b, role: 'myself,slave', primaryId: a, slots: [] },
      {
        id: c,
        role: 'master',
        primaryId: null,
        slots: [
          [100, 100],
          [102, 16_383],
        ],
      },
    ])
    assert.match(text, /^b{40} 127\.65\.0\.2:6379@16379 myself,slave a{40} 0 0 1 connected$/m)
    assert.match(text, /\nvars currentEpoch 2 lastVoteEpoch 0\n$/)
  })

  it('gives the slots of primaries that take over to stand-ins, and leaves none out', () => {
    const found = nodesOf(renderClusterFile({ myId: a, members, standIns: true }, valkey))
    const owned = found.flatMap(({ slots }) =>
      slots.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => first + at)),
    )
    assert.equal(new Set(owned).size, 16_384)
    assert.equal(owned.length, 16_384)
    for (const { id, slots } of found) assert.equal(isStandIn(id), slots.length > 0)
    assert.deepEqual(
      found.find(({ id }) => id === a),
      { id: a, role: 'myself,slave', primaryId: standInOf(a), slots: [] },
    )
    assert.deepEqual(
      found.find(({ id }) => id === b),
      { id: b, role: 'slave', primaryId: a, slots: [] },
    )
  })

  it('says the plain truth to replicas, and to a node that starts alone', () => {
    assert.equal(renderClusterFile({ myId: b, members, standIns: true }, valkey), renderClusterFile({ myId: b, members }, valkey))
    const alone = { myId: a, members: [member(a, {})], standIns: true }
    assert.deepEqual(nodesOf(renderClusterFile(alone, valkey)), [{ id: a, role: 'myself,master', primaryId: null, slots: [] }])
  })

  it('puts all nodes of a shard into one shard, where the engine knows of shards', () => {
    const shards = [
      ...renderClusterFile({ myId: a, members, standIns: true }, valkey).matchAll(/^(\S+) \S+,,shard-id=([0-9a-f]{40}) /gm),
    ]
    const of = (id: string): string | undefined => shards.find(([, found]) => found === id)?.[2]
    assert.equal(shards.length, 5)
    assert.equal(new Set([of(a), of(b), of(standInOf(a))]).size, 1)
    assert.notEqual(of(a), of(c))
    assert.doesNotMatch(renderClusterFile({ myId: a, members }, redis), /shard-id/)
  })
})

describe('nodes.conf of a node that comes back', () => {
  const [one, two, three] = ['1', '2', '3'].map((digit) => digit.repeat(40))
  const line = (id: string, shardId: string | undefined, rest: string): string =>
    `${id} 127.65.0.1:6379@16379,,tls-port=0,shard-id=${shardId} ${rest}`
  const entry = (id: string, primaryId: string | null, slots: readonly (readonly [number, number])[]) => ({
    ...{ id, address: '', port: 6379, flags: [], linkUp: true, configEpoch: 7 },
    primaryId,
    slots,
  })
  const view = {
    myId: b,
    state: 'ok',
    currentEpoch: 9,
    nodes: [entry(a, b, []), entry(b, null, [[0, 16_383]]), entry(c, b, [])],
  } as const

  it('puts it below the new primary, and all of a shard under one shard id, in whatever order they stand', () => {
    const lines = [
      line(a, one, 'myself,master - 0 0 1 connected 0-16383'),
      line(c, three, `slave ${a} 0 0 1 connected`),
      line(b, two, `slave ${a} 0 0 1 connected`),
      line('d'.repeat(40), two, 'master - 0 0 0 connected'),
    ]
    for (const previous of [lines, lines.toReversed()]) {
      const text = renderRejoin({ previous: previous.join('\n'), myId: a, primaryId: b, view })
      const expected = [
        line(a, two, `myself,slave ${b} 0 0 0 connected`),
        line(c, two, `slave ${b} 0 0 7 connected`),
        line(b, two, 'master - 0 0 7 connected 0-16383'),
        'vars currentEpoch 9 lastVoteEpoch 0',
        '',
      ]
      assert.deepEqual(text.split('\n').toSorted(), expected.toSorted())
      assert.match(text, new RegExp(`^${b} `), 'primaries come first')
    }
  })

  it('puts replicas below the new primary that are still said to be its own', () => {
    const stale = { ...view, nodes: [entry(a, b, []), entry(b, null, [[0, 16_383]]), entry(c, a, [])] }
    const lines = [
      line(a, two, 'myself,master - 0 0 1 connected'),
      line(b, two, `slave ${a} 0 0 1 connected`),
      line(c, three, `slave ${a} 0 0 1 connected`),
    ]
    const text = renderRejoin({ previous: lines.join('\n'), myId: a, primaryId: b, view: stale })
    assert.ok(text.includes(line(c, two, `slave ${b} 0 0 7 connected`)), text)
  })

  it('takes the shard id of a replica where the primary is not known yet, and none where the engine has none', () => {
    const previous = [line(a, one, 'myself,master - 0 0 1 connected'), line(c, three, `slave ${a} 0 0 1 connected`)].join('\n')
    const text = renderRejoin({ previous, myId: a, primaryId: b, view })
    assert.equal(new Set([...text.matchAll(/shard-id=(\S+)/g)].map(([, id]) => id)).size, 1)
    const old = renderRejoin({ previous: previous.replaceAll(/,,\S+/g, ''), myId: a, primaryId: b, view })
    assert.match(old, new RegExp(`^${a} 127.65.0.1:6379@16379 myself,slave ${b} `, 'm'))
    assert.doesNotMatch(old, /shard-id|undefined/)
  })
})
