import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import type { Discovery } from '../../ports/balancer.ts'
import { until } from '../../testing/busy-machine.ts'
import { exchange, randomLoopbackPrefix, startMemcached } from '../testing.ts'
import { serveDiscovery } from './discovery.ts'
import { discoveryText } from './protocol.ts'
import { ConnectionEnded } from './sockets.ts'

const port = 11_211
const prefix = randomLoopbackPrefix()
const node = { address: `${prefix}.1`, port }
const spare = { address: `${prefix}.2`, port }
const endpoint = `${prefix}.9`
const unexpected: unknown[] = []

interface Served extends AsyncDisposable {
  readonly server: Server
  readonly sockets: Set<Socket>
}

const serve = async (address: string, current: () => Discovery): Promise<Served> => {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    sockets.add(client)
    client.on('error', () => client.destroy())
    client.once('close', () => sockets.delete(client))
    serveDiscovery(client, current).catch((error: unknown) => {
      if (!(error instanceof ConnectionEnded)) unexpected.push(error)
      client.destroySoon()
    })
  })
  server.listen(port, address)
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
  return { server, sockets, [Symbol.asyncDispose]: close }
}

const discovery: Discovery = { version: 3, nodes: [node, spare] }
const list = discoveryText(discovery)
const answer = `CONFIG cluster 0 ${list.length}\r\n${list}\r\nEND\r\n`

let memcached: Awaited<ReturnType<typeof startMemcached>> | null = null
let served: Served | null = null

before(async () => {
  memcached = await startMemcached(node.address, port)
  served = await serve(endpoint, () => discovery)
})

after(async () => {
  await served?.[Symbol.asyncDispose]()
  await memcached?.kill()
  assert.deepEqual(unexpected, [])
})

const conversations: readonly (readonly [string, string])[] = [
  ['values and misses', 'set a 0 0 5\r\nhello\r\nget a b\r\ngat 0 a\r\ndelete a\r\nget a\r\n'],
  ['several answers of many lines', 'stats settings\r\nget a\r\nversion\r\nstats nothing\r\nversion\r\n'],
  ['commands without an answer', 'set a 0 0 1 noreply\r\nx\r\nincr a 1 noreply\r\ndelete a noreply\r\nmn\r\n'],
  ['meta commands', 'ms m 5 T0\r\nhello\r\nmg m v t\r\nmg none v q\r\nmd m\r\nmn\r\nversion\r\n'],
  [
    'data that reads like commands',
    'set a 0 0 19\r\nconfig get cluster\n\r\nget a\r\nset b 0 0 16\r\nVERSION 1.6.18\r\n\r\nget b\r\nversion\r\n',
  ],
  ['a key that is too long', `set ${'k'.repeat(251)} 0 0 5\r\nhello\r\nversion\r\n`],
  ['numbers that are none', 'set a 0 0 x\r\nhello\r\nset a x 0 5\r\nhello\r\nset a 0 0 -1\r\nhello\r\nversion\r\n'],
  ['a block longer than said', 'set a 0 0 5\r\nhelloo\r\nversion\r\n'],
  ['too many and too few words', 'set a 0 0 5 x y\r\nhello\r\ncas a 0 0 5\r\nhello\r\nms a\r\nhello\r\nset a\r\nversion\r\n'],
  ['a value that the engine refuses', `set big 0 0 2000000\r\n${'v'.repeat(2_000_000)}\r\nversion\r\n`],
  ['a large value', `set big 0 0 900000\r\n${'v'.repeat(900_000)}\r\nget big\r\ndelete big\r\n`],
  ['a line of many keys', `get ${'k '.repeat(3_000)}\r\nversion\r\n`],
  ['unknown commands', 'hello\r\nconfig get other\r\n\r\nversion\r\n'],
  ['leaving', 'get a\r\nquit\r\n'],
]

for (const [name, text] of conversations) {
  test(`passes on to the node, byte for byte: ${name}`, async () => {
    const direct = await exchange(node.address, port, text)
    assert.notEqual(direct, '')
    assert.equal(await exchange(endpoint, port, text), direct)
    // In small pieces, and so with other boundaries.
    if (text.length > 10_000) return
    const pieces = Array.from({ length: Math.ceil(text.length / 7) }, (_, index) =>
      Buffer.from(text.slice(index * 7, index * 7 + 7)),
    )
    assert.equal(await exchange(endpoint, port, pieces), direct)
  })
}

