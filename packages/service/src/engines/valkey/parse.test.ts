import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { SlotRange } from '../../model/group.ts'
import { hindranceOf, missingSlots, parseCluster, parseInfo, parsePairs, replicationOf } from './parse.ts'

const a = 'a'.repeat(40)
const b = 'b'.repeat(40)

describe('INFO', () => {
  it('tells a replica from a primary', () => {
    const replica = parseInfo(
      '# Replication\r\nrole:slave\r\nmaster_host:127.65.0.1\r\nmaster_port:6379\r\nmaster_link_status:up\r\nslave_repl_offset:42\r\nmaster_replid:abc\r\n',
    )
    assert.deepEqual(replicationOf(replica), {
      role: 'replica',
      primary: { address: '127.65.0.1', port: 6379 },
      linkUp: true,
      offset: 42,
      replicationId: 'abc',
      connectedReplicas: 0,
    })
    const primary = replicationOf(parseInfo('role:master\r\nconnected_slaves:2\r\nmaster_repl_offset:7\r\n'))
    assert.deepEqual(
      [primary.role, primary.primary, primary.linkUp, primary.offset, primary.connectedReplicas],
      ['primary', null, false, 7, 2],
    )
  })

  it('does not call a link up while the first copy is still on its way', () => {
    const info = parseInfo(
      'role:slave\r\nmaster_host:x\r\nmaster_port:1\r\nmaster_link_status:up\r\nmaster_sync_in_progress:1\r\n',
    )
    assert.equal(replicationOf(info).linkUp, false)
  })

  it('says what keeps clients out: a full house, or a pause of everything', () => {
    const of = (...lines: string[]) => hindranceOf(parseInfo(lines.join('\r\n'))).hindrance
    assert.equal(of('maxclients:100', 'connected_clients:99'), undefined)
    assert.equal(of('maxclients:100', 'connected_clients:90', 'cluster_connections:10'), 'every place is taken')
    assert.equal(of('connected_clients:100'), undefined)
    assert.equal(of('paused_reason:client_pause', 'paused_actions:all'), 'paused by a client')
    assert.equal(of('paused_reason:client_pause', 'paused_actions:write'), undefined)
    assert.equal(of('paused_reason:none', 'paused_actions:none'), undefined)
  })

  it('tells for how long a replica has not reached its primary, and whether it ever has', () => {
    const down = (seconds: string, syncing = '0') =>
      replicationOf(
        parseInfo(
          `role:slave\r\nmaster_link_status:down\r\nmaster_sync_in_progress:${syncing}\r\nmaster_link_down_since_seconds:${seconds}\r\n`,
        ),
      ).linkDownSeconds
    assert.deepEqual([down('34'), down('-1'), down('-1', '1')], [34, -1, undefined])
  })

  it('keeps colons in values', () => {
    assert.equal(parseInfo('executable:/a:b\r\n').get('executable'), '/a:b')
  })
})

describe('CLUSTER NODES', () => {
  it('is read with host names and further fields, slots on the move left out', () => {
    const text = [
      `${a} 127.65.0.1:6379@16379,name.example,shard-id=${b} myself,master - 0 0 3 connected 0-5 7 [8->-${b}] [9-<-${b}]`,
      `${b} :0@0 slave,fail,noaddr ${a} 1 2 4 disconnected`,
      '',
    ].join('\n')
    const view = parseCluster(text, 'cluster_state:ok\r\ncluster_current_epoch:5\r\n')
    assert.deepEqual([view.myId, view.state, view.currentEpoch], [a, 'ok', 5])
    assert.deepEqual(view.nodes, [
      {
        id: a,
        address: '127.65.0.1',
        port: 6379,
        flags: ['myself', 'master'],
        primaryId: null,
        configEpoch: 3,
        linkUp: true,
        slots: [
          [0, 5],
          [7, 7],
        ],
      },
      { id: b, address: '', port: 0, flags: ['slave', 'fail', 'noaddr'], primaryId: a, configEpoch: 4, linkUp: false, slots: [] },
    ])
  })
})

describe('CONFIG GET', () => {
  it('is names and values in turn', () => {
    assert.deepEqual(
      [...parsePairs(['bind', '127.0.0.1', 'port', '6379'])],
      [
        ['bind', '127.0.0.1'],
        ['port', '6379'],
      ],
    )
    assert.equal(parsePairs(null).size, 0)
  })
})

describe('missing slots', () => {
  const ranges = fc.array(
    fc.tuple(fc.nat(60), fc.nat(6)).map(([first, length]): SlotRange => [first, first + length]),
    { maxLength: 5 },
  )
  const slotsOf = (list: readonly SlotRange[]): ReadonlySet<number> =>
    new Set(list.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => first + at)))

  it('are those wanted less those present', () => {
    fc.assert(
      fc.property(ranges, ranges, (wanted, present) => {
        const found = slotsOf(missingSlots(wanted, present))
        assert.deepEqual([...found].sort(), [...slotsOf(wanted)].filter((slot) => !slotsOf(present).has(slot)).sort())
      }),
    )
  })
})
