import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ascii } from './ascii.ts'
import { binary } from './binary.ts'
import { discoveryText, type Protocol } from './protocol.ts'

const discovery = {
  version: 12,
  nodes: [
    { address: '127.65.0.1', port: 11211 },
    { address: '127.66.0.1', port: 11211 },
  ],
}

/** What goes on to the node, with `<?>` where the client asked for the list. */
const cutRequests = (protocol: Protocol, chunks: readonly Buffer[]): string => {
  const split = protocol.requests()
  return chunks
    .flatMap((chunk) => split(chunk))
    .map((part) => (part.is === 'discovery' ? '<?>' : part.bytes.toString('latin1')))
    .join('')
}

/** What comes from the node, with the markers in angle brackets. */
const cutReplies = (protocol: Protocol, chunks: readonly Buffer[]): string => {
  const split = protocol.replies()
  return chunks
    .flatMap((chunk) => split(chunk))
    .map((part) => (part.is === 'marker' ? `<${part.bytes.toString('latin1')}>` : part.bytes.toString('latin1')))
    .join('')
}

const chunked = (bytes: Buffer, cuts: readonly number[]): readonly Buffer[] => {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end))
}

const cuts = fc.array(fc.nat(), { maxLength: 12 })

const asked = (text: string): string => cutRequests(ascii, [Buffer.from(text, 'latin1')])

test('the list of nodes is answered in the form that clients of AWS read', () => {
  const [part] = ascii.requests()(Buffer.from('config get cluster\r\n'))
  assert.ok(part?.is === 'discovery')
  const text = '12\n127.65.0.1|127.65.0.1|11211 127.66.0.1|127.66.0.1|11211\n'
  assert.equal(discoveryText(discovery), text)
  assert.equal(part.answer(discovery).toString(), `CONFIG cluster 0 ${text.length}\r\n${text}\r\nEND\r\n`)
  const [old] = ascii.requests()(Buffer.from('gets AmazonElastiCache:cluster\r\n'))
  assert.ok(old?.is === 'discovery')
  assert.equal(old.answer(discovery).toString(), `VALUE AmazonElastiCache:cluster 0 ${text.length} 12\r\n${text}\r\nEND\r\n`)
})

test('the question is recognised with spaces, without a carriage return and between other commands only', () => {
  assert.equal(asked('config get cluster   \r\n'), '<?>')
  assert.equal(asked('  config  get cluster\n'), '<?>')
  assert.equal(asked('get a\r\nconfig get cluster\r\nget b\r\n'), 'get a\r\n<?>get b\r\n')
  assert.equal(asked('get AmazonElastiCache:cluster\r\n'), '<?>')
  for (const other of [
    'config get other\r\n',
    'CONFIG GET CLUSTER\r\n',
    'get AmazonElastiCache:cluster a\r\n',
    'config get cluster now\r\n',
  ]) {
    assert.equal(asked(other), other)
  }
})

test('a value that reads like a question is data', () => {
  const value = 'config get cluster\r\n'
  for (const line of [
    `set k 0 0 ${value.length}`,
    `add k 1 -1 ${value.length} noreply`,
    `cas k 0 0 ${value.length} 77`,
    `cas k 0 0 ${value.length} 77 noreply`,
    `ms k ${value.length} T0 q`,
    `ms k T0 S${value.length}`,
    `append   k 0 0 ${value.length}`,
  ]) {
    const sent = `${line}\r\n${value}\r\n`
    assert.equal(asked(`${sent}config get cluster\r\n`), `${sent}<?>`, line)
  }
})

test('after a line of which the engine reads no data, the next line is a command', () => {
  for (const line of [
    'set k 0 0',
    'set k 0 0 x',
    'set k x 0 5',
    'set k 0 0 5 noreply more',
    `set ${'k'.repeat(251)} 0 0 5`,
    'ms k',
    'set k 0 0 -1',
    'get k 0 0 5',
  ]) {
    assert.equal(asked(`${line}\r\nconfig get cluster\r\n`), `${line}\r\n<?>`, line)
  }
})

const word = fc.stringMatching(/^[a-z]{1,8}$/)
const asciiCommand = fc.oneof(
  fc.constant('config get cluster\r\n'),
  fc.constant('version\r\n'),
  word.map((key) => `get ${key}\r\n`),
  fc.tuple(word, fc.string({ unit: 'binary', maxLength: 60 })).map(([key, data]) => {
    const bytes = Buffer.from(data)
    return `set ${key} 0 0 ${bytes.length}\r\n${bytes.toString('latin1')}\r\n`
  }),
  fc.integer({ min: 2_000, max: 5_000 }).map((length) => `get ${'k '.repeat(length)}\r\n`),
)

