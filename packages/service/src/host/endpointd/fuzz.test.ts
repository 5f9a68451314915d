/** The parsers of this process against bytes that nobody should send: nothing throws, nothing is lost, little is kept. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { LarderError } from '../../errors.ts'
import { until } from '../../testing/busy-machine.ts'
import { exchange, randomLoopbackPrefix, startMemcached } from '../testing.ts'
import { ascii } from './ascii.ts'
import { binary } from './binary.ts'
import { serveDiscovery } from './discovery.ts'
import { type EndpointPlan, parsePlan, parseReport } from './plan.ts'
import { ConnectionEnded } from './sockets.ts'

const question = Buffer.alloc(31)
Buffer.from([0x80, 0x60, 0, 7]).copy(question)
question.writeUInt32BE(7, 8)
question.write('cluster', 24, 'latin1')

const seeds: readonly Buffer[] = [
  ...[
    'config get cluster\r\n',
    'get AmazonElastiCache:cluster\r\n',
    'set a 0 0 5\r\nhello\r\n',
    'ms a 5\r\nhello\r\n',
    'get a\r\n',
  ],
  ...[
    'version\r\n',
    'VERSION 1.6.18\r\n',
    'VALUE a 0 5\r\nhello\r\nEND\r\n',
    'VA 5\r\nhello\r\n',
    'STORED\r\n',
    '\n',
    ' ',
    '\x16\x03\x01',
  ],
  ...['set a 0 0 4294967295\r\n', 'set a 0 0 -1\r\n', `get ${'k'.repeat(300)}\r\n`, 'x'.repeat(3_000)],
]
  .map((text) => Buffer.from(text, 'latin1'))
  .concat(question, Buffer.from([0x81]), Buffer.concat([Buffer.from([0x80, 0x0a]), Buffer.alloc(22)]))

/** Bytes that somebody changed, left out, or put in. */
const mutated: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom(...seeds) },
        fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      ),
      {
        maxLength: 12,
      },
    ),
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.constantFrom('change', 'drop', 'put')), { maxLength: 4 }),
  )
  .map(([parts, changes]) => {
    let bytes = [...Buffer.concat(parts)]
    for (const [place, byte, how] of changes) {
      const at = place % (bytes.length + 1)
      bytes = [...bytes.slice(0, at), ...(how === 'drop' ? [] : [byte]), ...bytes.slice(how === 'put' ? at : at + 1)]
    }
    return Buffer.from(bytes)
  })

const cut = (bytes: Buffer, places: readonly number[]): readonly Buffer[] => {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end))
}

const places = fc.array(fc.nat(), { maxLength: 8 })
const longestKept = 4_096

for (const [name, protocol] of Object.entries({ ascii, binary })) {
  test(`${name}: whatever is sent, nothing throws, and every byte but questions and a short rest goes on in its order`, () => {
    fc.assert(
      fc.property(mutated, places, (bytes, at) => {
        const [split, replies, logins] = [protocol.requests(), protocol.replies(), protocol.logins()]
        let [from, answered] = [0, 0]
        for (const chunk of cut(bytes, at)) {
          for (const part of split(chunk)) {
            if (part.is === 'discovery') from = -1
            if (from < 0) break
            assert.ok(part.is !== 'discovery' && part.bytes.equals(bytes.subarray(from, from + part.bytes.length)))
            from += part.bytes.length
          }
          for (const part of replies(chunk)) {
            assert.ok(part.bytes.equals(bytes.subarray(answered, answered + part.bytes.length)))
            answered += part.bytes.length
          }
          logins(chunk)
        }
        if (from >= 0) assert.ok(bytes.length - from <= longestKept, `${bytes.length - from} bytes are kept`)
        assert.ok(bytes.length - answered <= longestKept, `${bytes.length - answered} bytes of an answer are kept`)
      }),
      { numRuns: 2_000 },
    )
  })

  test(`${name}: it makes no difference where packets end`, () => {
    const said = (chunks: readonly Buffer[]): string => {
      const split = protocol.requests()
      return chunks
        .flatMap((chunk) => split(chunk))
        .map((part) => (part.is === 'discovery' ? '<?>' : part.bytes.toString('latin1')))
        .join('')
    }
    const short = mutated.filter(
      (bytes) =>
        !bytes
          .toString('latin1')
          .split('\n')
          .some((line) => line.length > 2_000),
    )
    fc.assert(
      fc.property(short, (bytes) => {
        const expected = said([bytes])
        for (let at = 1; at < bytes.length; at += 1) assert.equal(said([bytes.subarray(0, at), bytes.subarray(at)]), expected)
      }),
      { numRuns: 300 },
    )
  })
}

