import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Connections, createConnections, type Peer } from './connections.ts'
import { connectionLimits } from './limits.ts'

interface FakePeer extends Peer {
  destroyed: boolean
}

const peer = (remoteAddress = '127.0.0.1'): FakePeer => ({
  remoteAddress,
  destroyed: false,
  destroy() {
    this.destroyed = true
  },
})

const limits = { signed: 3, unsigned: 4 }
const open = (connections: Connections, source?: string): FakePeer => {
  const opened = peer(source)
  connections.opened(opened)
  return opened
}
const begin = (connections: Connections, asking: FakePeer): void => {
  assert.ok(connections.began(asking))
  connections.received(asking)
}
const sign = (connections: Connections, signing: FakePeer): void => {
  connections.began(signing)
  connections.ended(signing, true)
}

test('the longest idle makes room', () => {
  const connections = createConnections(limits, () => 0)
  const [first, second, ...rest] = Array.from({ length: 4 }, () => open(connections))
  assert.ok(first !== undefined && second !== undefined)
  connections.began(first)
  connections.ended(first, false)
  const fifth = open(connections)
  assert.deepEqual(
    [first, second, ...rest, fifth].map(({ destroyed }) => destroyed),
    [false, true, false, false, false],
  )
  assert.equal(connections.takeRefused(), 1)
  assert.equal(connections.takeRefused(), 0)
})

test('who has signed is not closed for those who have not', () => {
  const connections = createConnections(limits, () => 0)
  const signed = open(connections)
  sign(connections, signed)
  for (let index = 0; index < 20; index += 1) open(connections)
  assert.ok(!signed.destroyed && connections.isSigned(signed))
  assert.equal(connections.unsigned(), 4)
})

test('busy ones are left alone, and the new one is refused', () => {
  const connections = createConnections(limits, () => 0)
  const busy = Array.from({ length: 4 }, () => open(connections))
  for (const each of busy) begin(connections, each)
  const late = open(connections)
  assert.ok(late.destroyed)
  assert.ok(busy.every(({ destroyed }) => !destroyed))
})

test('who has begun a request and does not end it makes room, and is not closed for being slow', () => {
  const connections = createConnections(limits, () => 0)
  const halves = Array.from({ length: 4 }, () => open(connections))
  for (const each of halves) assert.ok(connections.began(each))
  connections.closeIdle(0)
  assert.ok(halves.every(({ destroyed }) => !destroyed))
  const late = open(connections)
  assert.deepEqual(
    [late, ...halves].map(({ destroyed }) => destroyed),
    [false, true, false, false, false],
  )
})

test('who sends without waiting makes room before those who wait', () => {
  const connections = createConnections(limits, () => 0)
  const busy = Array.from({ length: 4 }, () => open(connections))
  for (const each of busy) begin(connections, each)
  const [, , hasty] = busy
  assert.ok(hasty)
  begin(connections, hasty)
  const late = open(connections)
  assert.ok(hasty.destroyed && !late.destroyed)
  assert.equal(busy.filter(({ destroyed }) => destroyed).length, 1)
})

test('one source cannot take all: another one gets its place, also from busy ones', () => {
  const connections = createConnections(limits, () => 0)
  const busy = Array.from({ length: 4 }, () => open(connections, '127.0.0.1'))
  for (const each of busy) begin(connections, each)
  const other = open(connections, '127.0.0.2')
  assert.ok(!other.destroyed)
  assert.equal(busy.filter(({ destroyed }) => destroyed).length, 1)
  for (let index = 0; index < 10; index += 1) open(connections, '127.0.0.1')
  assert.ok(!other.destroyed)
})

test('a peer that sends without waiting for answers is closed', () => {
  const connections = createConnections(limits, () => 0)
  const hasty = open(connections)
  let taken = 0
  while (connections.began(hasty)) taken += 1
  assert.equal(taken, 4)
  assert.ok(hasty.destroyed)
})

test('idle ones that have not signed are closed after a while', () => {
  let now = 0
  const connections = createConnections(limits, () => now)
  const [silent, busy, signed] = [open(connections), open(connections), open(connections)]
  connections.began(busy)
  sign(connections, signed)
  now = 100
  const late = open(connections)
  connections.closeIdle(100)
  assert.deepEqual(
    [silent, busy, signed, late].map(({ destroyed }) => destroyed),
    [true, false, false, false],
  )
})

test('whatever comes, no more are open than the limits say, and a source that has few is not closed for one that has many', () => {
  const step = fc.record({
    what: fc.constantFrom('open', 'open', 'open', 'begin', 'whole', 'end', 'sign', 'close', 'idle'),
    which: fc.nat(30),
    source: fc.nat(3),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const connections = createConnections(limits, () => 0)
      const peers: FakePeer[] = []
      const underWay = new Map<FakePeer, number>()
      const coming = new Map<FakePeer, number>()
      const living = (): readonly FakePeer[] => peers.filter(({ destroyed }) => !destroyed)
      for (const { what, which, source } of steps) {
        const at = living()[which % Math.max(1, living().length)]
        const before = new Map(living().map((each) => [each, each.remoteAddress]))
        if (what === 'open') {
          const fresh = peer(`127.0.0.${source}`)
          peers.push(fresh)
          connections.opened(fresh)
          const closed = [...before].find(([each]) => each.destroyed)
          const unsignedOf = (address?: string): number =>
            [...before].filter(([each, from]) => from === address && !connections.isSigned(each)).length
          if (closed !== undefined)
            assert.ok(unsignedOf(closed[1]) >= unsignedOf(fresh.remoteAddress), 'the larger source yields')
        } else if (at !== undefined) {
          const busy = underWay.get(at) ?? 0
          const parts = coming.get(at) ?? 0
          if (what === 'begin' && connections.began(at)) {
            underWay.set(at, busy + 1)
            coming.set(at, parts + 1)
          }
          if (what === 'whole' && parts > 0) {
            coming.set(at, parts - 1)
            connections.received(at)
          }
          if ((what === 'end' || what === 'sign') && busy > 0) {
            underWay.set(at, busy - 1)
            coming.set(at, Math.min(parts, busy - 1))
            connections.ended(at, what === 'sign')
          }
          if (what === 'close') {
            at.destroyed = true
            connections.closed(at)
          }
          if (what === 'idle') connections.closeIdle(0)
        }
        assert.ok(living().length <= limits.signed + limits.unsigned + 1)
        assert.ok(living().filter((each) => connections.isSigned(each)).length <= limits.signed)
      }
    }),
  )
})

test('half of the descriptors are left for engines, files and children', () => {
  for (const files of [16, 64, 256, 1_024, 20_000, 1_048_576]) {
    const { signed, unsigned } = connectionLimits(files)
    assert.ok(files < 64 || signed + unsigned <= files / 2, `${files}`)
    assert.ok(signed >= 8 && unsigned >= 8)
  }
  assert.deepEqual(connectionLimits(null), { signed: 256, unsigned: 256 })
})