test('requests are cut the same however they arrive', () => {
  fc.assert(
    fc.property(fc.array(asciiCommand, { maxLength: 12 }), cuts, (commands, where) => {
      const expected = commands.map((text) => (text.startsWith('config') ? '<?>' : text)).join('')
      assert.equal(cutRequests(ascii, chunked(Buffer.from(commands.join(''), 'latin1'), where)), expected)
    }),
  )
})

const asciiAnswer = fc.oneof(
  fc.constant('VERSION 1.6.18\r\n'),
  fc.constantFrom('END\r\n', 'STORED\r\n', 'ERROR\r\n', 'STAT version 1.6\r\n', 'HD\r\n', 'VALUED\r\n'),
  fc
    .string({ unit: 'binary', maxLength: 60 })
    .map((data) => `VALUE k 0 ${Buffer.from(data).length} 9\r\n${Buffer.from(data).toString('latin1')}\r\n`),
  fc.constant('VALUE k 0 16\r\nVERSION 1.6.18\r\n\r\n'),
  fc.constant('VA 16 t1\r\nVERSION 1.6.18\r\n\r\n'),
  fc.constant(`STAT ${'x'.repeat(5_000)}\r\n`),
)

test('markers are found among the answers, and not in values', () => {
  fc.assert(
    fc.property(fc.array(asciiAnswer, { maxLength: 12 }), cuts, (answers, where) => {
      const expected = answers.map((text) => (text.startsWith('VERSION ') ? `<${text}>` : text)).join('')
      assert.equal(cutReplies(ascii, chunked(Buffer.from(answers.join(''), 'latin1'), where)), expected)
    }),
  )
})

const message = (magic: number, opcode: number, key: string, value: Buffer = Buffer.alloc(0)): Buffer => {
  const header = Buffer.alloc(24)
  header.writeUInt8(magic, 0)
  header.writeUInt8(opcode, 1)
  header.writeUInt16BE(key.length, 2)
  header.writeUInt32BE(key.length + value.length, 8)
  header.writeUInt32BE(0xcafe, 12)
  return Buffer.concat([header, Buffer.from(key), value])
}

test('binary messages are cut the same however they arrive', () => {
  const command = fc.oneof(
    fc.constant({ bytes: message(0x80, 0x60, 'cluster'), seen: '<?>' }),
    fc
      .record({ opcode: fc.constantFrom(0x00, 0x01, 0x0a, 0x10), value: fc.uint8Array({ maxLength: 100 }) })
      .map(({ opcode, value }) => {
        const bytes = message(0x80, opcode, 'key', Buffer.from(value))
        return { bytes, seen: bytes.toString('latin1') }
      }),
    // The second is longer than any question.
    fc
      .constantFrom(message(0x80, 0x60, 'other'), message(0x80, 0x60, 'cluster', Buffer.alloc(300)))
      .map((bytes) => ({ bytes, seen: bytes.toString('latin1') })),
  )
  fc.assert(
    fc.property(fc.array(command, { maxLength: 8 }), cuts, (commands, where) => {
      const sent = Buffer.concat(commands.map(({ bytes }) => bytes))
      assert.equal(cutRequests(binary, chunked(sent, where)), commands.map(({ seen }) => seen).join(''))
    }),
  )
})

test('binary no-ops are found among the answers', () => {
  const noop = message(0x81, 0x0a, '')
  const value = message(0x81, 0x00, 'k', Buffer.concat([noop, noop]))
  const bytes = Buffer.concat([value, noop, value])
  for (let at = 0; at <= bytes.length; at += 1) {
    assert.equal(
      cutReplies(binary, [bytes.subarray(0, at), bytes.subarray(at)]),
      `${value.toString('latin1')}<${noop.toString('latin1')}>${value.toString('latin1')}`,
    )
  }
})

test('the binary answer carries flags, the list and the number of the question', () => {
  const [part] = binary.requests()(message(0x80, 0x60, 'cluster'))
  assert.ok(part?.is === 'discovery')
  const answer = part.answer(discovery)
  assert.equal(answer.readUInt8(0), 0x81)
  assert.equal(answer.readUInt8(1), 0x60)
  assert.equal(answer.readUInt8(4), 4)
  assert.equal(answer.readUInt32BE(8), answer.length - 24)
  assert.equal(answer.readUInt32BE(12), 0xcafe)
  assert.equal(answer.subarray(28).toString(), discoveryText(discovery))
})