test('a question among other commands is answered in its turn, wherever the packets end', async () => {
  const before = 'set a 0 0 5\r\nhello\r\nversion\r\nget a\r\nstats settings\r\n'
  const middle = 'set b 0 0 20\r\nconfig get cluster\r\n\r\nget b\r\nversion\r\n'
  const expected =
    (await exchange(node.address, port, before)) +
    answer +
    (await exchange(node.address, port, middle)) +
    answer +
    answer +
    'END\r\n'
  const sent = Buffer.from(`${before}config get cluster\r\n${middle}config get cluster \r\nconfig get cluster\r\nget none\r\n`)
  assert.equal(await exchange(endpoint, port, sent), expected)
  for (let at = 1; at < sent.length; at += 5)
    assert.equal(await exchange(endpoint, port, [sent.subarray(0, at), sent.subarray(at)]), expected)
})

test('what clients of before 1.4.14 ask is answered too', async () => {
  const expected = `VALUE AmazonElastiCache:cluster 0 ${list.length}\r\n${list}\r\nEND\r\n`
  assert.equal(await exchange(endpoint, port, 'get AmazonElastiCache:cluster\r\n'), expected)
})

const binaryMessage = (opcode: number, key: string, extras = '', value = ''): Buffer => {
  const header = Buffer.alloc(24)
  header.writeUInt8(0x80, 0)
  header.writeUInt8(opcode, 1)
  header.writeUInt16BE(key.length, 2)
  header.writeUInt8(extras.length, 4)
  header.writeUInt32BE(extras.length + key.length + value.length, 8)
  return Buffer.concat([header, Buffer.from(extras + key + value)])
}

test('the binary protocol passes through, and its question is answered in its turn', async () => {
  const before = Buffer.concat([
    binaryMessage(0x01, 'key', '\0'.repeat(8), 'value'.repeat(1_000)),
    binaryMessage(0x00, 'key'),
    binaryMessage(0x0a, ''),
    binaryMessage(0x09, 'none'), // quiet: a miss has no answer
  ])
  const later = Buffer.concat([binaryMessage(0x0a, ''), binaryMessage(0x00, 'key')])
  const withoutCas = (text: string): string => text.replaceAll(/\x81[\s\S]{23}/g, (header) => `${header.slice(0, 16)}********`)
  const direct = [await exchange(node.address, port, before), await exchange(node.address, port, later)].map(withoutCas)
  const question = binaryMessage(0x60, 'cluster')
  const got = withoutCas(await exchange(endpoint, port, Buffer.concat([before, question, later])))
  assert.ok(got.startsWith(direct[0] ?? '?'))
  assert.ok(got.endsWith(direct[1] ?? '?'))
  const between = got.slice(direct[0]?.length, got.length - (direct[1]?.length ?? 0))
  assert.equal(between.slice(28), list)
})

test('a client that reads slowly holds up nobody else, and loses nothing', async () => {
  const size = 500_000
  const rounds = 40
  await exchange(endpoint, port, `set slow 0 0 ${size}\r\n${'s'.repeat(size)}\r\n`)
  const slow = connect({ host: endpoint, port })
  try {
    slow.pause()
    slow.write(`${'get slow\r\n'.repeat(rounds)}config get cluster\r\n`)
    await until('the answers have filled what lies between', () =>
      [...(served?.sockets ?? [])].some((socket) => socket.writableNeedDrain),
    )
    const waiting = process.memoryUsage().rss
    for (let index = 0; index < 20; index += 1)
      assert.equal(await exchange(endpoint, port, 'get none\r\nconfig get cluster\r\n'), `END\r\n${answer}`)
    assert.ok(process.memoryUsage().rss - waiting < 50_000_000, 'the answers are not gathered in memory')
    let length = 0
    let last = ''
    const expected = rounds * (`VALUE slow 0 ${size}\r\n`.length + size + '\r\nEND\r\n'.length) + answer.length
    slow.on('data', (chunk) => {
      length += chunk.length
      last = (last + chunk.toString('latin1')).slice(-answer.length)
    })
    slow.resume()
    await until('all of it has come', () => length >= expected)
    assert.equal(length, expected)
    assert.equal(last, answer)
  } finally {
    slow.destroy()
  }
})