const plan: EndpointPlan = {
  format: 1,
  revision: 3,
  readers: [{ endpoint: { address: '127.0.0.1', port: 1 }, backends: [{ address: '127.0.0.2', port: 2 }] }],
  discoveries: [{ endpoint: { address: '127.0.0.1', port: 3 }, version: 1, nodes: [{ address: '127.0.0.2', port: 2 }] }],
  fronts: [
    {
      group: 'g',
      endpoint: { address: '127.0.0.1', port: 4 },
      plain: { address: '127.0.0.1', port: 5 },
      tls: { address: '127.0.0.1', port: 6 },
    },
  ],
}

/** A value of JSON in which one part is replaced by another kind of thing. */
const spoil = (value: unknown, path: readonly number[], by: unknown): unknown => {
  const [first, ...rest] = path
  if (first === undefined || typeof value !== 'object' || value === null) return by
  const keys = Object.keys(value)
  const key = keys[first % Math.max(1, keys.length)] ?? '0'
  const changed = spoil((value as Record<string, unknown>)[key], rest, by)
  return Array.isArray(value)
    ? value.map((entry, index) => (String(index) === key ? changed : entry))
    : { ...value, [key]: changed }
}

test('a damaged plan is refused by name, and a damaged report is none', () => {
  const texts = fc.oneof(
    fc.tuple(fc.array(fc.nat(), { maxLength: 5 }), fc.jsonValue()).map(([path, by]) => JSON.stringify(spoil(plan, path, by))),
    fc.nat().map((length) => JSON.stringify(plan).slice(0, length % JSON.stringify(plan).length)),
    fc.json(),
    fc.string(),
  )
  fc.assert(
    fc.property(texts, (text) => {
      try {
        const { readers, discoveries, fronts } = parsePlan(text)
        for (const { endpoint } of [...readers, ...discoveries, ...fronts]) assert.ok(Number.isInteger(endpoint.port))
      } catch (error) {
        assert.ok(error instanceof LarderError, String(error))
      }
      const report = parseReport(text)
      assert.ok(report === null || Number.isInteger(report.pid))
    }),
    { numRuns: 3_000 },
  )
  assert.deepEqual(parsePlan(JSON.stringify(plan)), plan)
})

const port = 11_211
const prefix = randomLoopbackPrefix()
const [node, endpoint] = [`${prefix}.1`, `${prefix}.9`]
const unexpected: unknown[] = []
const sockets = new Set<Socket>()
let memcached: Awaited<ReturnType<typeof startMemcached>> | null = null
let server: Server | null = null

before(async () => {
  memcached = await startMemcached(node, port)
  server = createServer({ allowHalfOpen: true }, (client) => {
    sockets.add(client)
    client.on('error', () => client.destroy())
    client.once('close', () => sockets.delete(client))
    serveDiscovery(client, () => ({ version: 1, nodes: [{ address: node, port }] })).catch((error: unknown) => {
      if (!(error instanceof ConnectionEnded)) unexpected.push(error)
      client.destroySoon()
    })
  })
  server.listen(port, endpoint)
  await once(server, 'listening')
})

after(async () => {
  for (const socket of sockets) socket.destroy()
  server?.close()
  await memcached?.kill()
})

test('mutated conversations through the endpoint leave it whole, and nothing of them behind', async () => {
  const text = `1\n${node}|${node}|${port}\n`
  await fc.assert(
    fc.asyncProperty(mutated, places, async (bytes, at) => {
      await exchange(endpoint, port, cut(bytes, at))
      assert.equal(
        await exchange(endpoint, port, 'config get cluster\r\nversion\r\n'),
        `CONFIG cluster 0 ${text.length}\r\n${text}\r\nEND\r\nVERSION 1.6.18\r\n`,
      )
    }),
    { numRuns: 100 },
  )
  await until('every connection is closed', () => sockets.size === 0)
  assert.deepEqual(unexpected, [])
})
