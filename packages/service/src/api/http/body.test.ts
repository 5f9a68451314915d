import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { Fault } from '../../errors.ts'
import { createBodies, mostBodyBytes } from './body.ts'

/** What is used of a request; closing its connection is an error of it. */
const request = () => {
  const events = new EventEmitter()
  let isClosed = false
  const socket = {
    destroy: () => {
      isClosed = true
      events.emit('error', new Error('aborted'))
    },
  }
  const message = Object.assign(events, { headers: {}, socket }) as unknown as IncomingMessage
  return {
    message,
    send: (size: number) => events.emit('data', Buffer.alloc(size, 'x')),
    end: () => events.emit('end'),
    isClosed: () => isClosed,
  }
}

test('a body is what has come, in whatever pieces', async () => {
  const bodies = createBodies(1_000_000)
  const { message, send, end } = request()
  const read = bodies.read(message)
  for (const size of [1, 1, 5_000, 1, 70_000]) send(size)
  end()
  const held = await read
  assert.equal(Buffer.from(held.bytes()).toString(), 'x'.repeat(75_003))
  held.release()
  held.release()
  assert.deepEqual([bodies.held(), held.bytes().length], [0, 0])
})

test('of a body that is too large nothing is kept', async () => {
  const bodies = createBodies(100 * mostBodyBytes)
  const { message, send } = request()
  const read = bodies.read(message)
  send(mostBodyBytes)
  send(1)
  await assert.rejects(read, (error: unknown) => error instanceof Fault && error.shape === 'RequestEntityTooLarge')
  assert.equal(bodies.held(), 0)
})

test('where all together are too large the largest goes, whether it has come whole or not', async () => {
  const bodies = createBodies(250_000)
  const [small, whole, half, last] = [request(), request(), request(), request()]
  const reads = [small, whole, half, last].map(({ message }) => bodies.read(message))
  const refused = reads.map((read) =>
    read.then(
      () => false,
      () => true,
    ),
  )
  small.send(100)
  small.end()
  whole.send(100_000)
  whole.end()
  half.send(40_000)
  last.send(40_000)
  assert.deepEqual(
    [small, whole, half, last].map((each) => each.isClosed()),
    [false, true, false, false],
  )
  assert.equal((await reads[1])?.bytes().length, 0)
  last.end()
  half.send(60_000)
  assert.ok(half.isClosed())
  assert.deepEqual(await Promise.all(refused), [false, false, true, false])
  assert.ok(bodies.held() <= 250_000)
  for (const read of [reads[0], reads[1], reads[3]]) (await read)?.release()
  assert.equal(bodies.held(), 0)
})