test('a client that leaves in the middle takes its connection to the node with it', async () => {
  const address = `${prefix}.31`
  await using _memcached = await startMemcached(address, port)
  await using _served = await serve(`${prefix}.39`, () => ({ version: 1, nodes: [{ address, port }] }))
  const connections = async (): Promise<number> =>
    Number(/curr_connections (\d+)/.exec(await exchange(address, port, 'stats\r\n'))?.[1])
  let idle = 0
  await until('the connections of the start are closed', async () => {
    const before = idle
    idle = await connections()
    return idle === before
  })
  const client = connect({ host: `${prefix}.39`, port })
  client.write('set half 0 0 100\r\nonly a part')
  await until('the node has one more', async () => (await connections()) === idle + 1)
  client.destroy()
  await until('the node has as many as before', async () => (await connections()) === idle)
})

test('without a living node, discovery is answered and everything else is refused, until one comes', async () => {
  const lonely = { ...node, address: `${prefix}.11` }
  await using _ = await serve(`${prefix}.19`, () => ({ version: 1, nodes: [lonely] }))
  const text = discoveryText({ version: 1, nodes: [lonely] })
  const config = `CONFIG cluster 0 ${text.length}\r\n${text}\r\nEND\r\n`
  const refused = 'SERVER_ERROR no node of this cluster can be reached\r\n'
  const sent = 'get a\r\nconfig get cluster\r\nset a 0 0 19\r\nconfig get cluster\n\r\nset a 0 0 1 noreply\r\nx\r\nquit\r\n'
  assert.equal(await exchange(`${prefix}.19`, port, sent), `${refused}${config}${refused}`)

  const client = connect({ host: `${prefix}.19`, port })
  try {
    client.write('set a 0 0 10\r\nhalf')
    assert.equal(String((await once(client, 'data'))[0]), refused)
    await using _memcached = await startMemcached(lonely.address, port)
    // The other half belongs to a command that was refused: the node must not see it.
    client.write('other!\r\nget a\r\n')
    assert.equal(String((await once(client, 'data'))[0]), 'END\r\n')
  } finally {
    client.destroy()
  }
})

test('where a node throws an answer away the connection ends, and is not waited for', async () => {
  const [forgetful, at] = [`${prefix}.5`, `${prefix}.6`]
  // As Memcached does with the answers before a get with a key that is too long, where they have not left yet.
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes) =>
      socket.write(bytes.includes('get ') ? 'CLIENT_ERROR bad command line format\r\n' : 'VERSION 1.6.18\r\n'),
    )
  })
  server.listen(port, forgetful)
  await once(server, 'listening')
  const sockets = new Set<Socket>()
  const front = createServer({ allowHalfOpen: true }, (client) => {
    sockets.add(client)
    client.once('close', () => sockets.delete(client))
    serveDiscovery(client, () => ({ version: 1, nodes: [{ address: forgetful, port }] }), 200).catch((error: unknown) => {
      if (!(error instanceof ConnectionEnded)) unexpected.push(error)
      client.destroySoon()
    })
  })
  front.listen(port, at)
  await once(front, 'listening')
  try {
    const said = await exchange(at, port, `version\r\nget ${'k'.repeat(300)}\r\nconfig get cluster\r\n`)
    assert.match(said, /^CLIENT_ERROR bad command line format\r\n/)
    await until('its connection is closed', () => sockets.size === 0)
  } finally {
    for (const each of [front, server]) each.close()
    for (const socket of sockets) socket.destroy()
  }
})

test('when its node dies the connection ends, and the next one goes to the next living node', async () => {
  const [first, second] = [`${prefix}.21`, `${prefix}.22`]
  await using one = await startMemcached(first, port)
  await using _two = await startMemcached(second, port)
  await using _served = await serve(`${prefix}.29`, () => ({
    version: 1,
    nodes: [
      { address: first, port },
      { address: second, port },
    ],
  }))
  await exchange(first, port, 'set who 0 0 3\r\none\r\n')
  await exchange(second, port, 'set who 0 0 3\r\ntwo\r\n')
  const client = connect({ host: `${prefix}.29`, port })
  client.on('error', () => client.destroy())
  client.write('get who\r\n')
  assert.match(String((await once(client, 'data'))[0]), /one/)
  const closed = once(client, 'close')
  await one.kill()
  await closed
  assert.match(await exchange(`${prefix}.29`, port, 'get who\r\n'), /two/)
})
