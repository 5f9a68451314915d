import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createReplyReader, encodeCommand, type Reply, ReplyError } from './resp.ts'

const encode = (reply: Reply): string => {
  if (reply === null) return '$-1\r\n'
  if (typeof reply === 'number') return `:${reply}\r\n`
  if (typeof reply === 'string') return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`
  if (reply instanceof ReplyError) return `-${reply.message}\r\n`
  return `*${reply.length}\r\n${reply.map(encode).join('')}`
}

/** Everything that is whole after these pieces have come. */
const read = (...pieces: readonly Buffer[]): readonly Reply[] => {
  const reader = createReplyReader()
  const replies: Reply[] = []
  for (const piece of pieces) {
    reader.push(piece)
    for (let next = reader.next(null); next !== undefined; next = reader.next(null)) replies.push(next)
  }
  return replies
}

const { reply } = fc.letrec<{ reply: Reply }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.integer(),
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('ERR no', 'NOPERM never').map((text) => new ReplyError(text)),
    fc.array(tie('reply'), { maxLength: 4 }),
  ),
}))

describe('replies', () => {
  it('are the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 6 }), fc.array(fc.nat(200), { maxLength: 8 }), (replies, cuts) => {
        const bytes = Buffer.from(replies.map(encode).join(''))
        const places = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort(
          (left, right) => left - right,
        )
        const pieces = places.slice(1).map((place, index) => bytes.subarray(places[index], place))
        assert.deepEqual(read(...pieces), replies)
      }),
    )
  })

  it('tell the code of an error from its text', () => {
    const [error] = read(Buffer.from('-NOPERM this user may not\r\n'))
    assert.ok(error instanceof ReplyError)
    assert.deepEqual([error.code, error.message], ['NOPERM', 'NOPERM this user may not'])
  })

  it('are refused where they are none', () => {
    assert.throws(() => read(Buffer.from('HTTP/1.1 400 Bad Request\r\n')), TypeError)
  })
})

describe('commands', () => {
  it('count bytes, not letters', () => {
    assert.equal(encodeCommand(['SET', 'ä', '']), '*3\r\n$3\r\nSET\r\n$2\r\nä\r\n$0\r\n\r\n')
  })
})
